"""The state machine, the history and the audit trail, by the database alone (invariants 3, 5 and 6)."""

from typing import Any

import psycopg
import pytest

from frontdesk import ids
from tests.concurrency.rows import NINE, Rows, refused_by, span

STEPS = {
    "held": {"scheduled", "expired", "cancelled"},
    "scheduled": {"confirmed", "checked_in", "cancelled", "no_show"},
    "confirmed": {"checked_in", "cancelled", "no_show"},
    "checked_in": {"in_progress", "cancelled", "no_show"},
    "in_progress": {"completed"},
    "completed": set(),
    "cancelled": set(),
    "no_show": {"checked_in"},
    "expired": set(),
}
"""DESIGN §3, invariant 3, copied by hand: the table `appointment_step` is what is under test."""

AUDITED = {
    "clinic",
    "room",
    "specialty",
    "provider",
    "provider_specialty",
    "provider_clinic",
    "provider_visit_type",
    "visit_type",
    "patient",
    "patient_clinic",
    "guardianship",
    "user_account",
    "user_clinic",
    "schedule",
    "schedule_exception",
    "closure",
    "appointment",
    "appointment_group",
    "visit",
    "waitlist_entry",
    "waitlist_offer",
    "medical_record",
    "break_glass",
    "login_session",
    "api_key",
    "totp_factor",
    "recovery_code",
    "passkey",
    "notification_preference",
    "push_subscription",
}


@pytest.mark.parametrize("before", STEPS)
def test_every_pair_of_statuses(rows: Rows, before: str) -> None:
    for n, after in enumerate(set(STEPS) - {before}):
        visit = rows.visit(30 * n, status=before, origin="imported", hold_expires_at=NINE)
        if after in STEPS[before]:
            rows.set(visit, status=after)
        else:
            refused_by("appointment_status_step", lambda visit=visit, after=after: rows.set(visit, status=after))
        row = rows.make.conn.execute("SELECT status FROM appointment WHERE id = %s", (visit,)).fetchone()
        assert row == (after if after in STEPS[before] else before,)


@pytest.mark.parametrize("status", sorted(set(STEPS) - {"held", "scheduled"}))
def test_a_visit_begins_at_the_beginning(rows: Rows, status: str) -> None:
    refused_by("appointment_status_step", lambda: rows.visit(0, status=status))


def test_a_move_undoes_the_confirmation_and_is_possible_only_before_the_visit(rows: Rows) -> None:
    visit = rows.visit(0)
    rows.set(visit, status="confirmed")
    rows.set(visit, during=span(30, 60), claims=span(30, 60))
    assert rows.make.conn.execute("SELECT status, version FROM appointment").fetchone() == ("scheduled", 3)
    moved = {"during": span(60, 90), "claims": span(60, 90)}
    refused_by("appointment_moves_before_visit", lambda: rows.set(visit, status="checked_in", **moved))
    for status in ("checked_in", "in_progress", "completed"):
        rows.set(visit, status=status)
        refused_by("appointment_moves_before_visit", lambda: rows.set(visit, **moved))


def test_an_appointment_keeps_its_patient_and_a_visit_has_one(rows: Rows) -> None:
    visit = rows.visit(0)
    refused_by("appointment_keeps_patient", lambda: rows.set(visit, patient_id=rows.patients[1]))
    refused_by("appointment_keeps_patient", lambda: rows.set(visit, patient_id=None))
    hold = rows.visit(60, patient=None, status="held", hold_expires_at=NINE)
    refused_by("appointment_has_patient", lambda: rows.set(hold, status="scheduled"))


def test_history_tells_each_change_once(rows: Rows) -> None:
    actor, request = ids.new_id(), ids.new_id()
    visit = rows.visit(0)
    rows.set(visit, reason="a cough", changed_by=actor)  # no change of status, time or place
    rows.set(visit, status="confirmed", changed_by=actor, request_id=request)
    rows.set(visit, during=span(30, 60), claims=span(30, 60))
    told = rows.make.conn.execute(
        "SELECT version, from_status, to_status, during, changed_by, request_id"
        " FROM appointment_history ORDER BY version"
    ).fetchall()
    assert told == [
        (1, None, "scheduled", span(0, 30), ids.SYSTEM, ids.SYSTEM),
        (3, "scheduled", "confirmed", span(0, 30), actor, request),
        (4, "confirmed", "scheduled", span(30, 60), actor, request),
    ]


@pytest.mark.parametrize("table", ["appointment_history", "audit_entry"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET request_id = gen_random_uuid()", "DELETE FROM {}", "TRUNCATE {}"])
def test_trails_only_grow(rows: Rows, table: str, statement: str) -> None:
    rows.visit(0)
    with pytest.raises(psycopg.errors.RestrictViolation):
        rows.make.conn.execute(statement.format(table))
    count = rows.make.conn.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert count != (0,)


def test_nothing_that_happened_is_deleted(rows: Rows) -> None:
    visit = rows.visit(0)
    for table, id_ in (("appointment", visit), ("patient", rows.patients[0]), ("provider", rows.providers[0])):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            rows.make.conn.execute(f"DELETE FROM {table} WHERE id = %s", (id_,))


def test_every_table_of_people_and_schedules_is_audited(rows: Rows) -> None:
    """A table that is new must be named here or among the ledgers below, and have its trigger."""
    ledgers = {
        "appointment_history",
        "outbox",
        "idempotency_key",
        "rate_limit",
        "plan_version",
        "audit_entry",
        "audit_seal",
        "erasure",
        "appointment_step",
        "schema_migration",
        "password_reset",
        "contact_code",
        "wrong_guess",
        "second_step",
        "passkey_challenge",
        "outgoing_message",
        "event_cursor",
        "handled_event",
        "dead_event",
        "failing_job",
        "notification",
        "message_tally",
    }
    found = rows.make.conn.execute(
        "SELECT c.relname, bool_or(t.tgtype & 4 > 0) AND bool_or(t.tgtype & 8 > 0) AND bool_or(t.tgtype & 16 > 0)"
        " FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgfoid = 'audit'::regproc"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY c.relname"
    ).fetchall()
    assert {table for table, _ in found} - ledgers == AUDITED
    assert {table for table, audited in found if audited and table not in ledgers} == AUDITED


def test_an_audit_row_holds_actor_request_old_and_new(rows: Rows) -> None:
    conn = rows.make.conn
    actor, request = ids.new_id(), ids.new_id()
    room = rows.rooms[0]
    conn.execute(
        "UPDATE room SET kind = 'x-ray', changed_by = %s, request_id = %s WHERE id = %s", (actor, request, room)
    )
    with conn.transaction():
        conn.execute("SELECT set_config('frontdesk.actor', %s, true)", (str(actor),))
        conn.execute("SELECT set_config('frontdesk.request_id', %s, true)", (str(request),))
        conn.execute("DELETE FROM room WHERE id = %s", (room,))
    entries: list[tuple[Any, ...]] = conn.execute(
        "SELECT action, actor, request_id, old ->> 'kind', new ->> 'kind'"
        " FROM audit_entry WHERE row_id = %s ORDER BY id",
        (str(room),),
    ).fetchall()
    assert entries == [
        ("INSERT", ids.SYSTEM, ids.SYSTEM, None, "consultation"),
        ("UPDATE", actor, request, "consultation", "x-ray"),
        ("DELETE", actor, request, "x-ray", None),
    ]
