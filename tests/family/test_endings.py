"""What an ending leaves behind: no session that acts, no link that opens, whoever is quicker."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, timedelta
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from frontdesk import clock, ids
from frontdesk.auth import sessions
from tests.family.conftest import Person, Town
from tests.family.test_database import session_of
from tests.guests.conftest import Link

pytestmark = pytest.mark.postgres("18")


@pytest.fixture
def open_transaction(town: Town) -> Iterator[psycopg.Connection]:
    """A connection whose transaction is still open while others ask."""
    with psycopg.connect(town.service.dsn, options="-c timezone=UTC") as conn:
        yield conn
        conn.rollback()


def switch_in(conn: psycopg.Connection, person: Person, ward: str) -> None:
    """What a switch of this person's session does, not yet committed."""
    values = {
        "present": session_of(person),
        "patient_id": ward,
        "session_id": ids.new_id(),
        "refresh_hash": b"none",
        "proof": None,
        "grace": timedelta(),
        "not_after": None,
        "request_id": ids.new_id(),
    }
    assert conn.execute(sessions.q.switch, values).fetchone()


def during(town: Town, conn: psycopg.Connection, call: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer to a call that begins during this transaction, which commits when the call waits for it or is over."""
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
    with ThreadPoolExecutor(1) as pool:
        asked: Future[httpx.Response] = pool.submit(call)
        deadline = time.monotonic() + 30
        while not asked.done() and time.monotonic() < deadline:
            row = town.make.conn.execute(blocked, (conn.info.backend_pid,)).fetchone()
            if row and row[0]:
                break
        conn.commit()
        return asked.result(30)


def live(town: Town, ward: str) -> int:
    """How many sessions act for somebody."""
    counted = "SELECT count(*) FROM login_session WHERE acts_for = %s AND revoked_at IS NULL"
    row = town.make.conn.execute(counted, (ward,)).fetchone()
    assert row is not None
    return int(row[0])


def test_an_ending_ends_the_session_that_began_at_the_same_time(
    town: Town, open_transaction: psycopg.Connection
) -> None:
    mother = town.person()
    ana, device = mother.added(), mother.again()
    switch_in(open_transaction, mother, ana)
    assert during(town, open_transaction, lambda: device.api.delete(f"/family/{ana}")).status_code == 204
    assert live(town, ana) == 0


def test_who_switches_during_an_ending_acts_for_nobody(town: Town, open_transaction: psycopg.Connection) -> None:
    mother = town.person()
    ana = mother.added()
    open_transaction.execute("UPDATE guardianship SET ended_at = now() WHERE patient_id = %s", (ana,))
    assert during(town, open_transaction, lambda: mother.switch(ana)).status_code == 401
    assert live(town, ana) == 0


@pytest.mark.parametrize("whom", ["guardian", "ward"])
def test_who_is_active_again_wakes_no_session(town: Town, whom: str) -> None:
    mother = town.person()
    ana = mother.added()
    phone, admin = mother.again().acting_for(ana), town.service.client(town.make.token("admin"))
    patient = {"guardian": mother.id, "ward": ana}[whom]
    for active in (False, True):
        assert admin.patch(f"/patients/{patient}", json={"active": active}).status_code == 200
    assert phone.api.get("/appointments").status_code == 401
    assert live(town, ana) == 0
    assert mother.again().switch(ana).status_code == 200  # they may still, in a new one


def test_who_switches_while_the_child_becomes_inactive_acts_no_more(
    town: Town, open_transaction: psycopg.Connection
) -> None:
    mother, admin = town.person(), town.service.client(town.make.token("admin"))
    ana = mother.added()
    switch_in(open_transaction, mother, ana)
    changed = during(town, open_transaction, lambda: admin.patch(f"/patients/{ana}", json={"active": False}))
    assert changed.status_code == 200
    assert live(town, ana) == 0


def test_who_switches_after_the_child_became_inactive_does_not(
    town: Town, open_transaction: psycopg.Connection
) -> None:
    mother = town.person()
    ana = mother.added()
    open_transaction.execute("UPDATE patient SET active = false WHERE id = %s", (ana,))
    assert during(town, open_transaction, lambda: mother.switch(ana)).status_code == 401
    assert live(town, ana) == 0


def test_a_birth_date_corrected_twice_wakes_no_session(town: Town) -> None:
    mother, admin = town.person(), town.service.client(town.make.token("admin"))
    ana = mother.added()
    phone = mother.again().acting_for(ana)
    for born_on in ("1999-05-04", "2019-05-04"):
        assert admin.patch(f"/patients/{ana}", json={"date_of_birth": born_on}).status_code == 200
    assert phone.api.get("/appointments").status_code == 401
    assert live(town, ana) == 0
    assert mother.switch(ana).status_code == 200


def test_who_came_of_age_by_a_wrong_date_wakes_no_session(town: Town) -> None:
    """It was over by the calendar alone, without any statement."""
    mother, admin = town.person(), town.service.client(town.make.token("admin"))
    born, wrong = date(2019, 5, 4), date(clock.now().year - 18, 1, 1)
    ana = mother.added(date_of_birth=born.isoformat())
    phone, conn = mother.again().acting_for(ana), town.make.conn
    with conn.transaction():  # as if the birthday had come while nobody wrote
        conn.execute("ALTER TABLE guardianship DISABLE TRIGGER guardianship_moved")
        conn.execute("UPDATE patient SET date_of_birth = %s WHERE id = %s", (wrong, ana))
        conn.execute("ALTER TABLE guardianship ENABLE TRIGGER guardianship_moved")
    assert live(town, ana) == 1
    assert phone.api.get("/appointments").status_code == 401
    assert admin.patch(f"/patients/{ana}", json={"date_of_birth": born.isoformat()}).status_code == 200
    assert phone.api.get("/appointments").status_code == 401
    assert mother.switch(ana).status_code == 200


def by_leaving(town: Town, mother: Person, ward: str) -> httpx.Response:
    return mother.api.delete(f"/family/{ward}")


def by_the_desk(town: Town, mother: Person, ward: str) -> httpx.Response:
    town.registered_here(ward)
    return town.desk().delete(f"/patients/{ward}/guardians/{mother.id}")


def by_erasing_the_guardian(town: Town, mother: Person, ward: str) -> httpx.Response:
    admin = town.service.client(town.make.token("admin"))
    return admin.post(f"/patients/{mother.id}/erasures", json={"reason": "asked in person"})


def by_a_corrected_birth_date(town: Town, mother: Person, ward: str) -> httpx.Response:
    admin = town.service.client(town.make.token("admin"))
    return admin.patch(f"/patients/{ward}", json={"date_of_birth": "1999-05-04"})


@pytest.mark.parametrize("end", [by_leaving, by_the_desk, by_erasing_the_guardian, by_a_corrected_birth_date])
def test_links_in_messages_to_the_guardian_open_nothing_after_an_ending(
    town: Town, end: Callable[[Town, Person, str], httpx.Response]
) -> None:
    mother = town.person()
    ana = mother.added()
    # Other contacts than the guardian's: when contacts change, links end by that alone.
    own = "UPDATE patient SET email = NULL, phone = '+34 700 000000', emergency_contact = NULL WHERE id = %s"
    town.make.conn.execute(own, (ana,))
    visit = UUID(mother.again().acting_for(ana).api.post("/appointments", json=town.time()).json()["id"])
    guest = town.service.client()
    guest.base_url = httpx.URL(town.service.url)
    link = Link(town.make, guest, visit, UUID(ana))
    sent = link.path
    assert link.client.get(sent).status_code == 200
    assert end(town, mother, ana).status_code in (200, 201, 204)
    assert link.client.get(sent).status_code == 404
    assert link.get().status_code == 200  # one that is sent now


def test_nothing_of_an_erased_guardian_stays_with_the_wards_or_in_their_trail(town: Town) -> None:
    """Neither what was copied and the guardian has changed since, nor the address, nor the name in an emergency."""
    mark = uuid4().hex[:12]
    name, street, moved = f"Oldname{mark}", f"{mark} Old Street", f"{mark} New Street"
    mother, admin = town.person(last_name=name), town.service.client(town.make.token("admin"))
    old_phone = mother.api.get(f"/patients/{mother.id}").json()["phone"]
    assert admin.patch(f"/patients/{mother.id}", json={"address": street}).status_code == 200
    ana = mother.added(last_name="Ward")
    changed = {
        "email": f"new-{mark}@example.test",
        "phone": "+34 611 999999",
        "address": moved,
        "last_name": f"New{mark}",
    }
    assert admin.patch(f"/patients/{mother.id}", json=changed).status_code == 200
    other = {"name": "Aunt Rosa", "phone": "+34 699 111111"}
    assert admin.patch(f"/patients/{ana}", json={"gender": "female"}).status_code == 200
    ben = mother.added(first_name="Ben", last_name="Ward")
    own = {"phone": "+34 688 222222", "address": "1 Own Street", "emergency_contact": other}
    assert admin.patch(f"/patients/{ben}", json=own).status_code == 200
    assert admin.post(f"/patients/{mother.id}/erasures", json={"reason": "asked in person"}).status_code == 201

    wards = {row["first_name"]: row for row in (admin.get(f"/patients/{ward}").json() for ward in (ana, ben))}
    contacts = ("email", "phone", "address", "emergency_contact")
    assert [wards["Ana"][contact] for contact in contacts] == [None] * 4
    assert wards["Ana"]["gender"] == "female"
    assert [wards["Ben"][contact] for contact in contacts[:3]] == [None, own["phone"], own["address"]]
    assert wards["Ben"]["emergency_contact"]["name"] == other["name"]
    for word in (mark, mother.email, old_phone, changed["phone"]):
        for table in ("patient", "audit_entry", "user_account"):
            found = f"SELECT to_jsonb(t)::text FROM {table} t WHERE strpos(to_jsonb(t)::text, %s) > 0"
            assert town.make.conn.execute(found.encode(), (word,)).fetchall() == [], table
    kept = "SELECT action, count(*) FROM audit_entry WHERE row_id = %s AND table_name = 'patient' GROUP BY 1 ORDER BY 1"
    assert [action for action, _ in town.make.conn.execute(kept, (ben,)).fetchall()] == ["INSERT", "READ", "UPDATE"]
    assert other["name"] in str(
        town.make.conn.execute("SELECT new FROM audit_entry WHERE row_id = %s", (ben,)).fetchall()
    )


def test_what_another_guardian_has_stays_with_the_ward(town: Town) -> None:
    mother, father = town.person(), town.person(first_name="Leo")
    admin = town.service.client(town.make.token("admin"))
    home = {"address": "7 Shared Street", "phone": "+34 91 555 0101"}
    for person in (mother, father):
        assert admin.patch(f"/patients/{person.id}", json=home).status_code == 200
    ana = mother.added()
    town.guardianship(father.id, ana)
    named = {"name": "Leo Fall", "phone": home["phone"]}
    assert admin.patch(f"/patients/{ana}", json={"emergency_contact": named}).status_code == 200
    assert admin.post(f"/patients/{mother.id}/erasures", json={"reason": "asked in person"}).status_code == 201
    ward = admin.get(f"/patients/{ana}").json()
    assert (ward["address"], ward["phone"], ward["email"]) == (home["address"], home["phone"], None)
    assert ward["emergency_contact"]["name"] == "Leo Fall"
