"""Group sessions and visits of several parts, by the database alone (invariant 1)."""

import threading
from typing import Any
from uuid import UUID

import psycopg
import pytest

from frontdesk import ids
from tests.concurrency.rows import Rows, at, refused_by, span
from tests.make import Make

IN_SESSION = "appointment_seat_in_session"


@pytest.fixture
def session(rows: Rows) -> UUID:
    """Three seats from 09:00 to 10:00."""
    return rows.visit(0, patient=None, minutes=60, capacity=3, room_id=rows.rooms[0])


def seat(rows: Rows, session: UUID, number: int, **columns: Any) -> UUID:
    """A seat for a patient of its own unless `patient_id` names one."""
    taken = {"minutes": 60, "patient_id": rows.make.patient()} | columns
    return rows.visit(taken.pop("start", 0), session_id=session, seat=number, **taken)


def test_seats_do_not_claim_the_provider_but_the_session_does(rows: Rows, session: UUID) -> None:
    for number in (1, 2, 3):
        seat(rows, session, number)
    refused_by("appointment_provider_free", lambda: rows.visit(30))
    refused_by("appointment_room_free", lambda: rows.visit(30, provider=1, room_id=rows.rooms[0]))


def test_a_seat_is_given_once_and_there_are_no_more_than_the_capacity(rows: Rows, session: UUID) -> None:
    first = seat(rows, session, 1)
    refused_by("appointment_seat_once", lambda: seat(rows, session, 1))
    refused_by(IN_SESSION, lambda: seat(rows, session, 4))
    rows.set(first, status="cancelled")
    seat(rows, session, 1)


def test_a_seat_claims_its_patient(rows: Rows, session: UUID) -> None:
    rows.visit(30, provider=1, patient=0)
    refused_by("appointment_patient_free", lambda: seat(rows, session, 1, patient_id=rows.patients[0]))


def test_a_seat_lies_in_its_session(rows: Rows, session: UUID) -> None:
    refused_by(IN_SESSION, lambda: seat(rows, session, 1, start=15))
    refused_by(IN_SESSION, lambda: seat(rows, session, 1, provider=1))
    refused_by(IN_SESSION, lambda: seat(rows, rows.visit(300), 1, start=300, minutes=30))
    rows.set(session, status="cancelled")
    refused_by(IN_SESSION, lambda: seat(rows, session, 1))


def test_a_seat_stays_in_its_session(rows: Rows, session: UUID) -> None:
    """Also by UPDATE: neither a seat leaves its session, nor a session its seats."""
    there = span(200, 260)
    third = seat(rows, session, 3)
    refused_by(IN_SESSION, lambda: rows.set(third, seat=4))
    refused_by(IN_SESSION, lambda: rows.set(third, during=there, claims=there))
    refused_by(IN_SESSION, lambda: rows.set(session, during=there, claims=there))
    refused_by(IN_SESSION, lambda: rows.set(session, capacity=2))
    refused_by(IN_SESSION, lambda: rows.set(session, status="cancelled"))
    rows.set(third, status="no_show")
    rows.set(session, during=there, claims=there)
    refused_by(IN_SESSION, lambda: rows.set(third, status="checked_in"))
    rows.set(session, status="cancelled")


def test_rivals_for_the_last_seats(database: str, rows: Rows, session: UUID) -> None:
    """12 sessions, 3 seats; and one of them cancels the session in the middle of it."""
    rivals = 12
    patients = [rows.make.patient() for _ in range(rivals)]
    gate, outcomes = threading.Barrier(rivals + 1), list[str]()

    def rival(number: int, patient: UUID) -> None:
        with psycopg.connect(database, autocommit=True) as conn:
            gate.wait()
            try:
                Make(conn).appointment(
                    rows.providers[0],
                    rows.clinic,
                    rows.visit_type,
                    at(0),
                    60,
                    patient_id=patient,
                    session_id=session,
                    seat=number,
                )
                outcomes.append("seated")
            except psycopg.errors.IntegrityError as error:
                outcomes.append(error.diag.constraint_name or "")

    threads = [threading.Thread(target=rival, args=(1 + n % 3, patient)) for n, patient in enumerate(patients)]
    for thread in threads:
        thread.start()
    gate.wait()
    cancelled = True
    try:
        rows.set(session, status="cancelled")
    except psycopg.errors.CheckViolation:
        cancelled = False
    for thread in threads:
        thread.join()
    assert outcomes.count("seated") == (0 if cancelled else 3), (cancelled, outcomes)
    assert set(outcomes) <= {"seated", "appointment_seat_once", IN_SESSION}


def _group(conn: psycopg.Connection[Any], parts: int) -> UUID:
    return Make(conn).row("appointment_group", part_count=parts)


def test_parts_are_booked_whole_or_not_at_all(rows: Rows) -> None:
    conn = rows.make.conn
    with conn.transaction():
        whole = _group(conn, 2)
        rows.visit(0, group_id=whole, part=1)
        rows.visit(30, provider=1, group_id=whole, part=2)
    for times in ([0], [0, 30, 60]):

        def book(times: list[int] = times) -> None:
            with conn.transaction():
                group = _group(conn, 2)
                for part, start in enumerate(times, start=1):
                    rows.visit(1000 + start, group_id=group, part=part)

        refused_by("appointment_group_complete", book)
    refused_by("appointment_group_complete", lambda: rows.visit(2000, group_id=whole, part=3))

    def second_part_taken() -> None:
        with conn.transaction():
            group = _group(conn, 2)
            rows.visit(1000, group_id=group, part=1)
            rows.visit(30, provider=1, patient=1, group_id=group, part=2)

    refused_by("appointment_provider_free", second_part_taken)
    assert conn.execute("SELECT count(*) FROM appointment").fetchone() == (2,)
    assert conn.execute("SELECT count(*) FROM appointment_group").fetchone() == (1,)


def test_two_who_book_half_a_group_each_both_fail(database: str, rows: Rows) -> None:
    """The count at commit sees only what is committed, so halves never make a whole."""
    group = _group(rows.make.conn, 2)
    with psycopg.connect(database) as one, psycopg.connect(database) as other:
        for part, conn in enumerate((one, other), start=1):
            Make(conn).appointment(
                rows.providers[part - 1],
                rows.clinic,
                rows.visit_type,
                at(0),
                patient_id=rows.patients[part - 1],
                group_id=group,
                part=part,
            )
        for conn in (one, other):
            refused_by("appointment_group_complete", conn.commit)
    assert rows.make.conn.execute(
        "SELECT count(*) FROM appointment WHERE changed_by = %s", (ids.SYSTEM,)
    ).fetchone() == (0,)
