"""A provider's week is changed in a real browser: on a telephone without scripts, and by keys alone."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from frontdesk.auth import tokens
from frontdesk.secrets import Keys
from tests.portal.browsing import PHONE
from tests.portal.desk.conftest import Desk
from tests.portal.desk.test_browser import at_desk
from tests.portal.desk.test_week import MADRID, next_monday, path_of, stored, week
from tests.service import SECRET

pytestmark = pytest.mark.postgres("18")

MOST_TABS = 200


def as_admin(desk: Desk) -> Desk:
    """The same clinic, seen by an admin."""
    keys = Keys(SECRET).tokens
    login = tokens.read(desk.make.token("admin"), keys)
    return replace(desk, cookie=tokens.write(login, keys, timedelta(hours=1), tokens.PAGES))


def tab_to(page: Page, name: str) -> None:
    """Press the key until what has this name has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if name in page.evaluate("(document.activeElement.labels?.[0] ?? document.activeElement).textContent"):
            return
    pytest.fail(f"no key leads to {name}")


def test_an_admin_changes_a_week_and_a_patient_sees_it(browser: Browser, desk: Desk) -> None:
    provider, monday = week(desk, (1, "09:00", "12:00"), (3, "14:00", "16:00")), next_monday(desk)
    patient = desk.patient(first_name="Wanda", last_name="Weekling")
    desk.visit(provider, datetime.combine(monday, time(9), MADRID), patient)
    with at_desk(browser, as_admin(desk), phone=True, scripts=False) as seen:
        page = seen.page
        page.goto(f"/admin/providers/{provider}")
        page.get_by_role("link", name="Weekly hours").click()
        first = page.get_by_role("group", name="Hours 1", exact=True)
        first.get_by_label("From", exact=True).fill("10:00")
        page.get_by_role("button", name="Friday").click()
        added = page.get_by_role("group", name="Hours 3", exact=True)
        expect(added.get_by_label("From", exact=True)).to_be_focused()
        added.get_by_label("From", exact=True).fill("08:00")
        added.get_by_label("Until", exact=True).fill("09:00")
        seen.picture("week-phone")
        page.get_by_label("The week of", exact=True).fill(str(monday))
        page.get_by_role("button", name="See what it comes to").last.click()
        came = page.get_by_role("region", name="Before you save")
        expect(came).to_contain_text("1 visit would stand outside of these hours")
        expect(came.get_by_role("link", name="Wanda Weekling")).to_be_visible()
        expect(came.locator(".dropped", has_text="09:30").first).to_be_visible()
        expect(came.locator(".fresh", has_text="08:30").first).to_be_visible()
        seen.picture("week-preview-phone")
        came.get_by_label("Why may they stay?").fill("They come before the others")
        came.get_by_role("button", name="Save these hours").click()
        expect(page.get_by_role("status")).to_have_text("It is saved.")
    assert [row[:3] for row in stored(desk, provider)] == [
        (1, "10:00", "12:00"),
        (3, "14:00", "16:00"),
        (5, "08:00", "09:00"),
    ]
    context = browser.new_context(base_url=desk.service.url, locale="en-GB", viewport=PHONE)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        page.goto(f"/providers/{provider}?on={monday}")
        sheet = page.locator(".sheet", has_text=f"{monday.day} {monday:%b}")
        expect(sheet.locator("time").first).to_have_text("10:00")
        friday = monday + timedelta(days=4)
        expect(page.locator(".sheet", has_text=f"{friday.day} {friday:%b}").locator("time").first).to_have_text("08:00")
    finally:
        context.close()


def test_a_week_by_keys_alone(browser: Browser, desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"))
    with at_desk(browser, desk, dark=True) as seen:
        page, keys = seen.page, seen.page.keyboard
        page.goto(path_of(provider))
        tab_to(page, "Add hours: Tuesday")
        keys.press("Enter")
        expect(page.get_by_role("group", name="Hours 2", exact=True).get_by_label("From")).to_be_focused()
        keys.type("1300")
        tab_to(page, "Until")
        keys.type("1500")
        keys.press("Enter")  # the first button of the form looks, and saves nothing
        expect(page.get_by_role("heading", name="Before you save")).to_be_focused()
        expect(page.get_by_text("No visit would stand outside of these hours.")).to_be_visible()
        seen.picture("week-preview-dark")
        tab_to(page, "Save these hours")
        keys.press("Enter")
        expect(page.get_by_role("status")).to_have_text("It is saved.")
    assert [row[:3] for row in stored(desk, provider)] == [(1, "09:00", "12:00"), (2, "13:00", "15:00")]
