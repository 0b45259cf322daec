"""A receptionist's day in a real browser: by keys, before the eyes of a colleague, on paper."""

import contextlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import APIResponse, Browser, Route, expect
from playwright.sync_api import Error as PlaywrightError

from frontdesk.auth import browsers
from tests.live.world import relay
from tests.portal.browsing import AT_ONCE, PATIENCE_MS, PHONE, UNREAD_MS, Watched
from tests.portal.desk.conftest import Desk

pytestmark = pytest.mark.postgres("18")

WIDE = {"width": 1280, "height": 900}


@contextmanager
def at_desk(
    browser: Browser, desk: Desk, *, dark: bool = False, phone: bool = False, scripts: bool = True
) -> Iterator[Watched]:
    """Logged in, in a zone that is not the clinic's."""
    context = browser.new_context(
        base_url=desk.service.url,
        viewport=PHONE if phone else WIDE,  # type: ignore[arg-type]
        locale="en-GB",
        timezone_id="America/Los_Angeles",
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
    )
    context.add_cookies([{"name": browsers.COOKIE, "value": desk.cookie, "url": desk.service.url}])
    watched = Watched(context.new_page(), desk.service.url)
    try:
        yield watched
    finally:
        context.close()
    assert watched.complaints == []


def listening(seen: Watched, path: str) -> None:
    """Open the page, and wait until it hears of changes."""
    with seen.page.expect_response(lambda r: "/live?" in r.url):
        seen.page.goto(path)


def test_the_day_by_keys_alone(browser: Browser, desk: Desk) -> None:
    provider = desk.provider()
    first, second, third = (desk.visit(provider, desk.at(hour, -1)) for hour in (9, 10, 11))
    with relay(desk.service.dsn), at_desk(browser, desk) as seen:
        listening(seen, desk.day(-1))
        keys, said = seen.page.keyboard, seen.page.get_by_role("status")
        keys.press("j")
        expect(seen.page.locator(f"#a-{first}")).to_be_focused()
        for key, told in (("c", "Confirmed"), ("a", "Here"), ("b", "With the provider"), ("f", "Done")):
            keys.press(key)
            expect(said).to_contain_text(told)
            expect(seen.page.locator(f"#a-{first}")).to_be_focused()
        keys.press("ArrowDown")
        keys.press("j")
        expect(seen.page.locator(f"#a-{third}")).to_be_focused()
        keys.press("k")
        keys.press("n")
        expect(seen.page.locator(f"#v-{second} .status")).to_have_text("Did not come")
        assert [desk.row(visit)[0] for visit in (first, second, third)] == ["completed", "no_show", "scheduled"]
        keys.press("j")
        keys.press("x")
        expect(seen.page.get_by_label("Why?")).to_be_focused()
        keys.type("joyful cancellation")  # letters in a field are letters
        keys.press("Enter")
        expect(seen.page.locator(f"#v-{third} .status")).to_have_text("Cancelled")
        expect(seen.page.locator(f"#a-{third}")).to_be_focused()
        assert desk.row(third)[0] == "cancelled"


def test_what_a_colleague_does_appears(browser: Browser, desk: Desk) -> None:
    visit = desk.visit(desk.provider(), desk.at(9, -1))
    colleague = desk.service.client(desk.token)
    with relay(desk.service.dsn), at_desk(browser, desk) as seen:
        listening(seen, desk.day(-1))
        seen.page.keyboard.press("j")
        assert colleague.post(f"/appointments/{visit}/check-in").status_code == 200
        expect(seen.page.locator(f"#v-{visit} .status")).to_have_text("Here", timeout=PATIENCE_MS)
        expect(seen.page.locator(f"#a-{visit}")).to_be_focused()


