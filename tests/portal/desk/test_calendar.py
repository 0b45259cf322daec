"""The calendar in a real browser: a drag moves the visit, and one that cannot be snaps back and says why."""

import re
from datetime import datetime, timedelta
from threading import Event
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Request, Route, expect

from tests.live.world import relay
from tests.portal.browsing import PATIENCE_MS, Watched
from tests.portal.days import clocks_change
from tests.portal.desk.conftest import Desk
from tests.portal.desk.test_browser import at_desk

pytestmark = pytest.mark.postgres("18")


def calendar(desk: Desk) -> str:
    return f"/desk/calendar?clinic={desk.clinic}&on={desk.at(0).date()}"


def drag(seen: Watched, who: str, *, hours: float, to: str | None = None) -> None:
    """Move somebody's visit by the mouse once the calendar lets it go."""
    expect(seen.page.locator("#calendar")).not_to_have_attribute("aria-busy", "true")
    take(seen, who, hours=hours, to=to)


def take(seen: Watched, who: str, *, hours: float, to: str | None = None) -> None:
    """Take somebody's visit by its middle, and let it go so many hours later, in the column of `to`."""
    event = seen.page.locator(".ec-event", has_text=who)
    box, hour = None, 4 * 22
    while box is None:  # it may be drawn anew in between
        expect(event).to_be_visible()
        box = event.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    if to is not None:
        head = seen.page.locator(".ec-col-head", has_text=to).bounding_box()
        assert head is not None
        over = head["x"] + head["width"] / 2
    else:
        over = x
    seen.page.mouse.move(x, y)
    seen.page.mouse.down()
    seen.page.mouse.move(x + 10, y + 10, steps=3)
    seen.page.mouse.move(over, y + hours * hour, steps=10)
    seen.page.mouse.up()


ON_TOP = """one => {
  const {left, right, top, bottom} = one.querySelector(".ec-event-title").getBoundingClientRect();
  return one.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
}"""


@pytest.fixture
def two(desk: Desk) -> tuple[UUID, UUID]:
    return desk.provider(first_name="Ana", last_name="Ruiz"), desk.provider(first_name="Bo", last_name="Zhang")


def test_a_drag_moves_the_visit(browser: Browser, desk: Desk, two: tuple[UUID, UUID]) -> None:
    visit = desk.visit(two[0], desk.at(9), desk.patient(first_name="Wanda", last_name="Moves"), status="confirmed")
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        drag(seen, "Wanda Moves", hours=2, to="Bo Zhang")
        expect(seen.page.get_by_role("status")).to_contain_text("Wanda Moves is now on")
        expect(seen.page.get_by_role("status")).to_contain_text("11:00 with Bo Zhang")
        assert desk.row(visit) == ("scheduled", desk.at(11), two[1])
        drag(seen, "Wanda Moves", hours=-0.5)
        expect(seen.page.get_by_role("status")).to_contain_text("10:30 with Bo Zhang")
        assert desk.row(visit) == ("scheduled", desk.at(10.5), two[1])


def test_what_was_moved_waits_for_its_new_version(browser: Browser, desk: Desk, two: tuple[UUID, UUID]) -> None:
    """Dragged again at once it would be sent with the old one, and told that somebody else had changed it."""
    desk.visit(two[0], desk.at(9), desk.patient(first_name="Wanda", last_name="Hurries"))
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        expect(seen.page.locator(".ec-event")).to_have_count(1)
        waiting: list[Route] = []
        go = Event()
        seen.page.route("**/events?*", lambda route: route.continue_() if go.is_set() else waiting.append(route))
        drag(seen, "Wanda Hurries", hours=1)
        expect(seen.page.get_by_role("status")).to_contain_text("10:00")
        moves: list[Request] = []
        seen.page.on("request", lambda one: moves.append(one) if one.url.endswith("/move") else None)
        take(seen, "Wanda Hurries", hours=1)
        go.set()
        for route in waiting:
            route.continue_()
        drag(seen, "Wanda Hurries", hours=-0.5)
        expect(seen.page.get_by_role("status")).to_contain_text("09:30")
        assert len(moves) == 1


