"""A visit of a child in a tab that has gone stale: nothing is lost, and the way to it is told."""

from uuid import UUID, uuid4

import pytest

from tests.html import Page
from tests.portal.family.conftest import Guardian

pytestmark = pytest.mark.postgres("18")


def booked_for(guardian: Guardian, whom: UUID) -> str:
    """The page of a visit of theirs."""
    guardian.act_for(whom)
    path = guardian.keeps()
    guardian.browser.post(path, data={"reason": "", "whom": str(whom)})
    assert guardian.rows() == [(whom, "scheduled")]
    return f"/visits/{path.rpartition('/')[2]}"


def acting(page: Page) -> set[str | None]:
    """For whom the page lets them act."""
    return {field["value"] for field in page.all("input") if field.get("name") == "whom"}


@pytest.mark.parametrize("step", ["cancel", "confirm", "check-in", "move", "earlier"])
def test_a_form_for_a_child_changes_nothing_for_oneself(guardian: Guardian, step: str) -> None:
    ana = guardian.added()
    guardian.added(first_name="Ben")
    visit = booked_for(guardian, ana)
    where = f"{visit}/move" if step == "move" else visit
    shown = guardian.page(where)
    assert f"{visit}/{step}" in {form["action"] for form in shown.all("form")} or step == "check-in"
    assert acting(shown) == {str(ana), str(guardian.id)}, "the page says for whom it is, and leads back to oneself"
    guardian.act_for(guardian.id)  # in another tab
    sent = {"version": "1", "whom": str(ana), "reason": "A cough", "start": guardian.visitor.at(96 + 10).isoformat()}
    answer = guardian.browser.post(f"{visit}/{step}", data=sent)
    page = Page(answer)
    assert answer.status_code == 409
    assert answer.headers["cache-control"] == "no-store"
    assert "Nothing was changed: in another tab you began to act for somebody else." in page.text
    assert ("A cough" in page.text) == (step == "cancel")
    assert (acting(page), "Act for Ana Pérez" in page.text) == ({str(ana)}, True)
    assert guardian.rows() == [(ana, "scheduled")]
    guardian.act_for(ana)
    if step == "cancel":
        (version, *_) = (i["value"] for i in guardian.page(visit).all("input") if i.get("name") == "version")
        assert guardian.browser.post(f"{visit}/cancel", data=sent | {"version": str(version)}).status_code == 303
        assert guardian.rows() == []


@pytest.mark.parametrize("rest", ["", "/move", "/calendar.ics"])
def test_a_page_of_a_child_says_for_whom_to_act(guardian: Guardian, rest: str) -> None:
    ana, ben = guardian.added(), guardian.added(first_name="Ben")
    visit = booked_for(guardian, ana)
    guardian.act_for(guardian.id)
    page = guardian.page(f"{visit}{rest}")
    assert page.status == 404
    assert "It may be there for another of your family." in page.text
    assert acting(page) == {str(ana), str(ben)}
    there_is_none = guardian.page(f"/visits/{uuid4()}{rest}")
    assert there_is_none.text == page.text, "nobody learns from it whether there is such a visit"
    program = guardian.browser.get(f"{visit}{rest}", headers={"Accept": "application/json"})
    assert (program.status_code, program.headers["content-type"]) == (404, "application/problem+json")
    guardian.act_for(ana)
    assert guardian.browser.get(f"{visit}{rest}").status_code == 200


def test_a_place_of_a_child_too(guardian: Guardian) -> None:
    ana = guardian.added()
    visitor, (_, provider, _) = guardian.visitor, guardian.place
    kind = {"visit_type_id": visitor.visit_type, "provider_id": provider, "urgency": "normal"}
    place = f"/waitlist/{visitor.make.row('waitlist_entry', patient_id=ana, **kind)}"
    page = guardian.page(place)
    assert (page.status, acting(page)) == (404, {str(ana)})
    answer = guardian.browser.post(f"{place}/leave", data={"version": "1", "whom": str(ana)})
    assert answer.status_code == 409
    guardian.act_for(ana)
    assert guardian.browser.post(f"{place}/leave", data={"version": "1", "whom": str(ana)}).status_code == 303


def test_who_has_no_family_finds_nothing(guardian: Guardian) -> None:
    page = guardian.page(f"/visits/{uuid4()}")
    assert (page.status, "no longer to be found" in page.text) == (404, True)