def test_focus_goes_to_no_other_step(browser: Browser, desk: Desk) -> None:
    """A colleague does what one is about to do: Enter may do nothing else then."""
    visit, other = (desk.visit(desk.provider(), desk.at(hour, -1)) for hour in (9, 10))
    colleague = desk.service.client(desk.token)
    with relay(desk.service.dsn), at_desk(browser, desk) as seen:
        listening(seen, desk.day(-1))
        for key in (visit, other):
            arrived = seen.page.locator(f"#checked_in-{visit}")
            arrived.focus()
            assert colleague.post(f"/appointments/{key}/confirm").status_code == 200
            expect(seen.page.locator(f"#v-{key} .status")).to_have_text("Confirmed", timeout=PATIENCE_MS)
            expect(arrived).to_be_focused()
        assert colleague.post(f"/appointments/{visit}/check-in").status_code == 200
        expect(seen.page.locator(f"#v-{visit} .status")).to_have_text("Here", timeout=PATIENCE_MS)
        expect(seen.page.locator(f"#a-{visit}")).to_be_focused()
        begin = seen.page.locator(f"#in_progress-{visit}")
        begin.focus()
        seen.page.keyboard.press("Enter")
        expect(seen.page.locator(f"#v-{visit} .status")).to_have_text("With the provider")
        expect(seen.page.locator(f"#a-{visit}")).to_be_focused()
        assert desk.row(visit)[0] == "in_progress"


def test_a_click_meant_for_the_step_before_takes_none(browser: Browser, desk: Desk) -> None:
    visit = desk.visit(desk.provider(), desk.at(9, -1))
    with relay(desk.service.dsn), at_desk(browser, desk) as seen:
        listening(seen, desk.day(-1))
        seen.page.evaluate(AT_ONCE, f"in_progress-{visit}")
        assert desk.service.client(desk.token).post(f"/appointments/{visit}/check-in").status_code == 200
        begin = seen.page.locator(f"#in_progress-{visit}[data-tapped]")
        expect(begin).to_have_count(1, timeout=PATIENCE_MS)
        seen.page.wait_for_timeout(UNREAD_MS)
        assert desk.row(visit)[0] == "checked_in"
        seen.page.get_by_role("button", name="Begin").click()
        expect(seen.page.locator(f"#v-{visit} .status")).to_have_text("With the provider")


def test_a_step_of_a_list_that_is_not_live_is_refused(desk: Desk) -> None:
    """By the version that it was shown for, whichever step it is."""
    visit = desk.visit(desk.provider(), desk.at(9, -1))
    form = {"clinic": desk.clinic, "on": desk.at(0, -1).date(), "version": 1}
    assert desk.send(f"/desk/visits/{visit}/step", to="checked_in", **form).status_code == 303
    for step in ("checked_in", "in_progress", "no_show"):
        assert desk.send(f"/desk/visits/{visit}/step", to=step, **form).status_code in (409, 412), step
    assert desk.row(visit)[0] == "checked_in"


def test_what_was_refused_stays_told_while_others_go_on(browser: Browser, desk: Desk) -> None:
    """Two at one row: the slower one reads why, until their own next step."""
    provider, anna = desk.provider(), desk.patient(first_name="Anna", last_name="Sorell")
    visit, other = desk.visit(provider, desk.at(9, -1), anna), desk.visit(provider, desk.at(10, -1))
    colleague = desk.service.client(desk.token)
    with at_desk(browser, desk) as seen:
        listening(seen, desk.day(-1))
        assert colleague.post(f"/appointments/{visit}/confirm").status_code == 200
        seen.page.keyboard.press("j")
        seen.page.keyboard.press("n")
        refused = seen.page.get_by_role("alert")
        expect(refused).to_contain_text("Somebody else changed this visit")
        assert colleague.post(f"/appointments/{other}/check-in").status_code == 200
        with relay(desk.service.dsn):
            expect(seen.page.locator(f"#v-{other} .status")).to_have_text("Here", timeout=PATIENCE_MS)
            assert colleague.post(f"/appointments/{other}/start").status_code == 200
            expect(seen.page.locator(f"#v-{other} .status")).to_have_text("With the provider", timeout=PATIENCE_MS)
            expect(refused).to_contain_text("Somebody else changed this visit")
            expect(seen.page.locator("#refused")).to_contain_text("Anna Sorell")
            seen.page.keyboard.press("a")
            expect(seen.page.get_by_role("status")).to_have_text("Anna Sorell: Here")
            expect(refused).to_have_count(0)


