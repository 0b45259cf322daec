"""From a press that cancels a visit in one browser to the offer of its time in another, which nobody touches."""

import os
from pathlib import Path

import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

from frontdesk import ids
from tests.make import Make
from tests.portal.conftest import Visitor
from tests.portal.patients import Patient, at_a_clinic
from tests.portal.visits.browsing import let_in
from tests.portal.visits.test_browser import busy_but_for
from tests.portal.visits.test_waiting import join
from tests.service import Service

# Clocks of two pages on one machine agree to the millisecond.
_WHEN_PRESSED = "addEventListener('submit', () => sessionStorage.setItem('pressed', Date.now()))"
_WHEN_SEEN = """
new MutationObserver(() => {
    if (!window.seen && document.querySelector(".offer")) window.seen = Date.now();
}).observe(document, {childList: true, subtree: true});
"""


def measure(service: Service, chromium: Path, times: int) -> list[float]:
    """How many seconds each of so many offers took: every time two other patients, of another provider."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own does not work for root
    with (
        psycopg.connect(service.dsn, autocommit=True, options="-c timezone=UTC") as conn,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=sandbox)
        try:
            return [_one(browser, service, Make(conn)) for _ in range(times)]
        finally:
            browser.close()


def _one(browser: Browser, service: Service, make: Make) -> float:
    specialty = make.row("specialty", name=f"{ids.new_id()}")
    patient = at_a_clinic(Visitor(service, make, service.client(), specialty, make.visit_type()))
    visit, waits = patient.visit(9), patient.other()
    busy_but_for(patient, 9)
    join(waits)
    pressing, watching = _page(browser, patient), _page(browser, waits)
    watching.add_init_script(_WHEN_SEEN)
    with watching.expect_response("**/live?*"):
        watching.goto("/visits")
    pressing.goto(f"/visits/{visit}")
    pressing.evaluate(_WHEN_PRESSED)
    pressing.locator("summary", has_text="Cancel this visit").click()
    pressing.get_by_role("button", name="Cancel this visit").click()
    watching.locator(".offer").wait_for()
    took_ms = watching.evaluate("seen") - float(pressing.evaluate("sessionStorage.getItem('pressed')"))
    for page in (pressing, watching):
        page.context.close()
    return float(took_ms) / 1000


def _page(browser: Browser, patient: Patient) -> Page:
    context = browser.new_context(base_url=patient.visitor.service.url, locale="en-GB")
    let_in(context, patient)
    return context.new_page()
