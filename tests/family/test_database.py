"""What the database keeps of families, whatever a program does: as the role of the service, by SQL."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

import httpx
import psycopg
import pytest

from frontdesk import ids
from frontdesk.db import SERVICE_ROLE
from tests.family.conftest import Person, Town
from tests.make import STAMP


@pytest.fixture
def service_role(town: Town) -> Iterator[psycopg.Connection]:
    with psycopg.connect(town.service.dsn, autocommit=True, options=f"-c timezone=UTC -c role={SERVICE_ROLE}") as conn:
        yield conn


def session_of(person: Person) -> UUID:
    return UUID(hex=person.tokens["refresh_token"].partition(".")[0])


def enter(conn: psycopg.Connection, session: UUID) -> bool:
    row = conn.execute("SELECT enter(%s, %s)", (session, ids.new_id())).fetchone()
    assert row is not None
    return bool(row[0])


def test_a_session_shows_one_person(town: Town, service_role: psycopg.Connection) -> None:
    mother = town.person()
    ana = mother.added()
    assert enter(service_role, session_of(mother))
    assert service_role.execute("SELECT id FROM patient").fetchall() == [(mother.id,)]
    acting = mother.acting_for(ana)
    assert not enter(service_role, session_of(mother))
    assert enter(service_role, session_of(acting))
    assert service_role.execute("SELECT id::text FROM patient").fetchall() == [(ana,)]


def test_a_session_that_names_a_stranger_opens_nothing(town: Town, service_role: psycopg.Connection) -> None:
    """Even a service that wrote such a row would see nobody by it."""
    mother, stranger = town.person(), town.person()
    made = ids.new_id()
    service_role.execute(
        "INSERT INTO login_session (id, user_id, refresh_hash, expires_at, acts_for, changed_by, request_id)"
        " VALUES (%s, %s, 'none', now() + interval '1 hour', %s, %s, %s)",
        (made, mother.user, stranger.id, mother.user, made),
    )
    assert not enter(service_role, made)
    assert service_role.execute("SELECT id FROM patient").fetchall() == []


def test_for_whom_a_session_acts_never_changes(town: Town, service_role: psycopg.Connection) -> None:
    mother = town.person()
    ana = mother.added()
    with pytest.raises(psycopg.errors.CheckViolation, match="keeps whom"):
        service_role.execute("UPDATE login_session SET acts_for = %s WHERE id = %s", (ana, session_of(mother)))
    with pytest.raises(psycopg.errors.CheckViolation, match="keeps whom"):
        service_role.execute(
            "UPDATE login_session SET user_id = %s WHERE id = %s", (town.person().user, session_of(mother))
        )


def test_a_patient_attaches_no_record_that_was_there(town: Town, service_role: psycopg.Connection) -> None:
    mother, stranger = town.person(), town.person()
    ana = mother.added()
    enter(service_role, session_of(mother))
    insert = (
        "INSERT INTO guardianship (id, guardian_id, patient_id, changed_by, request_id)"
        " VALUES (%(id)s, %(guardian)s, %(ward)s, %(changed_by)s, %(request_id)s)"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service_role.execute(insert, {"id": ids.new_id(), "guardian": mother.id, "ward": stranger.id, **STAMP})
    for change in ("patient_id = guardian_id", "until_on = NULL", "guardian_id = guardian_id"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service_role.execute(f"UPDATE guardianship SET {change} WHERE patient_id = %s", (ana,))  # type: ignore[arg-type]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service_role.execute("DELETE FROM guardianship")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service_role.execute(
            "INSERT INTO patient (id, first_name, last_name, date_of_birth, changed_by, request_id)"
            " VALUES (%s, 'A', 'B', '2020-01-01', %s, %s)",
            (ids.new_id(), *STAMP.values()),
        )


def test_others_families_are_not_seen_or_ended(town: Town, service_role: psycopg.Connection) -> None:
    mother, stranger = town.person(), town.person()
    mother.added()
    enter(service_role, session_of(stranger))
    assert service_role.execute("SELECT FROM guardianship").fetchall() == []
    assert service_role.execute("UPDATE guardianship SET ended_at = now()").rowcount == 0
    rows = service_role.execute("SELECT patient_id FROM family()").fetchall()
    assert rows == [(stranger.id,)]
    assert service_role.execute("SELECT FROM guardians_of(%s)", (mother.id,)).fetchall() == []


def test_nobody_is_their_own_guardian_and_two_are_one_pair_once(town: Town) -> None:
    mother, other = town.person(), town.person()
    with pytest.raises(psycopg.errors.CheckViolation):
        town.guardianship(mother.id, mother.id)
    town.guardianship(mother.id, other.id)
    with pytest.raises(psycopg.errors.UniqueViolation):
        town.guardianship(mother.id, other.id)


def test_erasing_a_ward_ends_it_and_its_sessions(town: Town) -> None:
    mother, admin = town.person(), town.service.client(town.make.token("admin"))
    ana = mother.added()
    phone = mother.again().acting_for(ana)
    assert admin.post(f"/patients/{ana}/erasures", json={"reason": "asked in person"}).status_code == 201
    assert phone.api.get("/appointments").status_code == 401
    assert mother.api.get("/family").json()["items"] == []
    row = town.make.conn.execute("SELECT ended_at IS NULL, relation FROM guardianship WHERE patient_id = %s", (ana,))
    assert row.fetchone() == (False, None)


def test_erasing_a_guardian_takes_their_addresses_from_the_wards(town: Town) -> None:
    """No message about the child goes to somebody who is to be forgotten; what another guardian gave stays."""
    mother, father = town.person(), town.person()
    admin = town.service.client(town.make.token("admin"))
    ana, ben = mother.added(), mother.added(first_name="Ben")
    town.guardianship(father.id, ben)
    conn = town.make.conn
    conn.execute(
        "UPDATE patient SET phone = (SELECT phone FROM patient WHERE id = %s) WHERE id = %s", (mother.id, father.id)
    )
    phone = mother.again().acting_for(ana)
    assert admin.post(f"/patients/{mother.id}/erasures", json={"reason": "asked in person"}).status_code == 201
    assert phone.api.get("/appointments").status_code == 401
    rows = conn.execute(
        "SELECT email IS NULL, phone IS NULL, emergency_contact IS NULL, active FROM patient WHERE id = ANY(%s::uuid[])"
        " ORDER BY date_of_birth, first_name",
        ([ana, ben],),
    ).fetchall()
    assert rows == [(True, True, True, True), (True, False, True, True)]
    assert father.acting_for(ben).api.get(f"/patients/{ben}").status_code == 200


def test_a_patient_with_a_family_is_not_deleted(town: Town) -> None:
    admin, mother = town.service.client(town.make.token("admin")), town.person()
    ana = mother.added()
    assert mother.api.delete(f"/family/{ana}").status_code == 204
    assert admin.delete(f"/patients/{ana}").status_code == 409


def together(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """The answers to calls that begin at once."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], httpx.Response]) -> httpx.Response:
        barrier.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_two_who_switch_one_session_one_wins(town: Town) -> None:
    mother = town.person()
    ana, ben = mother.added(), mother.added(first_name="Ben")
    for _ in range(5):
        device = mother.again()
        answers = together(*(partial(device.switch, ward) for ward in (ana, ben, mother.id, ana, ben)))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