def test_an_older_list_that_comes_late_hides_nothing(browser: Browser, desk: Desk) -> None:
    """The list is fetched anew for what a colleague did, and slowly; meanwhile two keys are pressed."""
    provider = desk.provider()
    visit, other = (desk.visit(provider, desk.at(hour, -1)) for hour in (9, 10))
    with relay(desk.service.dsn), at_desk(browser, desk) as seen:
        listening(seen, desk.day(-1))
        late: list[tuple[Route, APIResponse]] = []
        seen.page.route(re.compile(r"/desk\?"), lambda route: late.append((route, route.fetch())))
        assert desk.service.client(desk.token).post(f"/appointments/{other}/confirm").status_code == 200
        give_up_at = time.monotonic() + PATIENCE_MS / 1000
        while not late:
            assert time.monotonic() < give_up_at
            seen.page.wait_for_timeout(20)
        seen.page.keyboard.press("j")
        for key, told in (("a", "Here"), ("b", "With the provider")):
            seen.page.keyboard.press(key)
            expect(seen.page.get_by_role("status")).to_contain_text(told)
            for route, answer in late:
                with contextlib.suppress(PlaywrightError):  # nobody waits for it any more
                    route.fulfill(response=answer)
            late.clear()
        assert desk.row(visit)[0] == "in_progress"
        seen.page.unroute_all(behavior="ignoreErrors")  # one may just be under way


@pytest.mark.parametrize("dark", [False, True])
def test_pictures(browser: Browser, desk: Desk, dark: bool) -> None:
    ana = desk.provider(first_name="Ana", last_name="Wojciechowska", title="Dr.")
    for hour, status in (
        (8, "completed"),
        (9, "in_progress"),
        (10, "checked_in"),
        (11, "confirmed"),
        (12, "cancelled"),
    ):
        desk.visit(ana, desk.at(hour), status=status)
    visit = desk.visit(ana, desk.at(13), reason="A cough that does not go away")
    shade, patient = "dark" if dark else "light", desk.patient(first_name="Ada", phone="+34 600 000 001")
    paths = {"day": desk.day(), "visit": f"/desk/visits/{visit}", "patient": f"/desk/patients/{patient}"}
    paths |= {"book": f"/desk/patients/{patient}/book", "register": "/desk/patients/new", "away": "/desk/away"}
    for phone in (False, True):
        with at_desk(browser, desk, dark=dark, phone=phone) as seen:
            for name, path in paths.items():
                seen.page.goto(path)
                seen.picture(f"desk-{name}-{'phone' if phone else 'wide'}-{shade}")
            if not phone and not dark:
                seen.page.goto(desk.day())
                seen.page.emulate_media(media="print")
                expect(seen.page.get_by_role("button")).to_have_count(0)
                seen.picture("desk-day-paper")


def test_long_words_stay_on_a_telephone(browser: Browser, desk: Desk) -> None:
    name, reason = "Wolfeschlegelsteinhausenbergerdorff" * 3, "Rindfleischetikettierung" * 15
    patient = desk.patient(first_name=name, last_name=name)
    visit = desk.visit(desk.provider(), desk.at(9), patient, reason=reason)
    with at_desk(browser, desk, phone=True) as seen:
        sheets = (f"/desk/visits/{visit}", f"/desk/patients/{patient}", f"/desk/patients/{patient}/book")
        for path in (desk.day(), *sheets):
            seen.page.goto(path)
            wide, shown = seen.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide <= shown, path
