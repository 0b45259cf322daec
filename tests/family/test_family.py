"""A guardian acts for a child: who may, for how long, and what nobody gets at by it. From outside."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from frontdesk import clock
from frontdesk.auth.throttle import FREE_FAILURES
from tests.auth.people import PASSWORD
from tests.family.conftest import CHILD, Person, Town


def names(person: Person) -> list[str]:
    return [ward["first_name"] for ward in person.api.get("/family").json()["items"]]


def test_a_child_gets_a_record_of_its_own_with_the_addresses_of_its_guardian(town: Town) -> None:
    mother = town.person()
    added = mother.api.post("/family", json=CHILD)
    assert added.status_code == 201
    ward = added.json()
    assert ward["until_on"] == "2037-05-04"
    assert ward["relation"] == "mother"
    assert mother.api.get(f"/patients/{ward['patient_id']}").status_code == 404  # not as herself
    acting = mother.acting_for(ward["patient_id"])
    record = acting.api.get(f"/patients/{ward['patient_id']}").json()
    assert record["email"] == mother.email
    assert record["phone"].startswith("+34 600")
    assert record["emergency_contact"] == {"name": "Pia Fall", "phone": record["phone"], "relation": "mother"}
    assert acting.api.get(f"/patients/{mother.id}").status_code == 404  # one person at a time


def test_the_family_is_the_same_whomever_one_acts_for(town: Town) -> None:
    mother = town.person()
    ana, ben = mother.added(), mother.added(first_name="Ben", date_of_birth="2021-01-01")
    before = mother.api.get("/family").json()
    assert before["patient_id"] == before["acts_for"] == str(mother.id)
    acting = mother.acting_for(ana)
    after = acting.api.get("/family").json()
    assert after["items"] == before["items"]
    assert [w["patient_id"] for w in after["items"]] == [ana, ben]
    assert (after["patient_id"], after["acts_for"]) == (str(mother.id), ana)
    sister = acting.acting_for(ben)  # from ward to ward
    assert sister.api.get("/family").json()["acts_for"] == ben
    home = sister.acting_for(mother.id)
    assert home.api.get("/family").json()["acts_for"] == str(mother.id)
    assert home.api.get(f"/patients/{mother.id}").status_code == 200


def test_a_guardian_books_for_the_child_and_the_trail_names_her(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    acting = mother.acting_for(ana)
    booked = acting.api.post("/appointments", json=town.time())
    assert booked.status_code == 201
    assert booked.json()["patient_id"] == ana
    row = town.make.conn.execute("SELECT changed_by FROM appointment WHERE id = %s", (booked.json()["id"],)).fetchone()
    assert row == (mother.user,)
    assert acting.api.post("/appointments", json=town.time() | {"patient_id": str(mother.id)}).status_code == 404
    assert acting.api.get(f"/appointments/{booked.json()['id']}").status_code == 200
    assert mother.again().api.get(f"/appointments/{booked.json()['id']}").status_code == 404
    assert mother.again().api.post("/appointments", json=town.time() | {"patient_id": ana}).status_code == 404


def test_bookings_together_know_whom_a_session_acts_for(town: Town) -> None:
    """The statement that judges ordinary bookings asks the session itself, not the token."""
    mother = town.person()
    ana = mother.added()
    acting = mother.acting_for(ana)
    town.make.conn.execute("UPDATE guardianship SET until_on = current_date - 1 WHERE patient_id = %s", (ana,))
    found = town.make.conn.execute(
        "SELECT count(*) FROM login_session s JOIN user_account u ON u.id = s.user_id WHERE s.acts_for = %s", (ana,)
    ).fetchone()
    assert found == (1,)
    assert acting.api.post("/appointments", json=town.time()).status_code == 401


def test_the_session_that_was_switched_opens_nothing_and_the_new_one_ends_when_it_would_have(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    town.make.conn.execute(
        "UPDATE login_session SET expires_at = now() + interval '1 hour' WHERE user_id = %s", (mother.user,)
    )
    acting = mother.acting_for(ana)
    assert mother.api.get("/family").status_code == 401
    refused = town.service.client().post("/auth/refresh", json={"refresh_token": mother.tokens["refresh_token"]})
    assert refused.status_code == 401
    row = town.make.conn.execute(
        "SELECT expires_at < now() + interval '61 minutes' FROM login_session WHERE acts_for = %s", (ana,)
    ).fetchone()
    assert row == (True,)
    assert acting.api.get("/auth/me").json()["id"] == str(mother.user)


def test_wrong_passwords_are_counted_for_the_log_in_whomever_it_acts_for(town: Town) -> None:
    mother = town.person()
    ana, other = mother.added(), mother.again()
    guess, right = ({"old_password": old, "new_password": "some other plain words"} for old in ("a guess", PASSWORD))
    for whom in (ana, mother.id):
        for _ in range(FREE_FAILURES // 2):
            assert mother.api.post("/auth/password", json=guess).status_code == 403
        mother = mother.acting_for(whom)
    assert mother.api.post("/auth/password", json=right).status_code == 429
    assert mother.acting_for(ana).api.post("/auth/password", json=right).status_code == 429
    assert other.api.post("/auth/password", json=right).status_code == 200, "another log-in has a door of its own"


def test_an_access_token_alone_switches_nothing(town: Town) -> None:
    """It lives for minutes; the session that it would begin, for weeks."""
    mother = town.person()
    ana = mother.added()
    other = mother.again()
    for wrong in (other.tokens["refresh_token"], "nonsense", f"{uuid4().hex}.x"):
        asked = mother.api.post(f"/family/{ana}/session", json={"refresh_token": wrong})
        assert asked.status_code == 401, wrong
    assert mother.switch(ana).status_code == 200
    assert other.api.get("/family").status_code == 200


def test_tokens_are_refreshed_while_acting(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    acting = mother.acting_for(ana)
    new = town.service.client().post("/auth/refresh", json={"refresh_token": acting.tokens["refresh_token"]})
    assert new.status_code == 200
    acting.tokens = new.json()
    assert acting.api.get("/family").json()["acts_for"] == ana
    assert mother.again().api.delete(f"/family/{ana}").status_code == 204
    gone = town.service.client().post("/auth/refresh", json={"refresh_token": acting.tokens["refresh_token"]})
    assert gone.status_code == 401


@pytest.mark.parametrize("path", ["", "/appointments", "/accesses", "/export", "/records", "/notification-preferences"])
def test_nobody_elses_record_opens(town: Town, path: str) -> None:
    mother, stranger = town.person(), town.person()
    ana = mother.added()
    acting = mother.acting_for(ana)
    assert acting.api.get(f"/patients/{ana}{path}").status_code == 200
    for other in (stranger.id, mother.id):
        assert acting.api.get(f"/patients/{other}{path}").status_code == 404
    assert stranger.api.get(f"/patients/{ana}{path}").status_code == 404


def test_nobody_acts_for_somebody_elses_child(town: Town) -> None:
    mother, stranger = town.person(), town.person()
    ana = mother.added()
    for who in (ana, mother.id, uuid4()):
        assert stranger.switch(who).status_code == 404
        assert stranger.api.delete(f"/family/{who}").status_code == 404
    assert names(stranger) == []
    assert names(mother) == ["Ana"]


def test_a_wards_own_wards_are_nobody_elses(town: Town) -> None:
    """No chains: who acts for a grandmother does not act for those she guards."""
    son, grandmother = town.person(), town.person()
    ben = grandmother.added(first_name="Ben")
    town.guardianship(son.id, grandmother.id, relation="son")
    acting = son.acting_for(grandmother.id)
    assert names(acting) == ["Pia"]
    assert acting.switch(ben).status_code == 404
    assert acting.api.delete(f"/family/{ben}").status_code == 404
    assert acting.api.get(f"/patients/{ben}").status_code == 404
    assert acting.acting_for(son.id).api.get(f"/patients/{son.id}").status_code == 200


def test_ended_on_one_device_it_is_over_on_the_other(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    phone = mother.again().acting_for(ana)
    assert phone.api.get("/appointments").status_code == 200
    assert mother.api.delete(f"/family/{ana}").status_code == 204
    assert mother.api.delete(f"/family/{ana}").status_code == 404
    assert phone.api.get("/appointments").status_code == 401
    assert phone.api.post("/appointments", json=town.time()).status_code == 401
    assert mother.switch(ana).status_code == 404
    assert names(mother) == []
    assert phone.switch(mother.id).status_code == 401


def test_what_ended_is_not_woken_by_a_new_beginning(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    phone = mother.again().acting_for(ana)
    assert mother.api.delete(f"/family/{ana}").status_code == 204
    town.guardianship(mother.id, ana)
    assert phone.api.get("/appointments").status_code == 401
    assert mother.switch(ana).status_code == 200


@pytest.mark.parametrize("ended", ["the guardianship", "the log-in", "nothing"])
def test_who_acts_no_longer_does_not_learn_when_the_child_is_busy(town: Town, ended: str) -> None:
    """Free times need no log-in, but a patient's own visits are taken out of them: while their session stands."""
    mother = town.person()
    ana = mother.added()
    acting = mother.again().acting_for(ana)
    if ended == "the log-in":
        acting = mother.again()
    time = town.time()
    assert acting.api.post("/appointments", json=time).status_code == 201
    if ended == "the guardianship":
        assert mother.api.delete(f"/family/{ana}").status_code == 204
    elif ended == "the log-in":
        assert acting.api.post("/auth/logout").status_code == 204
    kind, start, clinic = ({name: time[name]} for name in ("visit_type_id", "start", "clinic_id"))
    other = town.make.provider()
    town.make.every_day(other, town.clinic)
    of = f"/providers/{other}/availability"
    asked = {f"{of}/explain": kind | start | clinic, of: kind, f"{of}/days": kind, "/availability": kind}
    asked |= {"/availability/days": kind, "/stream": {"provider_id": str(other)}}
    for path, query in asked.items():
        if ended == "nothing" and path == "/stream":
            continue  # it does not end
        answer = acting.api.get(path, params=query)
        assert answer.status_code == (200 if ended == "nothing" else 401), path
        assert ("patient-taken" in answer.text) == (ended == "nothing" and path.endswith("explain")), path
    assert town.service.client().get(of, params=kind).status_code == 200


