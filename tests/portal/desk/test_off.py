"""Time off and closures in the calendar: seen, read and heard before anybody drags a visit there."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.live.world import relay
from tests.portal.browsing import PATIENCE_MS
from tests.portal.days import clocks_change
from tests.portal.desk.conftest import Desk
from tests.portal.desk.test_browser import at_desk
from tests.portal.desk.test_calendar import calendar, drag
from tests.portal.test_axe import AXE, JUDGE, RULES

pytestmark = pytest.mark.postgres("18")


@pytest.fixture
def two(desk: Desk) -> tuple[UUID, UUID]:
    return desk.provider(first_name="Ana", last_name="Ruiz"), desk.provider(first_name="Bo", last_name="Zhang")


def close(desk: Desk, start: float, end: float, reason: str | None = None) -> None:
    closure = desk.make.closure(desk.clinic, desk.at(start), desk.at(end))
    desk.make.conn.execute("UPDATE closure SET reason = %s WHERE id = %s", [reason, closure])


def told(desk: Desk, on: object) -> list[dict[str, Any]]:
    away: list[dict[str, Any]] = desk.client.get(f"/desk/calendar/events?clinic={desk.clinic}&on={on}").json()["away"]
    return away


@pytest.mark.parametrize("dark", [False, True])
def test_it_stands_in_the_column_and_in_words(browser: Browser, desk: Desk, two: tuple[UUID, UUID], dark: bool) -> None:
    desk.make.exception(two[0], desk.at(9), desk.at(12), reason="Broken leg")
    desk.make.exception(two[1], desk.at(9), desk.at(12), status="requested")
    desk.make.exception(two[1], desk.at(9), desk.at(12), kind="extra_session", clinic_id=desk.clinic)
    desk.make.exception(two[1], desk.at(9), desk.at(12), clinic_id=desk.make.clinic("Europe/Madrid"))
    close(desk, 16, 18, "No {water}")
    desk.visit(two[0], desk.at(10))
    for phone in (False, True):
        with at_desk(browser, desk, dark=dark, phone=phone) as seen:
            seen.page.goto(calendar(desk))
            lines = seen.page.locator("#away li")
            expect(lines).to_have_text(["Ana Ruiz: Time off, 09:00–12:00", "Closed: No {water}, 16:00–18:00"])
            shades = seen.page.locator(".ec-bg-event")
            expect(shades).to_have_text(["Time off, 09:00–12:00", *["Closed: No {water}, 16:00–18:00"] * 2])
            shade, head = shades.first.bounding_box(), seen.page.locator(".ec-col-head", has_text="Ana").bounding_box()
            assert shade is not None
            assert head is not None
            assert abs(shade["x"] - head["x"]) < 3
            assert abs(shade["height"] - 3 * 4 * 22) < 3
            shades.first.hover(position={"x": 10, "y": 230})
            assert shades.first.evaluate("one => one.matches(':hover') && one.title") == "Time off, 09:00–12:00"
            assert "Broken leg" not in seen.page.content()
            seen.page.evaluate(AXE.read_text("utf-8"))
            assert seen.page.evaluate(JUDGE, RULES) == []
            seen.picture(f"desk-calendar-off-{'phone' if phone else 'wide'}-{'dark' if dark else 'light'}")


def test_a_drag_onto_time_off_is_refused_in_place(browser: Browser, desk: Desk, two: tuple[UUID, UUID]) -> None:
    visit = desk.visit(two[0], desk.at(9), desk.patient(first_name="Wanda", last_name="Stays"))
    desk.make.exception(two[1], desk.at(10), desk.at(14))
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        expect(seen.page.locator(".is-away")).to_have_count(1)
        drag(seen, "Wanda Stays", hours=2, to="Bo Zhang")
        said = seen.page.locator("#moved")
        expect(said).to_contain_text("The provider is away, or the clinic is closed.")
        assert desk.row(visit) == ("scheduled", desk.at(9), two[0])
        drag(seen, "Wanda Stays", hours=0, to="Bo Zhang")
        expect(said).to_contain_text("09:00 with Bo Zhang")


def test_what_a_colleague_enters_appears(browser: Browser, desk: Desk, two: tuple[UUID, UUID]) -> None:
    colleague = desk.service.client(desk.token)
    with relay(desk.service.dsn), at_desk(browser, desk) as seen:
        with seen.page.expect_response(lambda r: "/live?" in r.url):
            seen.page.goto(calendar(desk))
        expect(seen.page.locator(".ec-col-head", has_text="Ana")).to_be_visible()
        lines = seen.page.locator("#away li")
        expect(lines).to_have_count(0)
        off = {"kind": "time_off", "start": desk.at(9).isoformat(), "end": desk.at(10).isoformat()}
        entered = colleague.post(f"/providers/{two[0]}/exceptions", json=off)
        assert entered.status_code == 201, entered.text
        expect(lines).to_have_text(["Ana Ruiz: Time off, 09:00–10:00"], timeout=PATIENCE_MS)
        closed = {"start": desk.at(11).isoformat(), "end": desk.at(12).isoformat()}
        entered = colleague.post(f"/clinics/{desk.clinic}/closures", json=closed)
        assert entered.status_code == 201, entered.text
        expect(lines.nth(1)).to_have_text("Closed, 11:00–12:00", timeout=PATIENCE_MS)
        expect(seen.page.locator(".is-away")).to_have_count(3)


def test_what_began_before_or_ends_after_the_day(browser: Browser, desk: Desk, two: tuple[UUID, UUID]) -> None:
    on, after = desk.at(12).date(), desk.at(36).date()
    desk.make.exception(two[0], desk.at(-5), desk.at(10))
    desk.make.exception(two[1], desk.at(15), desk.at(50))
    close(desk, -24, 24, "Holiday")
    spans = {(one["start"], one["end"], one["extendedProps"]["whole"]) for one in told(desk, on)}
    day = (f"{on}T00:00", f"{after}T00:00")
    assert spans == {(day[0], f"{on}T10:00", False), (f"{on}T15:00", day[1], False), (*day, True)}
    assert [one["extendedProps"]["closed"] for one in told(desk, after)] == [False], "midnight is the next day's"
    with at_desk(browser, desk) as seen:
        seen.page.goto(calendar(desk))
        lines = seen.page.locator("#away li")
        said = ["Ana Ruiz: Time off, 00:00–10:00", "Bo Zhang: Time off, 15:00–00:00", "Closed: Holiday, all day"]
        expect(lines).to_have_count(3)
        assert sorted(lines.all_text_contents()) == said
        expect(seen.page.locator(".is-away")).to_have_count(4)
        expect(seen.page.locator(".ec-sidebar time").first).to_have_text("7:00")


@pytest.mark.parametrize(
    ("forward", "before", "after", "drawn", "said"),
    [
        (True, 60, 60, ("01:00", "04:00"), ("01:00", "04:00")),
        (False, 90, 90, ("01:30", "03:30"), ("01:30", "03:30")),
        (False, 90, 15, ("01:30", "03:00"), ("01:30", "02:15")),  # and the first 02:15 to 03:00
        (False, 15, 90, ("02:00", "03:30"), ("02:45", "03:30")),  # and the second 02:00 to 02:45
        (False, 30, 15, ("02:00", "03:00"), ("02:30", "02:15")),
        (False, 0, 30, ("02:00", "02:30"), ("02:00", "02:30")),
    ],
)
def test_on_the_night_when_clocks_change(
    desk: Desk, forward: bool, before: int, after: int, drawn: tuple[str, str], said: tuple[str, str]
) -> None:
    """As the clocks of Madrid show it; an hour that they show twice is off as soon as either is."""
    provider, change = desk.provider(), clocks_change("Europe/Madrid", forward=forward)
    desk.make.exception(provider, change - timedelta(minutes=before), change + timedelta(minutes=after))
    on = change.date()
    (one,) = told(desk, on)
    assert (one["start"], one["end"]) == tuple(f"{on}T{at}" for at in drawn)
    real = one["extendedProps"]
    assert (real["start"], real["end"]) == tuple(f"{on}T{at}" for at in said)
