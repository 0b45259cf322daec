"""Guardians on the patient's sheet: found, added, ended."""

from datetime import date
from uuid import UUID, uuid4

import httpx
import pytest

from tests.html import Page
from tests.portal.conftest import ACCEPT, Visitor

pytestmark = pytest.mark.postgres("18")


class Desk:
    """A front desk that knows a child and an aunt."""

    def __init__(self, visitor: Visitor) -> None:
        make = visitor.make
        self.visitor, self.clinic = visitor, make.clinic()
        self.client = self.of(self.clinic)
        self.child, self.aunt = make.patient(date_of_birth=date(2020, 5, 6)), make.patient(first_name="Xanthippe")
        for one in (self.child, self.aunt):
            visitor.link("patient_clinic", patient_id=one, clinic_id=self.clinic)
        self.path = f"/desk/patients/{self.child}/guardians"

    def of(self, clinic: UUID) -> httpx.Client:
        client = self.visitor.service.client(self.visitor.make.token("staff", clinic_ids=(clinic,)))
        client.base_url = httpx.URL(self.visitor.service.url)
        client.headers.update(ACCEPT | {"Accept-Language": "en-GB"})
        return client

    def rows(self) -> list[tuple[UUID, str, date, bool]]:
        return self.visitor.make.conn.execute(
            "SELECT guardian_id, relation, until_on, ended_at IS NULL FROM guardianship"
            " WHERE patient_id = %s ORDER BY id",
            [self.child],
        ).fetchall()


@pytest.fixture
def desk(visitor: Visitor) -> Desk:
    return Desk(visitor)


def test_found_added_and_ended(desk: Desk) -> None:
    assert desk.path in desk.client.get(f"/desk/patients/{desk.child}").text
    assert "Nobody acts for this patient" in Page(desk.client.get(desk.path)).text
    found = Page(desk.client.post(f"{desk.path}/find", data={"q": "Xanthippe"}))
    choice = next(i for i in found.all("input") if i.get("value") == str(desk.aunt))
    assert choice["type"] == "radio"
    form = {"guardian_id": str(desk.aunt), "relation": "aunt", "q": "Xanthippe", "until_on": ""}
    added = desk.client.post(desk.path, data=form)
    assert (added.status_code, added.headers["location"]) == (303, desk.path)
    assert desk.rows() == [(desk.aunt, "aunt", date(2038, 5, 6), True)]
    assert "aunt" in Page(desk.client.get(desk.path)).text
    again = desk.client.post(desk.path, data=form)
    assert again.status_code == 409
    assert "guardian already" in Page(again).text
    assert desk.client.post(f"{desk.path}/{desk.aunt}/end").status_code == 303
    assert [row[3] for row in desk.rows()] == [False]


def test_what_cannot_be_is_told_in_place(desk: Desk) -> None:
    for wrong in ({"relation": ""}, {"guardian_id": str(desk.child)}, {"until_on": "2001-01-01"}, {"guardian_id": "x"}):
        form = {"guardian_id": str(desk.aunt), "relation": "aunt", "q": "Xanthippe", **wrong}
        refused = desk.client.post(desk.path, data=form)
        assert refused.status_code == 422, wrong
        assert "That cannot be" in Page(refused).text
    assert desk.rows() == []


def test_what_no_text_can_hold_is_refused(desk: Desk) -> None:
    form = {"guardian_id": str(desk.aunt), "relation": "aunt", "q": "\x00"}
    assert desk.client.post(f"{desk.path}/find", data={"q": "\x00"}).status_code == 422
    assert desk.client.post(desk.path, data=form).status_code == 422
    assert desk.rows() == []


def test_another_desk_sees_nothing_of_it(desk: Desk) -> None:
    elsewhere = desk.of(desk.visitor.make.clinic())
    form = {"guardian_id": str(desk.aunt), "relation": "aunt"}
    assert elsewhere.get(desk.path).status_code == 404
    assert elsewhere.post(f"{desk.path}/find", data={"q": "Xanthippe"}).status_code == 404
    assert elsewhere.post(desk.path, data=form).status_code == 404
    assert elsewhere.post(f"{desk.path}/{desk.aunt}/end").status_code == 404
    stranger = desk.visitor.make.patient()
    assert desk.client.post(desk.path, data=form | {"guardian_id": str(stranger)}).status_code == 404
    assert desk.client.post(f"{desk.path}/{uuid4()}/end").status_code == 404
    assert desk.rows() == []
