"""In a real browser, on a telephone: from home to a visit, by touch, without scripts, by keyboard, and in a race."""

from datetime import datetime
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.canaries import BORN_ON, WORD
from tests.portal.book.conftest import Place, codes
from tests.portal.browsing import Watched, opened
from tests.portal.conftest import Visitor

pytestmark = pytest.mark.postgres("18")

MOST_TAPS = 6


class Taps:
    """What a finger does; typing goes from field to field by the keyboard's own key."""

    def __init__(self) -> None:
        self.count = 0

    def on(self, what: Locator) -> None:
        self.count += 1
        what.tap()


def specialty(visitor: Visitor) -> str:
    row = visitor.make.conn.execute("SELECT name FROM specialty WHERE id = %s", [visitor.specialty]).fetchone()
    assert row is not None
    return str(row[0])


def fill(page: Page, email: str) -> None:
    """Who comes, typed from the field that the cursor stands in."""
    expect(page.get_by_label("First name")).to_be_focused()
    for typed in ("Gus", WORD):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    page.get_by_label("Date of birth").fill(BORN_ON.isoformat())  # three wheels on a telephone
    page.get_by_label("E-mail address").focus()
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type("+34 600 123 456")


def booked(visitor: Visitor, provider: UUID) -> list[tuple[datetime, str]]:
    return visitor.make.conn.execute(
        "SELECT a.start_at, p.email FROM appointment a JOIN patient p ON p.id = a.patient_id "
        "WHERE a.provider_id = %s AND a.status = 'scheduled'",
        [provider],
    ).fetchall()


def shown(watched: Watched) -> datetime:
    """The start that the page is about."""
    return datetime.fromisoformat(str(watched.page.locator(".facts time").first.get_attribute("datetime")))


@pytest.mark.parametrize("scripts", [True, False])
def test_from_home_to_a_visit_in_six_taps(browser: Browser, visitor: Visitor, place: Place, scripts: bool) -> None:
    email, taps = f"{uuid4()}@example.test", Taps()
    name = "" if scripts else "-plain"
    with opened(browser, visitor, scripts=scripts) as seen:
        page = seen.page
        page.goto("/")
        taps.on(page.get_by_role("link", name=specialty(visitor)))
        taps.on(page.locator("button.slot").first)
        expect(page.get_by_role("heading", name="Book this time")).to_be_visible()
        if scripts:
            expect(page.get_by_role("timer")).to_contain_text("left")
        start = shown(seen)
        seen.picture(f"book{name}")
        taps.on(page.get_by_role("link", name="As a guest"))
        fill(page, email)
        seen.picture(f"book-guest{name}")
        taps.on(page.get_by_role("button", name="Send the code"))
        expect(page.get_by_label("Code")).to_be_focused()
        page.keyboard.type(codes(visitor, email)[0])
        seen.picture(f"book-code{name}")
        taps.on(page.get_by_role("button", name="Book", exact=True))
        expect(page.get_by_role("heading", name="Your visit is booked")).to_be_visible()
        assert shown(seen) == start
        seen.picture(f"booked{name}")
        page.reload()
        expect(page.get_by_role("heading", name="Your visit is booked")).to_be_visible()
    assert booked(visitor, place[1]) == [(start, email)]
    assert taps.count <= MOST_TAPS


def test_two_browsers_race_and_the_loser_is_shown_other_times_in_place(
    browser: Browser, visitor: Visitor, place: Place
) -> None:
    start = visitor.at(72 + 10)
    path = f"/providers/{place[1]}?view=day&on={start.date()}"
    with opened(browser, visitor) as winner, opened(browser, visitor, dark=True) as loser:
        for seen in (winner, loser):
            seen.page.goto(path)
        for seen in (winner, loser):  # both still see the time
            seen.page.locator(f'.sheet button[value="{start.isoformat()}"]').tap()
        expect(winner.page.get_by_role("heading", name="Book this time")).to_be_visible()
        assert shown(winner) == start
        expect(loser.page.get_by_role("alert")).to_contain_text("That time has just been taken")
        assert f"/providers/{place[1]}" in loser.page.url
        loser.picture("taken")
        near = loser.page.locator(".near button")
        expect(near).to_have_count(3)
        other = datetime.fromisoformat(str(near.first.get_attribute("value")))
        near.first.tap()
        expect(loser.page.get_by_role("heading", name="Book this time")).to_be_visible()
        assert shown(loser) == other != start


def test_by_keyboard_alone(browser: Browser, visitor: Visitor, place: Place) -> None:
    email = f"{uuid4()}@example.test"
    with opened(browser, visitor) as seen:
        page = seen.page
        page.goto(f"/find?specialty={visitor.specialty}")

        def reach(what: Locator) -> None:
            """Whatever is focused can be seen to be."""
            for _ in range(40):
                page.keyboard.press("Tab")
                if what.evaluate("one => one === document.activeElement"):
                    outline = what.evaluate("one => getComputedStyle(one).outlineStyle")
                    assert outline != "none"
                    return
            raise AssertionError("the keyboard does not get there")

        reach(page.locator("button.slot").first)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Book this time")).to_be_visible()
        reach(page.get_by_role("link", name="As a guest"))
        page.keyboard.press("Enter")
        expect(page.get_by_label("First name")).to_be_focused()
        fill(page, email)
        page.keyboard.press("Enter")
        expect(page.get_by_label("Code")).to_be_focused()
        page.keyboard.type("000000" if codes(visitor, email)[0] != "000000" else "000001")
        page.keyboard.press("Enter")
        expect(page.get_by_text("That is not the code.")).to_be_visible()
        expect(page.get_by_label("Code")).to_be_focused()
        page.keyboard.type(codes(visitor, email)[0])
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Your visit is booked")).to_be_visible()
        seen.complaints[:] = [one for one in seen.complaints if "422" not in one]  # the wrong code
    assert len(booked(visitor, place[1])) == 1


def test_when_the_time_is_over_the_page_says_so(browser: Browser, visitor: Visitor, place: Place) -> None:
    with opened(browser, visitor) as seen:
        page = seen.page
        page.clock.install()
        page.goto(f"/find?specialty={visitor.specialty}")
        page.locator("button.slot").first.tap()
        expect(page.get_by_role("timer")).to_contain_text("9:")
        page.clock.fast_forward("10:01")
        expect(page.get_by_role("alert")).to_contain_text("The time is over.")
        visitor.make.conn.execute(
            "UPDATE appointment SET hold_expires_at = now() - interval '1 second' WHERE provider_id = %s", [place[1]]
        )
        page.get_by_role("link", name="See what is free now").tap()
        expect(page.get_by_role("alert")).to_contain_text("The time was kept for you")
        expect(page.locator(".near button")).to_have_count(3)
