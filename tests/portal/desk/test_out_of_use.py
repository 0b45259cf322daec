"""A clinic out of use keeps no provider from working elsewhere, and what is left there can be taken away."""

from uuid import UUID

import pytest

from tests.html import Page
from tests.portal.desk.conftest import Desk
from tests.portal.desk.test_exceptions import asked, enter, path_of, stored
from tests.portal.desk.test_week import Form, typed, week
from tests.portal.desk.test_week import path_of as week_of
from tests.portal.desk.test_week import stored as hours

pytestmark = pytest.mark.postgres("18")


@pytest.fixture
def closed(desk: Desk) -> UUID:
    """A clinic that nobody uses any more."""
    return desk.make.clinic("UTC", active=False)


@pytest.fixture
def provider(desk: Desk, closed: UUID) -> UUID:
    """Somebody who works at the desk's clinic and has hours at the other still."""
    provider = week(desk, (1, "09:00", "12:00"))
    desk.make.schedule(provider, closed, 2, "13:00", "17:00")
    desk.link("provider_clinic", provider_id=provider, clinic_id=closed)
    return provider


def test_a_request_for_all_clinics_is_answered(desk: Desk, provider: UUID) -> None:
    request = asked(desk, provider)
    page = desk.page(path_of(provider))
    assert ("Approve" in page.text, "Kept by another desk." in page.text) == (True, False)
    assert desk.send(path_of(provider, request, "approve"), version=1).status_code == 303
    assert stored(desk, provider)[0][1] == "approved"
    assert "waits for an answer" not in desk.page(f"/desk/providers?clinic={desk.clinic}").text


def test_time_off_at_all_clinics_and_a_sick_day(desk: Desk, provider: UUID) -> None:
    assert enter(desk, provider, everywhere="on").status_code == 303
    times = {"start": f"{desk.at(0, 5).date()}T00:00", "end": f"{desk.at(0, 6).date()}T00:00"}
    seen = desk.send("/desk/away/preview", clinic=desk.clinic, provider=provider, **times)
    assert seen.status_code == 200


def test_what_is_asked_for_there_alone_is_an_admins_to_answer(desk: Desk, provider: UUID, closed: UUID) -> None:
    request = asked(desk, provider, clinic_id=closed)
    assert "Kept by another desk." in desk.page(path_of(provider)).text
    assert desk.send(path_of(provider, request, "decline"), version=1).status_code == 403
    admin = {"Authorization": f"Bearer {desk.make.token('admin')}"}
    page = Page(desk.client.get(path_of(provider), headers=admin))
    assert ("Decline" in page.text, "Kept by another desk." in page.text) == (True, False)
    approved = desk.client.post(path_of(provider, request, "approve"), data={"version": "1"}, headers=admin)
    assert approved.status_code == 303
    page = Page(desk.client.get(path_of(provider), headers=admin))
    (calls,) = [str(a["href"]) for a in page.all("a") if str(a["href"]).startswith("/desk/away/")]
    assert desk.client.get(calls, headers=admin).status_code == 200


def test_its_hours_are_removed_by_an_admin(desk: Desk, provider: UUID, closed: UUID) -> None:
    admin = {"Authorization": f"Bearer {desk.make.token('admin')}"}

    def press(do: str, form: Form) -> Page:
        answer = desk.client.post(week_of(provider), data=form | {"do": [do]}, headers=admin)
        return Page(answer if answer.status_code != 303 else desk.client.get(week_of(provider), headers=admin))

    theirs = desk.page(week_of(provider))
    assert ("Kept by another desk." in theirs.text, "remove-1" in str(theirs.all("button"))) == (True, False)
    page = Page(desk.client.get(week_of(provider), headers=admin))
    assert "Kept by another desk." not in page.text
    assert "This clinic is not in use." in page.text
    assert typed(page)["clinic_id-1"] == [str(closed)]
    gone = press("remove-1", typed(page))
    saved = press("save", typed(press("preview", typed(gone))))
    assert saved.status == 200
    assert hours(desk, provider) == [(1, "09:00", "12:00", desk.clinic)]
    with desk.service.client(desk.make.token("admin")) as api:
        marked = api.patch(f"/providers/{provider}", json={"clinic_ids": [str(desk.clinic)]})
        assert marked.status_code == 200, marked.text


def test_its_hours_stay_when_others_are_changed(desk: Desk, provider: UUID, closed: UUID) -> None:
    form = typed(desk.page(week_of(provider))) | {"start_time-0": ["10:00"]}
    seen = Page(desk.client.post(week_of(provider), data=form | {"do": ["preview"]}))
    assert desk.client.post(week_of(provider), data=typed(seen) | {"do": ["save"]}).status_code == 303
    assert hours(desk, provider) == [(1, "10:00", "12:00", desk.clinic), (2, "13:00", "17:00", closed)]


def test_who_works_there_alone_is_no_provider_of_others(desk: Desk, closed: UUID) -> None:
    stranger = week(desk, (1, "09:00", "12:00"), clinic=closed)
    for path in (path_of(stranger), week_of(stranger)):
        assert desk.client.get(path).status_code == 404
    assert enter(desk, stranger, everywhere="on").status_code == 404
