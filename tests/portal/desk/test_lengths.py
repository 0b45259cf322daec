"""How long a visit is: by dragging its lower edge in the calendar, or by the form of its sheet."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.html import Page
from tests.portal.browsing import Watched
from tests.portal.days import clocks_change
from tests.portal.desk.conftest import Desk
from tests.portal.desk.test_browser import at_desk
from tests.portal.desk.test_calendar import calendar
from tests.portal.test_axe import AXE, JUDGE, RULES

pytestmark = pytest.mark.postgres("18")

HOUR_PX = 4 * 22


def pull(seen: Watched, who: str, *, minutes: int) -> None:
    """Take somebody's visit by its lower edge, and let it go so many minutes later."""
    expect(seen.page.locator("#calendar")).not_to_have_attribute("aria-busy", "true")
    event = seen.page.locator(".ec-event", has_text=who)
    box = None
    while box is None:  # it may be drawn anew in between
        expect(event).to_be_visible()
        box = event.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] - 3
    seen.page.mouse.move(x, y)
    seen.page.mouse.down()
    seen.page.mouse.move(x, y + 8, steps=3)
    seen.page.mouse.move(x, y + minutes / 60 * HOUR_PX, steps=10)
    seen.page.mouse.up()


def lasts(desk: Desk, visit: UUID) -> tuple[datetime, timedelta, int]:
    """Start, length and version, as the database has them."""
    row = desk.make.conn.execute(
        "SELECT lower(during), upper(during) - lower(during), version FROM appointment WHERE id = %s", [visit]
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def named(desk: Desk, provider: UUID, hours: float, name: str, **columns: object) -> UUID:
    return desk.visit(provider, desk.at(hours), desk.patient(first_name="Wanda", last_name=name), **columns)


def test_its_lower_edge_makes_it_longer_and_shorter(browser: Browser, desk: Desk) -> None:
    visit = named(desk, desk.provider(), 9, "Grows")
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        pull(seen, "Wanda Grows", minutes=30)
        said = seen.page.locator("#moved")
        expect(said).to_contain_text("Wanda Grows now has 60 minutes, from 09:00 to 10:00.")
        assert lasts(desk, visit) == (desk.at(9), timedelta(minutes=60), 2)
        seen.picture("desk-calendar-resized")
        pull(seen, "Wanda Grows", minutes=-15)
        expect(said).to_contain_text("now has 45 minutes, from 09:00 to 09:45.")
        assert lasts(desk, visit) == (desk.at(9), timedelta(minutes=45), 3)


def test_into_the_next_visit_it_snaps_back_with_the_reason(browser: Browser, desk: Desk) -> None:
    provider = desk.provider()
    visit = named(desk, provider, 9, "Stays")
    desk.visit(provider, desk.at(9.75))
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        event = seen.page.locator(".ec-event", has_text="Wanda Stays")
        expect(event).to_be_visible()
        before = event.bounding_box()
        assert before is not None
        pull(seen, "Wanda Stays", minutes=30)
        said = seen.page.locator("#moved")
        expect(said).to_contain_text("This time is taken.")
        expect(said).to_contain_text("The provider is busy: 09:45–10:15")
        expect(event).to_have_css("height", f"{before['height']:g}px")
        seen.picture("desk-calendar-resize-refused")
        assert lasts(desk, visit) == (desk.at(9), timedelta(minutes=30), 1)
        said.get_by_role("link", name="Choose another length, or give a reason").click()
        length = seen.page.get_by_label("Length in minutes")
        expect(length).to_be_visible()
        length.fill("40")
        seen.page.get_by_role("button", name="Change the visit").click()
        expect(seen.page.get_by_text("09:00–09:40")).to_be_visible()
    assert lasts(desk, visit) == (desk.at(9), timedelta(minutes=40), 2)


def test_a_brief_visit_ends_where_its_edge_is_let_go(browser: Browser, desk: Desk) -> None:
    """It is drawn a quarter of an hour long, or nobody could read it."""
    who = desk.patient(first_name="Wanda", last_name="Briefly")
    visit = desk.make.appointment(desk.provider(), desk.clinic, desk.visit_type, desk.at(9), 5, patient_id=who)
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        pull(seen, "Wanda Briefly", minutes=10)
        expect(seen.page.locator("#moved")).to_contain_text("now has 25 minutes, from 09:00 to 09:25.")
    assert lasts(desk, visit) == (desk.at(9), timedelta(minutes=25), 2)


def test_what_has_begun_has_no_edge_to_pull(browser: Browser, desk: Desk) -> None:
    provider = desk.provider()
    begun = named(desk, provider, 9, "Sits", status="checked_in")
    named(desk, provider, 11, "Comes")
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        expect(seen.page.locator(".ec-event", has_text="Wanda Comes").locator(".ec-resizer")).to_have_count(1)
        expect(seen.page.locator(".ec-event", has_text="Wanda Sits").locator(".ec-resizer")).to_have_count(0)
        pull(seen, "Wanda Sits", minutes=30)
    assert lasts(desk, begun)[2] == 1


def test_by_keyboard_alone(browser: Browser, desk: Desk) -> None:
    visit = named(desk, desk.provider(), 9, "Types", status="confirmed")
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        seen.page.locator(".ec-event", has_text="Wanda Types").focus()
        keys = seen.page.keyboard
        keys.press("Enter")
        expect(seen.page.get_by_role("heading", name="Wanda Types")).to_be_visible()
        seen.page.locator("summary", has_text="Another length").focus()
        keys.press("Enter")
        length = seen.page.get_by_label("Length in minutes")
        for _ in range(10):
            keys.press("Tab")
            if length.evaluate("one => one === document.activeElement"):
                break
        expect(length).to_be_focused()
        keys.press("Control+a")
        keys.type("50")
        seen.picture("desk-visit-length")
        seen.page.evaluate(AXE.read_text("utf-8"))
        assert seen.page.evaluate(JUDGE, RULES) == []
        keys.press("Enter")
        expect(seen.page.get_by_text("09:00–09:50")).to_be_visible()
    assert lasts(desk, visit) == (desk.at(9), timedelta(minutes=50), 2)


def test_the_sheet_tells_what_was_refused_and_keeps_what_was_typed(desk: Desk) -> None:
    provider = desk.provider()
    visit = desk.visit(provider, desk.at(9))
    desk.visit(provider, desk.at(9.75))
    typed = {"provider": provider, "local": f"{desk.at(9):%Y-%m-%dT%H:%M}", "minutes": 55, "version": 1}
    refused = Page(desk.send(f"/desk/visits/{visit}/move", **typed))
    assert (refused.status, "The provider is busy: 09:45–10:15" in refused.text) == (409, True)
    assert {"name": "minutes", "value": "55"}.items() <= next(
        one for one in refused.all("input") if one.get("name") == "minutes"
    ).items()
    assert desk.send(f"/desk/visits/{visit}/move", **typed | {"minutes": 45}).status_code == 303
    assert lasts(desk, visit) == (desk.at(9), timedelta(minutes=45), 2)
    for nonsense in (4, 1441, "x", 30.5, -30):
        assert desk.send(f"/desk/visits/{visit}/move", **typed | {"minutes": nonsense}).status_code == 422, nonsense
    assert lasts(desk, visit)[2] == 2


def test_free_times_for_a_long_visit_are_as_long(desk: Desk) -> None:
    """A move is offered where the whole visit fits, and moving there keeps its length."""
    provider = desk.provider()
    visit = desk.visit(provider, desk.at(9), minutes=75)
    desk.visit(provider, desk.at(11))
    desk.make.exception(provider, desk.at(-48), desk.at(9))
    desk.make.exception(provider, desk.at(12.5), desk.at(24 * 30))
    page = desk.page(f"/desk/visits/{visit}")
    slots = [str(button["value"]) for button in page.all("button") if button.get("name") == "slot"]
    # Nothing is left but what overlaps the time it has: 09:00 to 11:00 fits it, the hour from 11:30 does not.
    assert slots == [f"{provider} {desk.at(9.5).astimezone(UTC).isoformat()}"]
    desk.make.conn.execute(
        "UPDATE appointment SET status = 'cancelled' WHERE provider_id = %s AND id <> %s", [provider, visit]
    )
    page = desk.page(f"/desk/visits/{visit}")
    slots = [str(button["value"]) for button in page.all("button") if button.get("name") == "slot"]
    starts = [datetime.fromisoformat(slot.split(" ")[1]) for slot in slots]
    assert starts == [desk.at(hour) for hour in (9.5, 10, 10.5, 11)]
    for slot in reversed(slots):
        assert desk.send(f"/desk/visits/{visit}/move", slot=slot).status_code == 303
        assert lasts(desk, visit)[1] == timedelta(minutes=75)
    assert lasts(desk, visit)[0] == desk.at(9.5)


def test_a_visit_is_not_in_its_own_way(desk: Desk) -> None:
    """Its provider, its patient, its only room and the one visit that its day allows: all are taken by itself alone."""
    kind = desk.make.visit_type(30, slot_step_min=15, room_kind="quiet", max_per_day=1)
    room, provider = desk.make.room(desk.clinic, "quiet"), desk.provider()
    of = {"patient_id": desk.patient(), "room_id": room, "origin": "imported"}
    visit = desk.make.appointment(provider, desk.clinic, kind, desk.at(9), 30, **of)
    desk.make.exception(provider, desk.at(-48), desk.at(8.5))
    desk.make.exception(provider, desk.at(10), desk.at(24 * 30))
    page = desk.page(f"/desk/visits/{visit}")
    slots = [str(button["value"]) for button in page.all("button") if button.get("name") == "slot"]
    starts = [datetime.fromisoformat(slot.split(" ")[1]) for slot in slots]
    assert starts == [desk.at(hour) for hour in (8.5, 8.75, 9.25, 9.5)]
    assert desk.send(f"/desk/visits/{visit}/move", slot=slots[2]).status_code == 303
    assert lasts(desk, visit)[0] == desk.at(9.25)


def test_what_is_booked_beside_a_visit_is_in_its_way(desk: Desk) -> None:
    provider = desk.provider()
    visit = desk.visit(provider, desk.at(9))
    desk.visit(provider, desk.at(9), lane=1, overridden=["overlap"], override_reason="A twin")
    desk.make.exception(provider, desk.at(-48), desk.at(8.5))
    desk.make.exception(provider, desk.at(10), desk.at(24 * 30))
    page = desk.page(f"/desk/visits/{visit}")
    slots = [str(button["value"]) for button in page.all("button") if button.get("name") == "slot"]
    assert [datetime.fromisoformat(slot.split(" ")[1]) for slot in slots] == [desk.at(8.5), desk.at(9.5)]


def test_on_the_night_when_clocks_change(desk: Desk) -> None:
    """At the second 02:30 in Madrid: another length is no move to the first."""
    provider = desk.provider()
    start = clocks_change("Europe/Madrid", forward=False) + timedelta(minutes=30)
    on = start.date()
    visit = desk.visit(provider, start)
    told = desk.client.get(f"/desk/calendar/events?clinic={desk.clinic}&on={on}").json()["events"][0]
    sent = {
        "provider": provider,
        "start": told["extendedProps"]["at"],
        "minutes": told["extendedProps"]["minutes"] + 15,
    }
    done = desk.send(f"/desk/calendar/visits/{visit}/move", version=1, **sent)
    assert "45 minutes, from 02:30 to 03:15" in done.text
    assert lasts(desk, visit) == (start, timedelta(minutes=45), 2)
    assert desk.send(f"/desk/visits/{visit}/move", provider=provider, local=f"{on}T02:30", minutes=60).is_redirect
    assert lasts(desk, visit) == (start, timedelta(minutes=60), 3)