def test_a_conflicting_drag_snaps_back_with_the_reason(
    browser: Browser,
    desk: Desk,
    two: tuple[UUID, UUID],
) -> None:
    visit = desk.visit(two[0], desk.at(9), desk.patient(first_name="Wanda", last_name="Stays"))
    desk.visit(two[1], desk.at(11))
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        event = seen.page.locator(".ec-event", has_text="Wanda Stays")
        before = event.bounding_box()
        drag(seen, "Wanda Stays", hours=2, to="Bo Zhang")
        said = seen.page.locator("#moved")
        expect(said).to_contain_text("This time is taken.")
        expect(said).to_contain_text("The provider is busy: 11:00–11:30")
        seen.page.wait_for_function(
            "before => Math.abs([...document.querySelectorAll('.ec-event')].find(e => e.textContent.includes('Wanda'))"
            ".getBoundingClientRect().x - before) < 2",
            arg=before and before["x"],
        )
        assert desk.row(visit) == ("scheduled", desk.at(9), two[0])
        seen.picture("desk-calendar-refused")
        said.get_by_role("link").click()
        expect(seen.page.locator("#move-provider")).to_be_focused()


def test_a_drag_after_the_session_has_ended_leads_to_the_log_in(
    browser: Browser, desk: Desk, two: tuple[UUID, UUID]
) -> None:
    visit = desk.visit(two[0], desk.at(9), desk.patient(first_name="Wanda", last_name="Stays"))
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        expect(seen.page.locator(".ec-event")).to_have_count(1)
        seen.page.context.clear_cookies()
        drag(seen, "Wanda Stays", hours=2)
        seen.page.wait_for_url("**/login?next=%2Fdesk%2Fcalendar*")
        assert desk.row(visit) == ("scheduled", desk.at(9), two[0])
        assert all("401" in one for one in seen.complaints), "the calendar, too, may have asked meanwhile"
        seen.complaints.clear()


BELOW_TOP = """one => one.getBoundingClientRect().y - document.getElementById("calendar").getBoundingClientRect().y"""


def test_a_drag_without_a_network_snaps_back_and_says_so(browser: Browser, desk: Desk, two: tuple[UUID, UUID]) -> None:
    desk.visit(two[0], desk.at(9), desk.patient(first_name="Wanda", last_name="Stays"))
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        event = seen.page.locator(".ec-event", has_text="Wanda Stays")
        before = event.evaluate(BELOW_TOP)
        for path in ("**/move", "**/events?*"):
            seen.page.route(path, lambda route: route.abort())
        drag(seen, "Wanda Stays", hours=2)
        expect(seen.page.locator("#calendar")).not_to_have_attribute("aria-busy", "true")
        expect(seen.page.locator("#moved")).to_contain_text("The visit could not be moved or changed.")
        assert event.evaluate(BELOW_TOP) == before
        assert all("ERR_FAILED" in one for one in seen.complaints)
        seen.complaints.clear()


def test_what_others_do_appears(browser: Browser, desk: Desk, two: tuple[UUID, UUID]) -> None:
    visit = desk.visit(two[0], desk.at(9), desk.patient(first_name="Wanda", last_name="Goes"))
    colleague = desk.service.client(desk.token)
    with relay(desk.service.dsn), at_desk(browser, desk) as seen:
        with seen.page.expect_response(lambda r: "/live?" in r.url):
            seen.page.goto(calendar(desk))
        expect(seen.page.locator(".ec-event")).to_have_count(1)
        assert colleague.post(f"/appointments/{visit}/cancel").status_code == 200
        expect(seen.page.locator(".ec-event")).to_have_count(0, timeout=PATIENCE_MS)


