"""In the database itself: whoever was shown one appointment reaches that row and no other of the patient's."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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


def test_a_link_is_looked_up_without_the_record(service: psycopg.Connection, visits: list[UUID]) -> None:
    cursor = service.execute("SELECT * FROM guest_link(%s, interval '1 day')", [visits[0]])
    told = [column.name for column in cursor.description or ()]
    assert told == ["patient_id", "generation", "first_name", "language", "expires_at"]
    assert len(cursor.fetchall()) == 1
    assert everything(service) == NOTHING
