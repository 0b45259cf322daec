"""The trail from the side of the service's own role, in SQL: looks may be added, nothing read or changed directly."""

from uuid import UUID

import psycopg
import pytest

from frontdesk import ids
from frontdesk.db import SERVICE_ROLE
from tests.audit.trail import Trail

SEEN = "SELECT count(*) FROM audit_trail(NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1000)"
ACCESSES = "SELECT count(*) FROM patient_accesses(%s, NULL, 1000)"


def as_service(trail: Trail, role: str | None, patient: UUID | None = None) -> psycopg.Connection:
    """The trail's connection, as one of the service's pool that works for somebody of this role."""
    token_of = trail.make.token(role, patient_id=patient) if role else None
    session = trail.rows("SELECT id FROM login_session ORDER BY id DESC LIMIT 1")[0]["id"] if token_of else None
    trail.conn.execute(f"SET ROLE {SERVICE_ROLE}".encode())
    trail.conn.execute("SELECT enter(%s, %s)", (session, ids.new_id()))
    return trail.conn


@pytest.mark.parametrize(("role", "everything"), [(None, False), ("patient", False), ("staff", False), ("admin", True)])
def test_only_an_admin_sees_entries(trail: Trail, role: str | None, everything: bool) -> None:
    patient = trail.make.patient()
    conn = as_service(trail, role, patient if role == "patient" else None)
    assert (conn.execute(SEEN).fetchone() != (0,)) is everything


@pytest.mark.parametrize("role", [None, "patient", "staff", "admin"])
def test_accesses_are_for_the_patient_and_for_admins(trail: Trail, role: str | None) -> None:
    own, other = trail.make.patient(), trail.make.patient()
    conn = as_service(trail, role, own if role == "patient" else None)
    seen = {name: conn.execute(ACCESSES, (patient,)).fetchone() for name, patient in (("own", own), ("other", other))}
    assert seen == {"own": (int(role in ("patient", "admin")),), "other": (int(role == "admin"),)}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM audit_entry",
        "SELECT * FROM audit_seal",
        "UPDATE audit_entry SET actor = NULL",
        "DELETE FROM audit_seal",
        "INSERT INTO audit_seal VALUES (1, 1, '1', '', '', '')",
        "INSERT INTO audit_entry (table_name, row_id, action) VALUES ('patient', 'x', 'ERASE')",
        "SELECT erase_audit_values('{}', gen_random_uuid(), '', gen_random_uuid(), gen_random_uuid())",
    ],
)
def test_the_service_neither_reads_nor_changes_the_trail_itself(trail: Trail, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_service(trail, "admin").execute(statement.encode())
