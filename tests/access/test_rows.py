"""What the service's own role sees in SQL: the rows of whoever is logged in, and nobody else's, even by SELECT *."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from frontdesk import ids
from frontdesk.db import SERVICE_ROLE
from tests.make import Make

SOON = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=3)

PERSONAL = {
    "patient",
    "patient_clinic",
    "appointment",
    "appointment_history",
    "visit",
    "medical_record",
    "break_glass",
    "erasure",
    "audit_entry",
    "notification",
    "notification_preference",
    "push_subscription",
}


@dataclass
class World:
    """Two clinics, two providers, three patients: 0 with 0 at 0, 1 with 1 at 1, 2 registered at clinic 1 only."""

    make: Make
    clinics: list[UUID] = field(default_factory=list)
    providers: list[UUID] = field(default_factory=list)
    patients: list[UUID] = field(default_factory=list)
    visits: list[UUID] = field(default_factory=list)
    logins: dict[str, UUID] = field(default_factory=dict)

    def log_in(self, name: str, role: str, clinic_ids: tuple[UUID, ...] = (), **link: Any) -> None:
        user = self.make.row("user_account", email=f"{name}@example.test", password_hash="none", role=role, **link)
        for clinic_id in clinic_ids:
            self.make.conn.execute(
                "INSERT INTO user_clinic (user_id, clinic_id, changed_by, request_id) VALUES (%s, %s, %s, %s)",
                (user, clinic_id, ids.SYSTEM, ids.SYSTEM),
            )
        until = datetime.now(UTC) + timedelta(hours=1)
        self.logins[name] = self.make.row("login_session", user_id=user, refresh_hash=b"none", expires_at=until)


@pytest.fixture
def world(db: psycopg.Connection) -> World:
    make = Make(db)
    made = World(make)
    made.clinics = [make.clinic(), make.clinic()]
    made.providers = [make.provider(), make.provider()]
    made.patients = [make.patient(), make.patient(), make.patient()]
    kind = make.visit_type()
    for number in (0, 1):
        where = (made.providers[number], made.clinics[number])
        visit = make.appointment(*where, kind, SOON, patient_id=made.patients[number])
        made.visits.append(visit)
        make.row(
            "medical_record", patient_id=made.patients[number], kind="note", title="private", recorded_on=SOON.date()
        )
        db.execute(
            "INSERT INTO visit (appointment_id, notes, changed_by, request_id) VALUES (%s, 'private', %s, %s)",
            (visit, ids.SYSTEM, ids.SYSTEM),
        )
    db.execute(
        "INSERT INTO patient_clinic (patient_id, clinic_id, changed_by, request_id) VALUES (%s, %s, %s, %s)",
        (made.patients[2], made.clinics[1], ids.SYSTEM, ids.SYSTEM),
    )
    made.log_in("patient", "patient", patient_id=made.patients[0])
    made.log_in("provider", "provider", provider_id=made.providers[0])
    made.log_in("desk", "staff", (made.clinics[1],))
    made.log_in("nowhere", "staff")
    made.log_in("admin", "admin")
    return made


@pytest.fixture
def service(database: str, world: World) -> Iterator[psycopg.Connection]:
    """A connection as the service has it."""
    with psycopg.connect(database, autocommit=True, options=f"-c timezone=UTC -c role={SERVICE_ROLE}") as conn:
        yield conn


def enter(conn: psycopg.Connection, login: UUID | None) -> bool:
    row = conn.execute("SELECT enter(%s, %s)", (login, ids.new_id())).fetchone()
    assert row is not None
    return bool(row[0])


def seen(conn: psycopg.Connection, table: str, column: str = "*") -> set[Any]:
    rows = conn.execute(sql.SQL("SELECT {} FROM {}").format(sql.SQL(column), sql.Identifier(table))).fetchall()
    return {row[0] for row in rows}


def everything(conn: psycopg.Connection) -> dict[str, set[Any]]:
    """What SELECT * shows of each table that is about people, by whom it is about."""
    return {
        "patient": seen(conn, "patient", "id"),
        "patient_clinic": seen(conn, "patient_clinic", "patient_id"),
        "appointment": seen(conn, "appointment", "id"),
        "appointment_history": seen(conn, "appointment_history", "appointment_id"),
        "visit": seen(conn, "visit", "appointment_id"),
        "medical_record": seen(conn, "medical_record", "patient_id"),
    }


def shown(
    patients: set[UUID], registered: set[UUID], appointments: set[UUID], visits: set[UUID], records: set[UUID]
) -> dict[str, set[UUID]]:
    return {
        "patient": patients,
        "patient_clinic": registered,
        "appointment": appointments,
        "appointment_history": appointments,
        "visit": visits,
        "medical_record": records,
    }


def test_select_star_shows_what_the_matrix_allows(world: World, service: psycopg.Connection) -> None:
    p0, p1, p2 = world.patients
    v0, v1 = world.visits
    nothing = shown(set(), set(), set(), set(), set())
    allowed = {
        "patient": shown({p0}, set(), {v0}, {v0}, {p0}),
        "provider": shown({p0}, set(), {v0}, {v0}, {p0}),
        "desk": shown({p1, p2}, {p2}, {v1}, set(), set()),
        "nowhere": nothing,
        "admin": shown({p0, p1, p2}, {p2}, {v0, v1}, set(), set()),
    }
    assert everything(service) == nothing
    for name, rows in allowed.items():
        assert enter(service, world.logins[name])
        assert everything(service) == rows, name
    enter(service, None)
    assert everything(service) == nothing


@pytest.mark.parametrize(
    "ended",
    [
        "UPDATE login_session SET revoked_at = now()",
        "UPDATE login_session SET expires_at = now() - interval '1 second'",
        "UPDATE user_account SET active = false",
    ],
)
def test_a_log_in_that_is_over_sees_nothing(
    world: World, db: psycopg.Connection, service: psycopg.Connection, ended: str
) -> None:
    assert enter(service, world.logins["admin"])
    db.execute(ended)  # type: ignore[call-overload]
    assert not enter(service, world.logins["admin"])
    assert everything(service) == shown(set(), set(), set(), set(), set())
    assert not enter(service, ids.new_id())


def test_nobody_changes_rows_they_do_not_see(world: World, service: psycopg.Connection) -> None:
    """An UPDATE without a WHERE touches the viewer's rows alone; one to another's id touches nothing."""
    enter(service, world.logins["patient"])
    assert service.execute("UPDATE patient SET phone = '1', changed_by = id, request_id = id").rowcount == 1
    assert service.execute("UPDATE appointment SET reason = 'x'").rowcount == 1
    assert service.execute("UPDATE visit SET notes = 'x'").rowcount == 0  # read, never written
    moved = "UPDATE appointment SET patient_id = %s WHERE id = %s"
    assert service.execute(moved, (world.patients[0], world.visits[1])).rowcount == 0
    enter(service, world.logins["desk"])
    assert service.execute("UPDATE patient SET phone = '2'").rowcount == 2
    with pytest.raises(psycopg.errors.InsufficientPrivilege):  # not to a clinic that is not theirs
        service.execute("UPDATE appointment SET clinic_id = %s", (world.clinics[0],))
    enter(service, None)
    for table in ("patient", "appointment", "visit"):
        change = sql.SQL("UPDATE {} SET changed_by = %s").format(sql.Identifier(table))
        assert service.execute(change, (ids.SYSTEM,)).rowcount == 0


def test_nobody_books_in_anothers_name(world: World, service: psycopg.Connection) -> None:
    enter(service, world.logins["patient"])
    values = [ids.new_id(), world.providers[1], world.patients[1], world.clinics[1], ids.SYSTEM, ids.SYSTEM]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute(
            "INSERT INTO appointment (id, provider_id, patient_id, clinic_id, visit_type_id, during, claims, status,"
            " changed_by, request_id)"
            " SELECT %s, %s, %s, %s, t.visit_type_id, tstzrange(now(), now() + interval '1 hour'),"
            " tstzrange(now(), now() + interval '1 hour'), 'scheduled', %s, %s FROM taken t WHERE t.id = %s",
            (*values, world.visits[1]),
        )


def test_ledgers_are_not_the_services_to_change(world: World, service: psycopg.Connection) -> None:
    enter(service, world.logins["admin"])
    for statement in (
        "DELETE FROM appointment",
        "DELETE FROM audit_entry",
        "UPDATE audit_entry SET actor = NULL",
        "UPDATE appointment_history SET reason = 'x'",
        "DELETE FROM outbox",
        "UPDATE outbox SET topic = 'x'",
        "TRUNCATE patient CASCADE",
        "ALTER TABLE patient DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE mine (id integer)",
        "SET ROLE postgres",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute(statement)  # type: ignore[call-overload]


def test_busy_times_are_the_same_for_everybody(world: World, service: psycopg.Connection) -> None:
    """Nobody is offered what somebody else has: what is taken does not depend on who looks."""
    span = "tstzrange(now(), now() + interval '10 days')"
    for login in (None, *world.logins.values()):
        enter(service, login)
        assert seen(service, "taken", "id") == set(world.visits)
        for provider in world.providers:
            row = service.execute(f"SELECT provider_busy(%s, {span}, now())", (provider,)).fetchone()
            assert row is not None
            assert len(row[0]) == 1
        rows = service.execute(f"SELECT * FROM patient_taken(%s, {span}, now())", (world.patients[1],)).fetchall()
        assert len(rows) == 1


def test_what_is_taken_names_nobody(service: psycopg.Connection) -> None:
    columns = {column.name for column in service.execute("SELECT * FROM taken LIMIT 0").description or ()}
    personal = {"patient_id", "reason", "meeting", "hold_token_hash", "hold_client", "changed_by", "request_id"}
    assert columns
    assert not columns & personal


def test_every_table_about_people_has_a_policy(db: psycopg.Connection) -> None:
    """A table that names a patient, or a visit, is walled in; or it says here why it need not be."""
    without = {
        "user_account": "log-ins; no clinical or contact data of patients but the address they log in with",
    }
    rows = db.execute(
        "SELECT DISTINCT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT c.relrowsecurity"
        " AND a.attname IN ('patient_id', 'appointment_id', 'date_of_birth') AND c.relname <> 'provider'"
    ).fetchall()
    assert {row[0] for row in rows} <= set(without)
    walled = db.execute("SELECT relname FROM pg_class WHERE relrowsecurity").fetchall()
    assert {row[0] for row in walled} >= PERSONAL


def test_the_services_role_is_bound(db: psycopg.Connection) -> None:
    role = db.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = %s", (SERVICE_ROLE,)
    ).fetchone()
    assert role == (False, False, False, False)
    owned = db.execute("SELECT count(*) FROM pg_class WHERE relowner = %s::regrole", (SERVICE_ROLE,)).fetchone()
    assert owned == (0,)


def test_what_runs_as_the_owner_finds_only_our_tables(db: psycopg.Connection) -> None:
    """A SECURITY DEFINER function names its search_path, or was bound to its tables when it was made."""
    rows = db.execute(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        " AND prosqlbody IS NULL"
        " AND NOT coalesce(proconfig, '{}') @> ARRAY['search_path=public, pg_temp']"
    ).fetchall()
    assert rows == []
