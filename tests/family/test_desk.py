"""The front desk puts guardian and patient together, and parts them."""

from datetime import timedelta
from uuid import uuid4

from frontdesk import clock
from tests.family.conftest import Person, Town


def linked(town: Town) -> tuple[Person, Person]:
    """Two patients whom the desk of the clinic sees."""
    son, mother = town.person(first_name="Iker"), town.person(date_of_birth="1940-01-01")
    for one in (son, mother):
        town.registered_here(one.id)
    return son, mother


def test_the_desk_lets_somebody_act_for_an_adult_until_it_ends_it(town: Town) -> None:
    son, mother = linked(town)
    desk = town.desk()
    body = {"guardian_id": str(son.id), "relation": "son"}
    made = desk.post(f"/patients/{mother.id}/guardians", json=body)
    assert made.status_code == 201
    assert made.json()["until_on"] is None
    assert desk.get(f"/patients/{mother.id}/guardians").json()["items"] == [made.json()]
    assert desk.post(f"/patients/{mother.id}/guardians", json=body).json()["type"] == "/problems/guardian-already"
    acting = son.acting_for(mother.id)
    assert acting.api.get(f"/patients/{mother.id}").status_code == 200
    assert desk.delete(f"/patients/{mother.id}/guardians/{son.id}").status_code == 204
    assert desk.delete(f"/patients/{mother.id}/guardians/{son.id}").status_code == 404
    assert acting.api.get(f"/patients/{mother.id}").status_code == 401
    assert desk.post(f"/patients/{mother.id}/guardians", json=body).status_code == 201


def test_what_ended_by_itself_can_begin_anew(town: Town) -> None:
    son, mother = linked(town)
    town.guardianship(son.id, mother.id, until_on=clock.now().date() - timedelta(days=1))
    made = town.desk().post(f"/patients/{mother.id}/guardians", json={"guardian_id": str(son.id), "relation": "son"})
    assert made.status_code == 201, made.text


def test_a_child_is_linked_until_it_comes_of_age(town: Town) -> None:
    son, _ = linked(town)
    child = town.make.patient(date_of_birth="2020-02-29")
    town.registered_here(child)
    body = {"guardian_id": str(son.id), "relation": "father"}
    made = town.desk().post(f"/patients/{child}/guardians", json=body)
    assert made.status_code == 201
    assert made.json()["until_on"] == "2038-02-28"


def test_what_makes_no_sense_is_refused(town: Town) -> None:
    son, mother = linked(town)
    child = town.make.patient(date_of_birth="2020-02-29")
    town.registered_here(child)
    desk, yesterday = town.desk(), (clock.now().date() - timedelta(days=1)).isoformat()
    of_son = {"guardian_id": str(son.id), "relation": "son"}
    for ward, body in (
        (son.id, of_son),
        (mother.id, of_son | {"guardian_id": str(child)}),
        (mother.id, of_son | {"until_on": yesterday}),
    ):
        assert desk.post(f"/patients/{ward}/guardians", json=body).status_code == 422, body


def test_a_desk_that_does_not_see_both_puts_nobody_together(town: Town) -> None:
    son, mother = linked(town)
    stranger = town.person()
    elsewhere = town.service.client(town.make.token("staff", clinic_ids=(town.make.clinic(),)))
    desk = town.desk()
    body = {"guardian_id": str(son.id), "relation": "son"}
    assert elsewhere.post(f"/patients/{mother.id}/guardians", json=body).status_code == 404
    assert elsewhere.get(f"/patients/{mother.id}/guardians").status_code == 404
    for ward, guardian in ((mother.id, stranger.id), (stranger.id, son.id), (mother.id, uuid4())):
        asked = desk.post(f"/patients/{ward}/guardians", json=body | {"guardian_id": str(guardian)})
        assert asked.status_code == 404, (ward, guardian)
    town.guardianship(son.id, mother.id)
    assert elsewhere.delete(f"/patients/{mother.id}/guardians/{son.id}").status_code == 404


def test_patients_and_providers_put_nobody_together(town: Town) -> None:
    son, mother = linked(town)
    provider = town.service.client(town.make.token("provider", provider_id=town.provider))
    body = {"guardian_id": str(son.id), "relation": "son"}
    for api in (son.api, mother.api, provider):
        assert api.post(f"/patients/{mother.id}/guardians", json=body).status_code == 403
        assert api.get(f"/patients/{mother.id}/guardians").status_code == 403


def test_the_desk_sees_a_guardian_who_is_nobody_of_its_own(town: Town) -> None:
    mother = town.person()
    ana = mother.added()
    town.registered_here(ana)
    desk = town.desk()
    assert desk.get(f"/patients/{mother.id}").status_code == 404
    told = desk.get(f"/patients/{ana}/guardians").json()["items"]
    assert [(one["first_name"], one["relation"]) for one in told] == [("Pia", "mother")]
    assert desk.delete(f"/patients/{ana}/guardians/{mother.id}").status_code == 204
