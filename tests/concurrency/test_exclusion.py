"""Invariant 1 by the database alone: plain SQL without any service, and what it does with overlapping rows."""

import threading
from datetime import timedelta
from functools import partial
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import ExclusionViolation
from psycopg.types.range import TimestamptzRange

from frontdesk import ids
from tests.concurrency.proof import prove
from tests.concurrency.rows import NINE, Rows, at, refused_by, span
from tests.make import Make

OVERLAPPING = [(0, 30), (-29, 30), (29, 30), (10, 5), (-60, 120)]


@pytest.mark.parametrize(("start", "minutes"), OVERLAPPING)
def test_a_provider_is_in_one_place(rows: Rows, start: int, minutes: int) -> None:
    rows.visit(0)
    refused_by("appointment_provider_free", lambda: rows.visit(start, patient=1, minutes=minutes))


@pytest.mark.parametrize(("start", "minutes"), OVERLAPPING)
def test_a_patient_is_in_one_place(rows: Rows, start: int, minutes: int) -> None:
    rows.visit(0)
    refused_by("appointment_patient_free", lambda: rows.visit(start, provider=1, minutes=minutes))


@pytest.mark.parametrize(("start", "minutes"), OVERLAPPING)
def test_a_room_holds_one_visit(rows: Rows, start: int, minutes: int) -> None:
    rows.visit(0, room_id=rows.rooms[0])
    there = {"provider": 1, "patient": 1, "minutes": minutes}
    refused_by("appointment_room_free", lambda: rows.visit(start, room_id=rows.rooms[0], **there))
    rows.visit(start, room_id=rows.rooms[1], **there)


def test_half_open_times_touch(rows: Rows) -> None:
    for start in (0, 30, -30):
        rows.visit(start, room_id=rows.rooms[0])
    last = rows.visit(60)
    for wrong in (TimestamptzRange(at(60), at(90), "[]"), TimestamptzRange(at(60), at(60))):
        write = partial(rows.set, last, during=wrong, claims=span(60, 100))
        refused_by("appointment_during_half_open", write)


def test_buffers_claim_provider_and_room_but_not_the_patient(rows: Rows) -> None:
    rows.visit(0, claims=span(-10, 45), room_id=rows.rooms[0])
    refused_by("appointment_provider_free", lambda: rows.visit(30, patient=1))
    refused_by("appointment_provider_free", lambda: rows.visit(-35, patient=1))
    refused_by("appointment_room_free", lambda: rows.visit(30, provider=1, patient=1, room_id=rows.rooms[0]))
    rows.visit(30, provider=1)
    rows.visit(45, patient=1)
    with pytest.raises(psycopg.errors.CheckViolation):
        rows.visit(200, claims=span(205, 230))


def test_a_hold_blocks_like_a_visit_even_overdue(rows: Rows) -> None:
    held = {"status": "held", "hold_expires_at": NINE - timedelta(days=3000), "patient": None}
    hold = rows.visit(0, **held)
    refused_by("appointment_provider_free", lambda: rows.visit(0))
    refused_by("appointment_provider_free", lambda: rows.visit(15, **held))
    rows.set(hold, status="expired")
    rows.visit(0)


def test_an_overbooking_takes_another_lane_and_says_why(rows: Rows) -> None:
    rows.visit(0)
    why = {"lane": 1, "override_reason": "the fever cannot wait"}
    with pytest.raises(psycopg.errors.CheckViolation):
        rows.visit(0, patient=1, lane=1)
    rows.visit(0, patient=1, **why)
    rows.patients.append(rows.make.patient())
    refused_by("appointment_provider_free", lambda: rows.visit(10, patient=2, **why))
    with pytest.raises(psycopg.errors.NotNullViolation):
        rows.visit(0, patient=2, lane=None, override_reason="a NULL never conflicts")
    refused_by("appointment_patient_free", lambda: rows.visit(0, patient=1, lane=2, override_reason="twice the same"))


@pytest.mark.parametrize("status", ["cancelled", "no_show", "expired"])
def test_only_live_rows_block(rows: Rows, status: str) -> None:
    rows.visit(0, status=status, origin="imported")
    rows.visit(0)


def test_a_move_is_judged_like_a_booking_and_never_by_itself(rows: Rows) -> None:
    visit = rows.visit(0)
    rows.visit(60, patient=1)
    rows.set(visit, during=span(15, 45), claims=span(15, 45))
    refused_by("appointment_provider_free", lambda: rows.set(visit, during=span(45, 75), claims=span(45, 75)))
    assert rows.make.conn.execute("SELECT during FROM appointment WHERE id = %s", (visit,)).fetchone() == (
        span(15, 45),
    )


def test_a_late_arrival_is_judged_like_a_booking(rows: Rows) -> None:
    late = rows.visit(0)
    rows.set(late, status="no_show")
    other = rows.visit(15, patient=1)
    refused_by("appointment_provider_free", lambda: rows.set(late, status="checked_in"))
    rows.set(other, status="cancelled")
    rows.set(late, status="checked_in")


def test_a_room_is_in_its_clinic(rows: Rows) -> None:
    elsewhere = rows.make.room(rows.make.clinic())
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        rows.visit(0, room_id=elsewhere)


def test_plain_inserts_of_many_sessions(database: str, rows: Rows) -> None:
    """Programs that know nothing of our locks: whatever becomes of them, at most one gets in, and never two."""
    rivals = 12
    patients = [rows.make.patient() for _ in range(rivals)]
    gate, outcomes = threading.Barrier(rivals), list[str]()

    def rival(patient: UUID, start: int) -> None:
        with psycopg.connect(database, autocommit=True) as conn:
            gate.wait()
            try:
                Make(conn).appointment(rows.providers[0], rows.clinic, rows.visit_type, at(start), patient_id=patient)
                outcomes.append("booked")
            except (ExclusionViolation, psycopg.errors.DeadlockDetected) as error:
                outcomes.append(type(error).__name__)

    for round_ in range(5):
        outcomes.clear()
        threads = [
            threading.Thread(target=rival, args=(patient, 100 * round_ + 7 * (n % 4)))
            for n, patient in enumerate(patients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == rivals
        assert outcomes.count("booked") == 1, outcomes
    prove(rows.make.conn, [rows.clinic])
    assert rows.make.conn.execute(
        "SELECT count(*) FROM appointment WHERE changed_by = %s", (ids.SYSTEM,)
    ).fetchone() == (5,)
