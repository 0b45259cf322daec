"""In a real browser: what scripts add is there at first sight; what happens before the stream opens is not missed."""

import time
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.live.world import PATIENCE_S, relay
from tests.portal.browsing import PATIENCE_MS, opened
from tests.portal.conftest import Visitor
from tests.portal.patients import patient_of
from tests.portal.visits.browsing import at_home
from tests.portal.visits.test_waiting import join

pytestmark = pytest.mark.postgres("18")

SHIFTS = """
window.moved = 0;
new PerformanceObserver((list) => list.getEntries().forEach((one) => { window.moved += one.value; }))
    .observe({type: "layout-shift", buffered: true});
"""


def slowly(page: Page) -> None:
    """Scripts come long after the style, as over a poor network."""

    def late(route: Route) -> None:
        page.wait_for_timeout(300)
        route.continue_()

    page.route("**/static/*.js", late)


def moved(page: Page) -> float:
    """How far what was seen has moved, once everything was drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    return float(page.evaluate("moved"))


def test_nothing_moves_when_scripts_come_late(browser: Browser, visitor: Visitor) -> None:
    """Far away, so that one's own time stands beside each of the clinic's."""
    provider = visitor.provider(visitor.make.clinic("Europe/Madrid"), hours=("09:00", "17:00"))
    visitor.not_now(provider)
    with opened(browser, visitor) as seen:
        page = seen.page
        page.add_init_script(SHIFTS)
        slowly(page)
        page.goto(f"/providers/{provider}")
        expect(page.locator(".slot .yours").first).to_be_visible()
        assert moved(page) == 0, "the provider's times"
        page.locator("button.slot").first.tap()
        expect(page.get_by_role("timer")).to_contain_text("left")
        expect(page.locator(".until .yours")).to_be_visible()
        assert moved(page) == 0, "what is kept"
        page.get_by_role("link", name="As a guest").tap()
        expect(page.get_by_label("First name")).to_be_focused()
        assert moved(page) == 0, "who comes"


def until_numbered(visitor: Visitor) -> None:
    """From then on whoever listens from now on does not hear of it."""
    deadline = time.monotonic() + PATIENCE_S
    while visitor.make.conn.execute("SELECT FROM outbox WHERE position IS NULL").fetchone():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Hour:
    """A provider with two times to be had on a day, the first of which a patient books."""

    def __init__(self, visitor: Visitor) -> None:
        self._clinic = visitor.make.clinic("UTC")
        self._visitor, self._provider = visitor, visitor.provider(self._clinic, hours=("09:00", "10:00"))
        self._start = visitor.at(72 + 9)
        self._patient = visitor.service.client(visitor.make.token("patient", patient_id=visitor.make.patient()))

    @property
    def path(self) -> str:
        return f"/providers/{self._provider}?view=day&on={self._start.date()}"

    def book(self) -> None:
        ids = {"provider_id": self._provider, "clinic_id": self._clinic, "visit_type_id": self._visitor.visit_type}
        wish = {name: str(value) for name, value in ids.items()}
        booked = self._patient.post("/appointments", json={**wish, "start": self._start.isoformat()})
        assert booked.status_code == 201, booked.text


def test_what_happens_before_the_stream_opens_is_not_missed(browser: Browser, visitor: Visitor) -> None:
    hour = Hour(visitor)

    def book_first(route: Route) -> None:
        hour.book()
        until_numbered(visitor)
        route.continue_()

    with relay(visitor.service.dsn), opened(browser, visitor) as seen:
        seen.page.route("**/stream?*", book_first, times=1)
        seen.page.goto(hour.path)
        expect(seen.page.locator(".sheet time")).to_have_count(1, timeout=PATIENCE_MS)


def test_a_page_asks_for_itself_again_only_when_something_happened(browser: Browser, visitor: Visitor) -> None:
    hour, asked = Hour(visitor), []
    with relay(visitor.service.dsn), opened(browser, visitor) as seen:
        page = seen.page
        page.on("request", lambda one: asked.append(one.url) if "hx-request" in one.headers else None)
        with page.expect_response("**/stream?*"):
            page.goto(hour.path)
        expect(page.locator(".sheet time")).to_have_count(2)
        hour.book()
        expect(page.locator(".sheet time")).to_have_count(1, timeout=PATIENCE_MS)
    again = [url for url in asked if "/stream?" not in url]
    assert again == [visitor.service.url + hour.path]


@pytest.mark.parametrize("name", ["Wolfeschlegelsteinhausenbergerdorff" * 3, "of the long line of " * 6])
def test_a_very_long_name_makes_no_page_wider_than_a_telephone(browser: Browser, visitor: Visitor, name: str) -> None:
    clinic = visitor.make.clinic("UTC")
    provider = visitor.provider(clinic, first_name="Ana", last_name=name.strip()[:120])
    patient = patient_of(visitor, provider, clinic)
    visit = patient.visit(9)
    join(patient)
    desk = replace(patient, token=visitor.make.token("staff", clinic_ids=(clinic,)))
    theirs = (f"/visits/{visit}", "/visits", f"/visits/{visit}/move", f"/providers/{provider}")
    day = f"/desk?clinic={clinic}&on={visitor.at(9).date()}"
    of_desk = (f"/desk/visits/{visit}", day, f"/desk/waitlist?clinic={clinic}")
    for who, paths in ((patient, theirs), (desk, of_desk)):
        with at_home(browser, who) as seen:
            for path in paths:
                seen.page.goto(path)
                expect(seen.page.locator("main")).to_contain_text(name[:20])
                wide = seen.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
                assert wide[0] <= wide[1], path
