"""Time off and extra hours at the desk: answered, entered, taken back, and never behind the back of a visit."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.html import Page
from tests.portal.desk.conftest import Desk
from tests.portal.desk.test_away import looked
from tests.portal.desk.test_browser import at_desk
from tests.portal.desk.test_week import typed

pytestmark = pytest.mark.postgres("18")


def path_of(provider: UUID, *more: object) -> str:
    return "/".join([f"/desk/providers/{provider}/exceptions", *map(str, more)])


def asked(desk: Desk, provider: UUID, **columns: Any) -> UUID:
    """A day off that the provider has asked for, in three days."""
    return desk.make.exception(provider, desk.at(0, 3), desk.at(24, 3), **{"status": "requested", **columns})


def stored(desk: Desk, provider: UUID) -> list[tuple[Any, ...]]:
    return desk.make.conn.execute(
        "SELECT kind, status, clinic_id, lower(during), upper(during) FROM schedule_exception"
        " WHERE provider_id = %s ORDER BY id",
        [provider],
    ).fetchall()


def enter(desk: Desk, provider: UUID, **form: Any) -> httpx.Response:
    day = desk.at(0, 4).date()
    return desk.send(path_of(provider), **{"kind": "time_off", "clinic": desk.clinic, "first": day, "last": day} | form)


def test_a_request_is_seen_and_approved(desk: Desk) -> None:
    provider = desk.provider()
    request = asked(desk, provider, reason="A wedding")
    assert "1 request waits for an answer" in desk.page(f"/desk/providers?clinic={desk.clinic}").text
    page = desk.page(path_of(provider))
    assert "A wedding" in page.text
    assert page.text.count("Asked for") == 1
    answer = desk.send(path_of(provider, request, "approve"), version=1)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path_of(provider)}?saved=yes")
    assert stored(desk, provider)[0][1] == "approved"
    assert "waits for an answer" not in desk.page(f"/desk/providers?clinic={desk.clinic}").text


def test_of_two_who_answer_the_second_is_told(desk: Desk) -> None:
    provider = desk.provider()
    request = asked(desk, provider)
    assert desk.send(path_of(provider, request, "decline"), version=1).status_code == 303
    page = Page(desk.send(path_of(provider, request, "approve"), version=1))
    assert (page.status, "Somebody else changed this a moment ago" in page.text) == (412, True)
    assert stored(desk, provider)[0][1] == "declined"
    assert desk.send(path_of(provider, request, "remove"), version=2).status_code == 303
    assert stored(desk, provider) == []
    assert desk.send(path_of(provider, request, "remove"), version=2).status_code == 404


def test_visits_in_the_way_are_named_and_kept_with_a_reason(desk: Desk) -> None:
    provider = desk.provider()
    visit = desk.visit(provider, desk.at(9, 3), desk.patient(first_name="Wanda", last_name="Weekling"))
    request = asked(desk, provider)
    page = Page(desk.send(path_of(provider, request, "approve"), version=1))
    assert (page.status, "Wanda Weekling" in page.text) == (409, True)
    assert stored(desk, provider)[0][1] == "requested"
    answer = desk.send(path_of(provider, request, "approve"), version=1, override_reason="Seen by a colleague")
    assert (answer.status_code, stored(desk, provider)[0][1]) == (303, "approved")
    kept = desk.make.conn.execute("SELECT override_reason FROM appointment WHERE id = %s", [visit]).fetchone()
    assert kept == ("Seen by a colleague",)


def test_time_off_is_entered_in_the_clinics_time(desk: Desk) -> None:
    provider = desk.provider()
    assert enter(desk, provider, begins="13:30", ends="15:00", reason="Dentist").status_code == 303
    assert stored(desk, provider) == [("time_off", "approved", desk.clinic, desk.at(13.5, 4), desk.at(15, 4))]
    assert enter(desk, provider, everywhere="on").status_code == 303
    assert stored(desk, provider)[1][1:4] == ("approved", None, desk.at(0, 4))


def test_whole_days_on_which_clocks_change(desk: Desk) -> None:
    provider = desk.provider()
    assert enter(desk, provider, first="2027-03-28", last="2027-03-28").status_code == 303
    assert enter(desk, provider, first="2027-10-31", last="2027-10-31").status_code == 303
    lengths = [until - since for *_, since, until in stored(desk, provider)]
    assert lengths == [timedelta(hours=23), timedelta(hours=25)]


def test_the_call_list_of_a_sick_day_is_found_again(desk: Desk) -> None:
    provider = desk.provider()
    desk.visit(provider, desk.at(9), desk.patient(first_name="Paula", last_name="Planned"))
    day, after = desk.at(0).date(), desk.at(0, 2).date()
    form = {"clinic": desk.clinic, "provider": provider, "start": f"{day}T00:00", "end": f"{after}T00:00"}
    marked = looked(Page(desk.send("/desk/away/preview", **form)))
    assert desk.send("/desk/away", **form, **marked).status_code == 303
    asked(desk, provider)
    asked(desk, provider, status="approved", kind="extra_session", clinic_id=desk.clinic)
    links = [str(a["href"]) for a in desk.page(path_of(provider)).all("a") if "/desk/away/" in str(a.get("href"))]
    (path,) = links
    assert "Paula Planned" in desk.page(path).text


def test_extra_hours_can_be_booked_at_once(desk: Desk) -> None:
    provider = desk.make.provider()
    desk.link("provider_clinic", provider_id=provider, clinic_id=desk.clinic)
    day = desk.at(0, 4).date()
    assert enter(desk, provider, kind="extra_session", begins="18:00", ends="19:00", everywhere="on").status_code == 303
    with desk.service.client() as client:
        query = {"visit_type_id": str(desk.visit_type), "from": str(day), "to": str(day + timedelta(days=1))}
        slots = client.get(f"/providers/{provider}/availability", params=query).json()["slots"]
    assert [datetime.fromisoformat(slot["start"]) for slot in slots] == [desk.at(18, 4), desk.at(18.5, 4)]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"first": ""}, "Please fill this in."),
        ({"first": "soon"}, "This is no day that we know"),
        ({"last": "0000-00-00"}, "This is no day that we know"),
        ({"begins": "25:00"}, "This is no time of a day"),
        ({"begins": "15:00", "ends": "14:00"}, "The end does not lie after the start."),
        ({"last": date(2019, 1, 1)}, "The end does not lie after the start."),
        ({"kind": "party"}, "Please check this."),
        ({"kind": "extra_session", "last": date(2099, 1, 1)}, "Extra hours last at most a day."),
        ({"last": date(2099, 1, 1)}, "Time off lasts at most two years."),
        ({"clinic": "here"}, "Please check this."),
        ({"reason": "x" * 501}, "At most 500 characters"),
        ({"reason": "a\x00b"}, "At most 500 characters"),
        ({"override_reason": "x" * 121}, "At most 120 characters"),
    ],
)
def test_what_cannot_be_is_told_in_place(desk: Desk, wrong: dict[str, Any], told: str) -> None:
    provider = desk.provider()
    page = Page(enter(desk, provider, **{"begins": "10:00", "ends": "11:00", "reason": "Kept"} | wrong))
    assert (page.status, told in page.text, stored(desk, provider)) == (422, True, []), page.text
    expected = {"begins": "10:00", "ends": "11:00", "reason": "Kept"}
    expected |= {name: str(value) for name, value in wrong.items()}
    form = typed(page)
    assert all(form[name] == [value] for name, value in expected.items() if name not in ("kind", "clinic"))


def test_a_reason_for_an_answer_that_cannot_be_is_told_and_kept(desk: Desk) -> None:
    provider = desk.provider()
    desk.visit(provider, desk.at(9, 3))
    request = asked(desk, provider)
    page = Page(desk.send(path_of(provider, request, "approve"), version=1, override_reason="x" * 121))
    assert (page.status, "At most 120 characters" in page.text) == (422, True)
    assert typed(page)["override_reason"] == ["x" * 121]


def test_what_is_another_desks(desk: Desk) -> None:
    elsewhere = desk.make.clinic("UTC")
    provider = desk.provider()
    desk.make.schedule(provider, elsewhere, 1)
    theirs, everywhere = asked(desk, provider, clinic_id=elsewhere), asked(desk, provider)
    page = desk.page(path_of(provider))
    assert page.text.count("Kept by another desk.") == 2
    for about in (theirs, everywhere):
        assert desk.send(path_of(provider, about, "approve"), version=1).status_code == 403
    assert enter(desk, provider, clinic=elsewhere).status_code == 403
    assert enter(desk, provider, everywhere="on").status_code == 403
    stranger = desk.make.provider()
    desk.make.schedule(stranger, elsewhere, 1)
    for path in (path_of(stranger), path_of(uuid4())):
        assert desk.client.get(path).status_code == 404
    assert enter(desk, stranger).status_code == 404
    assert enter(desk, provider, clinic=uuid4()).status_code == 404


def test_entered_on_a_telephone(browser: Browser, desk: Desk) -> None:
    provider = desk.provider(first_name="Ana", last_name="Lima")
    desk.visit(provider, desk.at(9, 3), desk.patient(first_name="Wanda", last_name="Weekling"))
    asked(desk, provider, reason="A wedding")
    with at_desk(browser, desk, phone=True, scripts=False) as seen:
        page = seen.page
        page.goto(f"/desk/providers?clinic={desk.clinic}")
        page.get_by_role("link", name="Time off and extra hours").click()
        page.get_by_label("First day").fill(str(desk.at(0, 5).date()))
        page.get_by_label("Last day").fill(str(desk.at(0, 5).date()))
        page.get_by_role("button", name="Enter", exact=True).click()
        expect(page.get_by_role("status")).to_have_text("It is saved.")
        expect(page.get_by_text("Approved")).to_have_count(1)
        seen.picture("exceptions-phone")


def test_the_same_time_off_twice_is_told(desk: Desk) -> None:
    provider = desk.provider()
    asked(desk, provider)
    again = {"first": desk.at(0, 3).date(), "last": desk.at(0, 3).date(), "everywhere": "on", "reason": "Kept"}
    for _ in range(2):
        page = Page(enter(desk, provider, **again))
        assert (page.status, "Exactly this time off is there already." in page.text) == (409, True)
        assert typed(page)["reason"] == ["Kept"]
        desk.make.conn.execute("UPDATE schedule_exception SET status = 'approved' WHERE provider_id = %s", [provider])
    assert len(stored(desk, provider)) == 1
    assert enter(desk, provider, **again | {"ends": "10:00"}).status_code == 303, "overlapping may be"
    desk.make.conn.execute("UPDATE schedule_exception SET status = 'declined' WHERE provider_id = %s", [provider])
    assert enter(desk, provider, **again).status_code == 303, "what was declined is not there"


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "last"),
        ({"begins": "09:00", "ends": "10:00"}, "ends"),
        ({"kind": "extra_session", "ends": "10:00"}, "ends"),
    ],
)
def test_what_is_over_is_refused_at_the_field(desk: Desk, form: dict[str, str], field: str) -> None:
    provider = desk.provider()
    day = desk.at(0, -1).date()
    page = Page(enter(desk, provider, first=day, last=day, **form))
    assert (page.status, "It is over already." in page.text, stored(desk, provider)) == (422, True, [])
    (end,) = [one for one in page.all("input") if one.get("name") == field]
    assert (end["aria-invalid"], end["aria-describedby"]) == ("true", f"{field}-told")
    running = enter(desk, provider, first=day, last=desk.at(0).date())
    assert running.status_code == 303, "what is running is not over"
