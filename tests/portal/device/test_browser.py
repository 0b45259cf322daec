"""In a real browser whose network goes away: the next visit is there, and gone with whom it belongs to."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Error, Page, expect

from frontdesk import clock, demo
from tests.make import Make
from tests.portal.browsing import PATIENCE_MS, PHONE, PICTURES
from tests.service import Service

pytestmark = pytest.mark.postgres("18")

KEPT = "() => JSON.parse(localStorage.getItem('next-visit'))"
KEPT_ALL = """async () => {
    const worker = await navigator.serviceWorker.getRegistration();
    const files = await (await caches.open("offline")).keys();
    return localStorage.getItem("next-visit") && worker?.active?.state === "activated" && files.length === 4;
}"""
KEPT_NOTHING = "async () => !(await navigator.serviceWorker.getRegistration())"


@pytest.fixture
def own(database: str, tmp_path: Path) -> Iterator[Service]:
    service = Service(database, tmp_path, workers=1)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def page(browser: Browser, own: Service) -> Iterator[Page]:
    context = browser.new_context(base_url=own.url, viewport=PHONE, locale="en-GB")  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()


def visit_of_the_demos_patient(own: Service) -> None:
    with psycopg.connect(own.dsn, autocommit=True, options="-c timezone=UTC") as conn:
        make = Make(conn)
        patient, provider = make.patient(), make.provider(title="Dr.", first_name="Marisol", last_name="Quintanilla")
        make.demo_log_ins(patient_id=patient)
        clinic = make.row("clinic", name="North clinic", time_zone="Europe/Madrid", phone="+34 91 5550100")
        start = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=40)
        make.appointment(provider, clinic, make.visit_type(), start, patient_id=patient)


def until(page: Page, promised: str) -> None:
    """Wait until the promise comes true; `wait_for_function` is content with any promise."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(promised):
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def log_in(page: Page) -> None:
    page.goto("/login")
    page.get_by_label("E-mail address").fill("patient@frontdesk.test")
    page.get_by_label("Password").fill(demo.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    until(page, KEPT_ALL)


def kept(page: Page) -> Any:
    return page.evaluate(KEPT)


def test_without_a_network_the_next_visit_is_there_until_its_patient_is_not(own: Service, page: Page) -> None:
    visit_of_the_demos_patient(own)
    page.goto("/")
    assert kept(page) is None
    log_in(page)
    assert kept(page)["visit"]["clinic"] == "North clinic"

    own.kill()
    page.goto("/find")
    expect(page.get_by_role("heading", name="No network")).to_be_visible()
    expect(page.get_by_text("Dr. Marisol Quintanilla")).to_be_visible()
    expect(page.get_by_role("link", name="+34 915 55 01 00")).to_have_attribute("href", "tel:+34-915-55-01-00")
    expect(page.locator(".slot")).to_have_count(0)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "offline.png")

    own.start()
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="Free times")).to_be_visible()

    page.context.clear_cookies()  # as when the session is over
    page.reload()
    assert kept(page) is None
    log_in(page)
    assert kept(page) is not None
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    until(page, KEPT_NOTHING)
    assert (kept(page), page.evaluate("caches.keys()")) == (None, [])
    own.kill()
    with pytest.raises(Error, match="ERR_CONNECTION"):
        page.goto("/find")