def test_by_keyboard_to_the_form_that_moves(browser: Browser, desk: Desk, two: tuple[UUID, UUID]) -> None:
    desk.visit(two[0], desk.at(9), desk.patient(first_name="Wanda", last_name="Types"))
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        seen.page.locator(".ec-event", has_text="Wanda Types").focus()
        seen.page.keyboard.press("Enter")
        expect(seen.page.get_by_role("heading", name="Wanda Types")).to_be_visible()


@pytest.mark.parametrize("minutes", [5, 10, 15, 20, 30])
def test_a_short_visit_says_who_comes(browser: Browser, desk: Desk, two: tuple[UUID, UUID], minutes: int) -> None:
    who = desk.patient(first_name="Wanda", last_name="Shortly")
    desk.make.appointment(two[0], desk.clinic, desk.visit_type, desk.at(9), minutes, patient_id=who)
    next_one = desk.at(9) + timedelta(minutes=minutes)
    desk.make.appointment(two[0], desk.clinic, desk.visit_type, next_one, minutes, patient_id=desk.patient())
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        event = seen.page.locator(".ec-event", has_text="Wanda Shortly")
        until = f"{desk.at(9) + timedelta(minutes=minutes):%H:%M}"
        expect(event).to_have_attribute("title", re.compile(rf"09:00.+{until} · Wanda Shortly · Visit \d+"))
        expect(event).to_have_role("button")
        expect(event).to_have_accessible_name(re.compile(rf"09:00.+{until}.*Wanda Shortly"))
        assert event.evaluate(ON_TOP), "nothing stands before it"
        outer, inner = event.bounding_box(), event.locator(".ec-event-title").bounding_box()
        assert outer is not None
        assert inner is not None
        assert outer["x"] < inner["x"] < inner["x"] + inner["width"] < outer["x"] + outer["width"]
        assert outer["y"] < inner["y"] < inner["y"] + inner["height"] < outer["y"] + outer["height"]
        assert event.locator(".ec-event-title").evaluate("one => one.scrollHeight <= one.clientHeight"), "cut off"
        seen.picture(f"desk-calendar-{minutes}-minutes")


NAME_SHOWN = """one => {
  const text = document.createRange(), title = one.querySelector(".ec-event-title");
  text.setStart(title.firstChild, 0);
  text.setEnd(title.firstChild, "Wanda Shortly".length);
  return text.getBoundingClientRect().right <= title.getBoundingClientRect().right;
}"""


@pytest.mark.parametrize("phone", [False, True])
def test_among_many_providers_a_short_visit_says_who_comes(browser: Browser, desk: Desk, phone: bool) -> None:
    first, *_ = [desk.provider() for _ in range(8)]
    who = desk.patient(first_name="Wanda", last_name="Shortly")
    desk.make.appointment(first, desk.clinic, desk.visit_type, desk.at(10.5), 15, patient_id=who)
    with at_desk(browser, desk, phone=phone) as seen:
        seen.page.goto(calendar(desk))
        event = seen.page.locator(".ec-event", has_text="Wanda Shortly")
        expect(event).to_be_visible()
        assert event.evaluate(NAME_SHOWN)
        outer, time = event.bounding_box(), event.locator(".ec-event-time").bounding_box()
        assert outer is not None
        assert time is not None
        assert time["x"] + time["width"] <= outer["x"] + outer["width"]
        seen.picture(f"desk-calendar-many-{'phone' if phone else 'wide'}")


PLACES = """one => {
  const at = (part) => {
    const {left, top, right, bottom} = part.getBoundingClientRect();
    return {left, top, right, bottom};
  };
  return [one, ...document.querySelectorAll(".ec-main, .ec-body .ec-sidebar, .ec-header")].map(at);
}"""
SMALL = {"width": 320, "height": 640}