def test_acting_for_the_child_one_can_stop_and_is_out(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    acting = mother.acting_for(ana)
    assert acting.api.delete(f"/family/{ana}").status_code == 204
    assert acting.api.get("/family").status_code == 401


def test_a_child_added_while_acting_is_the_guardians_and_not_the_wards(town: Town) -> None:
    mother = town.person()
    acting = mother.acting_for(mother.added())
    ben = acting.added(first_name="Ben")
    assert names(mother.again()) == ["Ana", "Ben"]
    rows = town.make.conn.execute("SELECT guardian_id FROM guardianship WHERE patient_id = %s", (ben,)).fetchall()
    assert rows == [(mother.id,)]


def test_it_ends_at_the_beginning_of_the_birthday_in_utc(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    phone = mother.again().acting_for(ana)
    conn = town.make.conn
    today = conn.execute("SELECT (now() AT TIME ZONE 'UTC')::date").fetchone()
    assert today is not None
    conn.execute("UPDATE guardianship SET until_on = %s WHERE patient_id = %s", (today[0] + timedelta(days=1), ana))
    assert phone.api.get("/appointments").status_code == 200  # the day before
    conn.execute("UPDATE guardianship SET until_on = %s WHERE patient_id = %s", (today[0], ana))
    assert phone.api.get("/appointments").status_code == 401  # on the day
    asked = town.service.client().post("/auth/refresh", json={"refresh_token": phone.tokens["refresh_token"]})
    assert asked.status_code == 401
    assert mother.switch(ana).status_code == 404
    assert names(mother) == []


def test_who_is_of_age_registers_themself(town: Town) -> None:
    mother, today = town.person(), clock.now().date()
    adult = today.replace(year=today.year - 18) if (today.month, today.day) != (2, 29) else date(today.year - 18, 2, 28)
    refused = mother.api.post("/family", json=CHILD | {"date_of_birth": adult.isoformat()})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["loc"] == ["body", "date_of_birth"]
    tomorrow = adult + timedelta(days=1)
    added = mother.api.post("/family", json=CHILD | {"date_of_birth": tomorrow.isoformat()})
    assert added.status_code == 201, added.text


def test_a_corrected_birth_date_moves_the_day_of_coming_of_age(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    town.registered_here(ana)
    desk = town.desk()
    changed = desk.patch(f"/patients/{ana}", json={"date_of_birth": "2008-02-29"})
    assert changed.status_code == 200
    assert mother.api.get("/family").json()["items"] == []  # of age since
    row = town.make.conn.execute("SELECT until_on FROM guardianship WHERE patient_id = %s", (ana,)).fetchone()
    assert row == (date(2026, 2, 28),)


def test_two_guardians_of_one_child(town: Town) -> None:
    mother, father = town.person(), town.person(first_name="Leo")
    ana = mother.added()
    town.guardianship(father.id, ana, relation="father", until_on=date(2037, 5, 4))
    hers, his = mother.acting_for(ana), father.acting_for(ana)
    booked = hers.api.post("/appointments", json=town.time()).json()
    assert his.api.get(f"/appointments/{booked['id']}").status_code == 200
    assert his.api.post(f"/appointments/{booked['id']}/cancel").status_code == 200
    assert his.api.delete(f"/family/{ana}").status_code == 204
    assert his.api.get("/appointments").status_code == 401
    assert hers.api.get("/appointments").status_code == 200


@pytest.mark.parametrize("whom", ["guardian", "ward", "account"])
def test_who_is_no_patient_any_more_acts_for_nobody(town: Town, whom: str) -> None:
    mother = town.person()
    ana = mother.added()
    phone = mother.again().acting_for(ana)
    table, row = (
        ("user_account", mother.user) if whom == "account" else ("patient", {"guardian": mother.id}.get(whom, ana))
    )
    town.make.conn.execute(f"UPDATE {table} SET active = false WHERE id = %s", (row,))  # type: ignore[arg-type]
    assert phone.api.get("/appointments").status_code == 401
    assert mother.switch(ana).status_code in (401, 404)


def test_a_guardian_adds_only_so_many(town: Town) -> None:
    mother = town.person()
    for number in range(12):
        mother.added(first_name=f"Child {number}")
    refused = mother.api.post("/family", json=CHILD)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/family-full")
    first = mother.api.get("/family").json()["items"][0]["patient_id"]
    assert mother.api.delete(f"/family/{first}").status_code == 204
    assert mother.api.post("/family", json=CHILD).status_code == 409  # nor by forgetting some


def test_no_answer_tells_that_a_child_is_known_here(town: Town) -> None:
    mother, stranger = town.person(), town.person()
    mother.added(first_name="Xenia", last_name="Rarename")
    again = stranger.api.post("/family", json=CHILD | {"first_name": "Xenia", "last_name": "Rarename"})
    new = stranger.api.post("/family", json=CHILD | {"first_name": "Yara", "last_name": "Nobody"})
    assert again.status_code == new.status_code == 201
    assert again.json().keys() == new.json().keys()


def test_a_key_used_for_oneself_is_not_that_of_the_ward(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    key, time = {"Idempotency-Key": str(uuid4())}, town.time()
    assert mother.api.post("/appointments", json=time, headers=key).status_code == 201
    acting = mother.acting_for(ana)
    again = acting.api.post("/appointments", json=time, headers=key)
    assert (again.status_code, again.json()["type"]) == (422, "/problems/idempotency-key-reused")
    own = {"Idempotency-Key": str(uuid4())}
    time = town.time()
    first, second = (acting.api.post("/appointments", json=time, headers=own) for _ in range(2))
    assert first.status_code == 201
    assert first.json() == second.json()


def test_log_out_everywhere_ends_acting_sessions_and_the_links_of_all(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    phone = mother.again().acting_for(ana)
    assert mother.api.post("/auth/logout-everywhere").status_code == 204
    assert phone.api.get("/appointments").status_code == 401
    rows = town.make.conn.execute(
        "SELECT link_generation FROM patient WHERE id = ANY(%s::uuid[])", ([ana, str(mother.id)],)
    )
    assert rows.fetchall() == [(1,), (1,)]


def test_the_list_of_sessions_says_whom_each_acts_for(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    acting = mother.again().acting_for(ana)
    for person, current in ((mother, None), (acting, ana)):
        sessions = person.api.get("/auth/sessions").json()["items"]
        assert {one["acts_for"] for one in sessions} == {None, ana}
        assert [one["acts_for"] for one in sessions if one["current"]] == [current]


def test_who_looked_is_told_truly(town: Town) -> None:
    mother, father = town.person(), town.person()
    ana = mother.added()
    town.guardianship(father.id, ana)
    acting = mother.acting_for(ana)
    acting.api.get(f"/patients/{ana}")
    acting.api.get("/family")
    told = father.acting_for(ana).api.get(f"/patients/{ana}/accesses").json()["items"]
    looks = [entry for entry in told if entry["kind"] == "looked" and entry["what"] == "patients:read"]
    assert [(look["role"], look["display"]) for look in looks] == [("guardian", "somebody who acts for the patient")]
    assert {entry["what"] for entry in told} >= {"patient:insert", "guardianship:insert", "family"}
    assert not {entry["role"] for entry in told} & {"patient"}


def test_an_api_key_acts_for_nobody(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    admin = town.service.client(town.make.token("admin"))
    body = {"user_id": str(mother.user), "name": "a program"}
    assert admin.post("/api-keys", json=body | {"scopes": ["family"]}).status_code == 422
    issued = admin.post("/api-keys", json=body | {"scopes": ["patients:read"]}).json()
    program = town.service.client(issued["key"])
    assert program.get(f"/patients/{mother.id}").status_code == 200
    assert program.get(f"/patients/{ana}").status_code == 404
    asked = program.post(f"/family/{ana}/session", json={"refresh_token": issued["key"]})
    assert asked.status_code == 403
