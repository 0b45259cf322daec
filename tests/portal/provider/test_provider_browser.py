"""In a real browser, on a telephone: a provider's day, live."""

import pytest
from playwright.sync_api import Browser, expect

from tests.live.world import relay
from tests.portal.browsing import AT_ONCE, PATIENCE_MS, UNREAD_MS
from tests.portal.provider.conftest import Provider
from tests.portal.provider.test_provider_pages import on
from tests.portal.visits.browsing import at_home

pytestmark = pytest.mark.postgres("18")


def test_who_arrives_is_seen_and_called_in(browser: Browser, provider: Provider) -> None:
    patient = provider.patient
    visit = patient.visit(-63)
    desk = patient.visitor.service.client(patient.visitor.make.token("staff", clinic_ids=(patient.clinic,)))
    path = f"/my-day?on={on(patient, -63)}"
    with relay(patient.visitor.service.dsn), at_home(browser, provider.me) as seen:
        seen.page.goto(path)
        assert desk.post(f"/appointments/{visit}/check-in").status_code == 200
        badge = seen.page.locator("#day .badge")
        expect(badge).to_have_text("Has arrived", timeout=PATIENCE_MS)
        seen.page.wait_for_timeout(UNREAD_MS)
        seen.page.get_by_role("button", name="Begin").tap()
        expect(badge).to_have_text("Under way")
        seen.page.get_by_role("button", name="Finish").tap()
        expect(badge).to_have_text("Over")
    assert patient.row(visit)["status"] == "completed"


def test_focus_goes_to_no_other_step(browser: Browser, provider: Provider) -> None:
    patient = provider.patient
    visit, other = patient.visit(-63), patient.other().visit(-62)
    desk = patient.visitor.service.client(patient.visitor.make.token("staff", clinic_ids=(patient.clinic,)))
    with relay(patient.visitor.service.dsn), at_home(browser, provider.me) as seen:
        seen.page.goto(f"/my-day?on={on(patient, -63)}")
        badge = seen.page.locator(f"#v-{visit} .badge")
        absent = seen.page.locator(f"#no_show-{visit}")
        absent.focus()
        assert desk.post(f"/appointments/{other}/check-in").status_code == 200
        expect(seen.page.locator(f"#v-{other} .badge")).to_have_text("Has arrived", timeout=PATIENCE_MS)
        expect(absent).to_be_focused()
        seen.page.locator(f"#checked_in-{visit}").focus()
        assert desk.post(f"/appointments/{visit}/check-in").status_code == 200
        expect(badge).to_have_text("Has arrived", timeout=PATIENCE_MS)
        expect(seen.page.locator(f"#v-{visit}")).to_be_focused()
        seen.page.keyboard.press("Enter")
        expect(badge).to_have_text("Has arrived")
    assert patient.row(visit)["status"] == "checked_in"


def test_a_tap_meant_for_the_step_before_takes_none(browser: Browser, provider: Provider) -> None:
    patient = provider.patient
    visit = patient.visit(-63)
    desk = patient.visitor.service.client(patient.visitor.make.token("staff", clinic_ids=(patient.clinic,)))
    with relay(patient.visitor.service.dsn), at_home(browser, provider.me) as seen:
        seen.page.goto(f"/my-day?on={on(patient, -63)}")
        seen.page.evaluate(AT_ONCE, f"in_progress-{visit}")
        assert desk.post(f"/appointments/{visit}/check-in").status_code == 200
        begin = seen.page.get_by_role("button", name="Begin")
        expect(begin).to_have_attribute("data-tapped", "", timeout=PATIENCE_MS)
        seen.page.wait_for_timeout(UNREAD_MS)
        assert patient.row(visit)["status"] == "checked_in"
        begin.tap()
        expect(seen.page.locator("#day .badge")).to_have_text("Under way")


@pytest.mark.parametrize("dark", [False, True])
def test_pictures(browser: Browser, provider: Provider, dark: bool) -> None:
    for hours, status in ((7, "completed"), (8, "in_progress"), (9, "checked_in"), (10, "confirmed"), (11, "no_show")):
        provider.patient.other().visit(hours, status=status)
    provider.patient.visitor.make.exception(
        provider.me.provider, provider.me.at(96), provider.me.at(120), status="requested"
    )
    with at_home(browser, provider.me, dark=dark) as seen:
        pages = {"my-day": f"/my-day?on={on(provider.patient, 9)}", "my-schedule": "/my-schedule", "me": "/me"}
        for name, path in pages.items():
            seen.page.goto(path)
            seen.picture(f"{name}-{'dark' if dark else 'light'}")
