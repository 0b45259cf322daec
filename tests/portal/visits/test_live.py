"""In a real browser: what changes elsewhere changes the page, and takes nothing out of one's hands."""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from tests.live.world import relay
from tests.portal.browsing import PATIENCE_MS
from tests.portal.patients import Patient
from tests.portal.visits.browsing import at_home
from tests.portal.visits.test_browser import busy_but_for
from tests.portal.visits.test_waiting import join

pytestmark = pytest.mark.postgres("18")

PLACE = """() => new Promise((told) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const now = document.activeElement;
    told([scrollY, now.tagName, now.textContent, now.value ?? now.href]);
})))"""
"""Where the reader is: how far down, and on which element; when the browser has drawn all there is."""

NAMELESS = """[...document.querySelectorAll("[hx-get] :is(a, button, textarea, select, input:not([type=hidden]))")]
    .filter((one) => !one.id).map((one) => one.outerHTML)"""
"""What a live part cannot give the focus back to."""

TWICE = (
    """[...document.querySelectorAll("[id]")].map((one) => one.id).filter((id, at, all) => all.indexOf(id) !== at)"""
)


@pytest.mark.parametrize(
    ("path", "chosen"),
    [
        ("/providers/{provider}?visit={visit_type}", "#times .sheet button.slot >> nth=20"),
        ("/providers/{provider}?visit={visit_type}", "#times .next button"),
        ("/providers/{provider}?visit={visit_type}&view=day&on={day}", "#times .sheet button.slot >> nth=20"),
        ("/providers/{provider}?visit={visit_type}&view=day&on={day}", "#times .sheet button.slot >> nth=-1"),
        ("/providers/{provider}?visit={visit_type}&view=month&on={month}", "#times td a >> nth=5"),
        ("/visits/{visit}/move", "#choose button.slot >> nth=60"),
        ("/visits", "#visits a[href$='/move'] >> nth=-2"),
        ("/visits/{visit}", "#visit a[href$='/move']"),
        ("/waitlist/{entry}", "#place button"),
    ],
)
def test_the_focus_and_the_place_stay(browser: Browser, patient: Patient, path: str, chosen: str) -> None:
    visit, other = patient.visit(24 * 9 + 9), patient.visit(24 * 30)
    ids = {"provider": patient.provider, "visit_type": patient.visitor.visit_type, "visit": visit}
    day = patient.at(24 * 9).date()  # of today, or of a month that ends, there may be little left
    ids |= {"day": day, "month": (day.replace(day=1) + timedelta(days=32)).replace(day=1)}
    if "waitlist" in path:
        busy_but_for(patient, 24 * 30)
        ids["entry"] = join(patient, latest=patient.at(24).date().isoformat())["id"]
    with relay(patient.visitor.service.dsn), at_home(browser, patient) as seen:
        page = seen.page
        page.goto(path.format(**ids))
        page.locator(chosen).focus()
        before = page.evaluate(PLACE)
        page.evaluate("document.querySelector('[hx-get]').dataset.old = ''")
        me = patient.visitor.service.client(patient.token)
        assert me.post(f"/appointments/{other}/cancel").status_code == 200
        expect(page.locator("[data-old]")).to_have_count(0, timeout=PATIENCE_MS)
        assert page.evaluate(PLACE) == before
        assert page.evaluate(NAMELESS) == page.evaluate(TWICE) == []


@pytest.mark.parametrize("status", ["cancelled", "in_progress"])
def test_what_can_no_longer_be_cancelled_offers_it_no_more(browser: Browser, patient: Patient, status: str) -> None:
    visit = patient.visit(9)
    desk = patient.visitor.service.client(patient.visitor.make.token("staff", clinic_ids=(patient.clinic,)))
    with relay(patient.visitor.service.dsn), at_home(browser, patient) as seen:
        page = seen.page
        page.goto(f"/visits/{visit}")
        page.locator("summary", has_text="Cancel this visit").tap()
        page.get_by_label("Why?").fill("A cold.")
        assert desk.post(f"/appointments/{visit}/confirm").status_code == 200
        expect(page.locator("#visit .badge")).to_have_text("Confirmed", timeout=PATIENCE_MS)
        expect(page.get_by_label("Why?")).to_be_visible()
        expect(page.get_by_label("Why?")).to_have_value("A cold.")
        for step in ("cancel",) if status == "cancelled" else ("check-in", "start"):
            assert desk.post(f"/appointments/{visit}/{step}").status_code == 200
        expect(page.locator(f"#visit.{status}")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.locator("#cancel")).to_be_hidden()
        expect(page.locator(".earlier")).to_be_hidden()
        # Whoever was faster than the news, and had the form still, is told what has happened.
        page.locator("#cancelling").evaluate("(form) => form.submit()")
        expect(page.get_by_role("alert")).to_contain_text("not possible any more")
        seen.complaints[:] = [one for one in seen.complaints if "409" not in one]
