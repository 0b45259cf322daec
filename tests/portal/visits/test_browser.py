"""In a real browser, on a telephone: one's own visits, and offers that appear before one's eyes."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.live.world import relay
from tests.portal.browsing import PATIENCE_MS
from tests.portal.patients import Patient
from tests.portal.visits.browsing import at_home
from tests.portal.visits.test_waiting import busy, join

pytestmark = pytest.mark.postgres("18")


@pytest.mark.parametrize("scripts", [True, False])
def test_confirm_move_and_cancel_with_a_thumb(browser: Browser, patient: Patient, scripts: bool) -> None:
    visit = patient.visit(9)
    with at_home(browser, patient, scripts=scripts) as seen:
        page = seen.page
        page.goto("/visits")
        page.locator("main").get_by_role("link", name=re.compile("09:00|10:00|11:00")).first.tap()
        page.get_by_role("button", name="Yes, I will come").tap()
        expect(page.get_by_role("status")).to_have_text("Thank you for saying that you will come.")
        page.get_by_role("link", name="Choose another time").tap()
        page.get_by_role("link", name="Later").tap()
        page.locator("button.slot").first.tap()
        expect(page.get_by_role("status")).to_have_text("Your visit has a new time.")
        page.locator("summary", has_text="Cancel this visit").tap()
        page.get_by_label("Why?").fill("A cold.")
        page.get_by_role("button", name="Cancel this visit").tap()
        expect(page.get_by_role("status")).to_contain_text("Your visit is cancelled")
    assert (patient.row(visit)["status"], patient.row(visit)["status_reason"]) == ("cancelled", "A cold.")


def test_cancel_here_and_the_offer_appears_there(browser: Browser, patient: Patient) -> None:
    """Two telephones: nobody loads anything again, and it takes no longer than two seconds."""
    visit = patient.visit(9)
    busy_but_for(patient, 9)
    waits = patient.other()
    join(waits)
    with (
        relay(patient.visitor.service.dsn),
        at_home(browser, waits) as theirs,
        at_home(browser, patient) as mine,
    ):
        theirs.page.goto("/visits")
        expect(theirs.page.get_by_text("You are number 1 in line.")).to_be_visible()
        mine.page.goto(f"/visits/{visit}")
        mine.page.locator("summary", has_text="Cancel this visit").tap()
        mine.page.get_by_role("button", name="Cancel this visit").tap()
        expect(mine.page.get_by_role("status")).to_contain_text("is cancelled")
        offer = theirs.page.locator(".offer")
        expect(offer).to_be_visible(timeout=PATIENCE_MS)
        expect(offer.get_by_role("timer")).to_have_text(re.compile(r"^\d+(:\d\d)+ left$"))
        theirs.picture("offer")
        offer.get_by_role("button", name="Yes, I take this time").tap()
        expect(theirs.page.get_by_role("status")).to_have_text("It is booked. See you then!")


def busy_but_for(patient: Patient, hours: float) -> None:
    """Nothing of the provider but that half hour can be had."""
    make, start, end = patient.visitor.make, patient.at(hours), patient.at(hours + 0.5)
    make.exception(patient.provider, patient.at(-100), start)
    make.exception(patient.provider, end, patient.at(24 * 800))


def test_what_the_desk_does_is_seen_at_once(browser: Browser, patient: Patient) -> None:
    visit = patient.visit(9)
    token = patient.visitor.make.token("staff", clinic_ids=(patient.clinic,))
    with relay(patient.visitor.service.dsn), at_home(browser, patient) as seen:
        seen.page.goto(f"/visits/{visit}")
        seen.page.locator("summary", has_text="Cancel this visit").tap()
        seen.page.get_by_label("Why?").fill("I type while")
        desk = patient.visitor.service.client(token)
        assert desk.post(f"/appointments/{visit}/check-in").status_code == 200
        expect(seen.page.locator("#visit .badge")).to_have_text("You have arrived", timeout=PATIENCE_MS)
        expect(seen.page.get_by_label("Why?")).to_have_value("I type while")


def test_when_the_time_of_an_offer_is_over_it_goes(browser: Browser, patient: Patient) -> None:
    entry = join(patient)
    with at_home(browser, patient) as seen:
        seen.page.clock.install()
        with seen.page.expect_response("**/live?*"):  # who waits for it until the day is over complains
            seen.page.goto("/visits")
        expect(seen.page.locator(".offer")).to_be_visible()
        offer = entry["offer"]["id"]
        conn = patient.visitor.make.conn
        conn.execute("UPDATE waitlist_offer SET expires_at = now() WHERE id = %s", [offer])
        seen.page.clock.fast_forward("24:00:00")
        expect(seen.page.locator(".offer")).to_have_count(0, timeout=PATIENCE_MS)
        expect(seen.page.get_by_text("What you wait for")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True])
def test_pictures(browser: Browser, patient: Patient, dark: bool) -> None:
    visit = patient.visit(9, mode="telehealth")
    patient.visit(33, status="confirmed")
    patient.visit(-100, status="completed")
    patient.visit(-200, status="no_show")
    join(patient)
    busy(patient)
    type_id = patient.visitor.make.visit_type(45)
    patient.visitor.link("provider_visit_type", provider_id=patient.provider, visit_type_id=type_id)
    entry = join(patient, visit_type_id=str(type_id), time_of_day=["morning"], reason="It hurts.")
    shade = "dark" if dark else "light"
    with at_home(browser, patient, dark=dark) as seen:
        pages = {
            "visits": "/visits",
            "past": "/visits?when=past",
            "visit": f"/visits/{visit}",
            "move": f"/visits/{visit}/move",
            "place": f"/waitlist/{entry['id']}",
        }
        for name, path in pages.items():
            seen.page.goto(path)
            seen.picture(f"{name}-{shade}")
