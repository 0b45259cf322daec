"""In the database itself: whoever was shown one appointment reaches that row and no other of the patient's."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest

from frontdesk import ids
from frontdesk.db import SERVICE_ROLE
from tests.access.test_rows import everything
from tests.make import Make

SOON = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=3)


@pytest.fixture
def visits(db: psycopg.Connection) -> list[UUID]:
    """Two visits of one patient, with notes, records and history, and one of somebody else."""
    make = Make(db)
    clinic, provider, kind = make.clinic(), make.provider(), make.visit_type()
    patient, other = make.patient(), make.patient()
    made = []
    for number, whose in enumerate((patient, patient, other)):
        start = SOON + timedelta(hours=number)
        made.append(make.appointment(provider, clinic, kind, start, patient_id=whose))
        db.execute(
            "INSERT INTO visit (appointment_id, notes, changed_by, request_id) VALUES (%s, 'private', %s, %s)",
            (made[-1], ids.SYSTEM, ids.SYSTEM),
        )
        make.row("medical_record", patient_id=whose, kind="note", title="private", recorded_on=SOON.date())
    return made


@pytest.fixture
def service(database: str, visits: list[UUID]) -> Iterator[psycopg.Connection]:
    """A connection as the service has it, in a transaction."""
    with psycopg.connect(database, options=f"-c timezone=UTC -c role={SERVICE_ROLE}") as conn:
        yield conn


def _show(conn: psycopg.Connection, appointment: UUID) -> None:
    conn.execute("SELECT set_config('frontdesk.viewer_appointment', %s, true)", [str(appointment)])


TABLES = ("patient", "patient_clinic", "appointment", "appointment_history", "visit", "medical_record")
NOTHING: dict[str, set[UUID]] = {table: set() for table in TABLES}


def test_one_row_and_its_history(service: psycopg.Connection, visits: list[UUID]) -> None:
    assert everything(service) == NOTHING
    _show(service, visits[0])
    assert everything(service) == NOTHING | {"appointment": {visits[0]}, "appointment_history": {visits[0]}}
    service.commit()
    assert everything(service) == NOTHING  # the next transaction was shown nothing


def test_nothing_else_is_changed(service: psycopg.Connection, visits: list[UUID]) -> None:
    _show(service, visits[0])
    assert service.execute("UPDATE appointment SET reason = 'x'").rowcount == 1
    for statement in (
        "UPDATE patient SET phone = '1'",
        "UPDATE visit SET notes = 'x'",
    ):
        assert service.execute(statement).rowcount == 0  # type: ignore[call-overload]
    # Not even by making the row another one.
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute("UPDATE appointment SET id = gen_random_uuid()")


def test_who_answers_an_offer_sees_what_was_waited_for_and_the_visit_that_would_move(
    service: psycopg.Connection, db: psycopg.Connection, visits: list[UUID]
) -> None:
    make = Make(db)
    row = db.execute("SELECT patient_id, provider_id, clinic_id FROM appointment WHERE id = %s", [visits[0]]).fetchone()
    assert row is not None
    patient, provider, clinic = row
    of: dict[str, Any] = {"patient_id": patient, "provider_id": provider, "urgency": "normal"}
    entry, _ = (
        make.row("waitlist_entry", visit_type_id=make.visit_type(), appointment_id=later, **of)
        for later in (visits[0], visits[1])
    )
    until = SOON + timedelta(days=1)
    place = (provider, clinic, make.visit_type(), SOON - timedelta(hours=2))
    hold = make.appointment(*place, patient_id=patient, status="held", hold_expires_at=until, hold_client="waitlist")
    offer = make.row("waitlist_offer", entry_id=entry, appointment_id=hold, freed_at=SOON, expires_at=until)

    def seen(table: LiteralString) -> set[UUID]:
        return {one for (one,) in service.execute(f"SELECT id FROM {table}").fetchall()}

    _show(service, hold)
    assert (seen("appointment"), seen("waitlist_entry"), seen("waitlist_offer")) == ({hold}, set(), set())
    service.execute(
        "SELECT set_config('frontdesk.viewer_entry', %s, true), set_config('frontdesk.viewer_later', %s, true)",
        [str(entry), str(visits[0])],
    )
    assert (seen("appointment"), seen("waitlist_entry"), seen("waitlist_offer")) == (
        {hold, visits[0]},
        {entry},
        {offer},
    )
    assert (seen("patient"), seen("medical_record")) == (set(), set())
    service.commit()
    assert (seen("appointment"), seen("waitlist_entry"), seen("waitlist_offer")) == (set(), set(), set())


def test_a_link_is_looked_up_without_the_record(service: psycopg.Connection, visits: list[UUID]) -> None:
    cursor = service.execute("SELECT * FROM guest_link(%s, interval '1 day')", [visits[0]])
    told = [column.name for column in cursor.description or ()]
    of_the_offer = ["offer_id", "offer_status", "offered_until", "entry_id", "displaced", "later_id", "later_start"]
    assert told == ["patient_id", "generation", "first_name", "language", "expires_at", "appointment_id", *of_the_offer]
    assert len(cursor.fetchall()) == 1
    assert everything(service) == NOTHING