@pytest.mark.parametrize("small", [False, True])
def test_hours_and_names_stay_in_view(browser: Browser, desk: Desk, small: bool) -> None:
    """However far one scrolls to the end and down."""
    *_, last = [desk.provider() for _ in range(8)]
    desk.visit(last, desk.at(19), desk.patient(first_name="Wanda", last_name="Late"))
    with at_desk(browser, desk) as seen:
        seen.page.set_viewport_size(SMALL if small else {"width": 1280, "height": 800})
        seen.page.goto(calendar(desk))
        late = seen.page.locator(".ec-event", has_text="Wanda Late")
        expect(seen.page.locator(".ec-sidebar time").first).to_have_text("7:00")
        late.evaluate("one => one.scrollIntoView({block: 'center', inline: 'center'})")
        seen.page.locator(".ec-main").evaluate("one => one.scrollIntoView({block: 'nearest'})")
        visit, box, names, hours = late.evaluate(PLACES)
        assert (abs(hours["left"] - box["left"]) < 3, abs(names["top"] - box["top"]) < 3) == (True, True)
        assert 0 <= box["top"] < box["bottom"] <= (641 if small else 801)
        assert hours["right"] < visit["left"] < visit["right"] <= box["right"] + 1
        assert names["bottom"] < visit["top"] < visit["bottom"] < box["bottom"]
        seen.picture(f"desk-calendar-scrolled-{'small' if small else 'wide'}")


def test_what_others_do_leaves_it_where_one_was(browser: Browser, desk: Desk, two: tuple[UUID, UUID]) -> None:
    """And on paper all of it stands."""
    visit = desk.visit(two[0], desk.at(19))
    desk.visit(two[1], desk.at(19))
    colleague = desk.service.client(desk.token)
    with relay(desk.service.dsn), at_desk(browser, desk) as seen:
        with seen.page.expect_response(lambda r: "/live?" in r.url):
            seen.page.goto(calendar(desk))
        expect(seen.page.locator(".ec-event")).to_have_count(2)
        region = seen.page.get_by_role("region", name="Calendar")
        region.focus()
        seen.page.keyboard.press("End")
        seen.page.wait_for_function("() => document.querySelector('.ec-main').scrollTop > 250")
        before = region.evaluate("one => one.scrollTop")
        assert colleague.post(f"/appointments/{visit}/cancel").status_code == 200
        expect(seen.page.locator(".ec-event")).to_have_count(1, timeout=PATIENCE_MS)
        expect(region).to_be_focused()
        assert region.evaluate("one => one.scrollTop") >= before
        seen.page.emulate_media(media="print")
        assert region.evaluate("one => one.scrollHeight <= one.offsetHeight"), "cut off on paper"


def test_by_keyboard_the_whole_visit_comes_into_view(browser: Browser, desk: Desk) -> None:
    providers = [desk.provider() for _ in range(3)]
    for hour, provider in zip((8, 19, 9, 13, 19.5, 7), providers * 2, strict=True):
        desk.visit(provider, desk.at(hour))
    with at_desk(browser, desk) as seen:
        seen.page.set_viewport_size(SMALL)  # type: ignore[arg-type]
        seen.page.goto(calendar(desk))
        expect(seen.page.locator(".ec-event")).to_have_count(6)
        calendar_itself = seen.page.get_by_role("region", name="Calendar")
        for key in ("Tab", "Shift+Tab"):
            calendar_itself.focus() if key == "Tab" else None
            for _ in range(6):
                seen.page.keyboard.press(key)
                focused = seen.page.locator(".ec-event:focus")
                visit, box, names, hours = focused.evaluate(PLACES)
                assert hours["right"] - 1 <= visit["left"] < visit["right"] <= min(box["right"], SMALL["width"])
                assert max(names["bottom"], 0) - 1 <= visit["top"] < visit["bottom"]
                assert visit["bottom"] <= min(box["bottom"], SMALL["height"])
            seen.page.keyboard.press("Tab")  # beyond the last one, from which the way leads back