def test_an_ending_and_bookings_at_once(town: Town) -> None:
    """Either a booking was first, or it was refused; and after the ending was answered, none is made."""
    mother = town.person()
    for _ in range(6):
        ana = mother.again().added()
        device, acting = mother.again(), mother.again().acting_for(ana)
        bookings = [partial(acting.api.post, "/appointments", json=town.time()) for _ in range(4)]
        ended, *booked = together(partial(device.api.delete, f"/family/{ana}"), *bookings)
        assert ended.status_code == 204
        assert {answer.status_code for answer in booked} <= {201, 401}
        assert acting.api.post("/appointments", json=town.time()).status_code == 401
        rows = town.make.conn.execute("SELECT count(*) FROM appointment WHERE patient_id = %s", (ana,)).fetchone()
        assert rows == (sum(answer.status_code == 201 for answer in booked),)


def test_the_export_tells_of_guardians_and_wards(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    acting = mother.again().acting_for(ana)
    mine, hers = (
        mother.api.get(f"/patients/{mother.id}/export").json(),
        acting.api.get(f"/patients/{ana}/export").json(),
    )
    assert [(one["guardian_id"], one["patient_id"]) for one in mine["family"]] == [(str(mother.id), ana)]
    assert mine["family"] == hers["family"]
    assert hers["family"][0]["relation"] == "mother"