def test_a_drag_goes_on_beyond_the_edge(browser: Browser, desk: Desk) -> None:
    """Held at the lower edge it scrolls, to hours that were not in view."""
    desk.visit(desk.provider(), desk.at(9), desk.patient(first_name="Wanda", last_name="Late"))
    with at_desk(browser, desk) as seen:
        seen.page.set_viewport_size({"width": 1280, "height": 600})
        seen.page.goto(calendar(desk))
        event = seen.page.locator(".ec-event", has_text="Wanda Late")
        expect(event).to_be_visible()
        expect(seen.page.locator("#calendar")).not_to_have_attribute("aria-busy", "true")
        seen.page.locator("#calendar").evaluate("one => one.scrollIntoView({block: 'end'})")
        box = event.bounding_box()
        assert box is not None
        seen.page.mouse.move(box["x"] + 50, box["y"] + 20)
        seen.page.mouse.down()
        seen.page.mouse.move(box["x"] + 50, 595, steps=10)
        expect(seen.page.locator(".ec-body .ec-sidebar time").last).to_be_in_viewport()
        with seen.page.expect_request("**/move") as moved:
            seen.page.mouse.up()
        (local,) = parse_qs(moved.value.post_data)["local"]
        assert desk.at(16) < datetime.fromisoformat(local).replace(tzinfo=desk.today.tzinfo)


@pytest.mark.parametrize("dark", [False, True])
def test_pictures(browser: Browser, desk: Desk, two: tuple[UUID, UUID], dark: bool) -> None:
    for hour, status in ((8, "completed"), (9, "in_progress"), (10.5, "checked_in"), (12, "confirmed")):
        desk.visit(two[0], desk.at(hour), status=status)
        desk.visit(two[1], desk.at(hour + 0.5))
    for phone in (False, True):
        with at_desk(browser, desk, dark=dark, phone=phone) as seen:
            seen.page.goto(calendar(desk))
            expect(seen.page.locator(".ec-event")).to_have_count(8)
            seen.picture(f"desk-calendar-{'phone' if phone else 'wide'}-{'dark' if dark else 'light'}")


def test_the_day_on_which_clocks_change(desk: Desk, two: tuple[UUID, UUID]) -> None:
    """Times are those of the clinic's clocks: 03:30 in Madrid, on the night in which 02:30 does not exist."""
    visit, on = desk.visit(two[0], desk.at(9), status="confirmed"), clocks_change("Europe/Madrid", forward=True).date()
    moved = desk.send(f"/desk/calendar/visits/{visit}/move", provider=two[0], local=f"{on}T03:30")
    assert "03:30" in moved.text
    row = desk.make.conn.execute("SELECT lower(during)::text FROM appointment WHERE id = %s", [visit]).fetchone()
    assert row == (f"{on} 01:30:00+00",)
    told = desk.client.get(f"/desk/calendar/events?clinic={desk.clinic}&on={on}").json()
    assert [(one["start"], one["end"]) for one in told["events"]] == [(f"{on}T03:30", f"{on}T04:00")]
    assert {one["title"] for one in told["resources"]} == {"Ana Ruiz", "Bo Zhang"}


def test_a_visit_across_the_end_of_summer_time(browser: Browser, desk: Desk) -> None:
    """45 minutes from 02:30 to 02:15 by the clocks of Madrid, which are set back at 03:00."""
    provider, start = desk.provider(), clocks_change("Europe/Madrid", forward=False) - timedelta(minutes=30)
    on = start.date()
    place = (provider, desk.clinic, desk.make.visit_type(45), start, 45)
    visit = desk.make.appointment(*place, patient_id=desk.patient(first_name="Nina", last_name="Night"))
    desk.visit(provider, start + timedelta(hours=1))
    path = f"/desk/calendar?clinic={desk.clinic}&on={on}"
    told = desk.client.get(path.replace("?", "/events?")).json()["events"]
    assert [(one["start"], one["end"]) for one in told] == [
        (f"{on}T02:30", f"{on}T03:15"),
        (f"{on}T02:30", f"{on}T03:00"),
    ]
    assert "02:30 CEST – 02:15 CET" in desk.page(f"/desk/visits/{visit}").text
    with at_desk(browser, desk) as seen:
        seen.page.goto(path)
        expect(seen.page.locator(".ec-event", has_text="Nina Night")).to_be_visible()
