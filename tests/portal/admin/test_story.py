"""An admin's day in a real browser: a clinic opens, a day is closed, somebody starts at the desk; the trail knows."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from frontdesk import clock
from frontdesk.auth import browsers
from tests.portal.admin.conftest import Admin
from tests.portal.browsing import PHONE, Watched

pytestmark = pytest.mark.postgres("18")

WIDE = {"width": 1280, "height": 900}
PASSWORD = "four plain words together"


@contextmanager
def a_browser(browser: Browser, admin: Admin, *, logged_in: bool, phone: bool = False) -> Iterator[Watched]:
    """Of the admin, or of somebody who is still to log in."""
    shape = {"viewport": PHONE if phone else WIDE}
    context = browser.new_context(base_url=admin.service.url, locale="en-GB", **shape)  # type: ignore[arg-type]
    if logged_in:
        context.add_cookies([{"name": browsers.COOKIE, "value": admin.cookie, "url": admin.service.url}])
    watched = Watched(context.new_page(), admin.service.url)
    yield watched
    context.close()
    assert not watched.complaints, "\n".join(watched.complaints)


def made(page: Page) -> UUID:
    """Save the form; what it has made, which is shown under an address of its own."""
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("It is saved.")
    return UUID(page.url.partition("?")[0].rsplit("/", 1)[1])


def new(page: Page, area: str) -> None:
    """From wherever to the empty form."""
    page.get_by_label("Administration").get_by_role("link", name=area).click()
    page.get_by_role("link", name="Add", exact=True).click()


def test_a_clinic_opens(browser: Browser, admin: Admin) -> None:
    clinic, kind, last = f"Riverside {uuid4().hex[:6]}", f"Check-up {uuid4().hex[:6]}", f"Okonkwo-{uuid4().hex[:6]}"
    with a_browser(browser, admin, logged_in=True) as seen:
        page = seen.page
        page.goto("/admin")
        seen.picture("admin-overview")
        new(page, "Clinics")
        page.get_by_label("Name").fill(clinic)
        page.get_by_label("Time zone").fill("Europe/Madrid")
        page.get_by_label("Address").fill("Calle Mayor 7\nMadrid")
        clinic_id = made(page)
        seen.picture("admin-clinic")
        page.get_by_role("link", name="Rooms").click()
        page.get_by_label("Name").fill("Room 1")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("link", name="Room 1 consultation")).to_be_visible()
        seen.picture("admin-rooms")
        new(page, "Kinds of visits")
        page.get_by_label("Name").fill(kind)
        page.get_by_label("Minutes needed", exact=True).fill("45")
        kind_id = made(page)
        seen.picture("admin-kind-of-visit")
        new(page, "Providers")
        page.get_by_label("First name").fill("Adaeze")
        page.get_by_label("Last name").fill(last)
        page.get_by_label("License number").fill(f"L-{uuid4()}")
        page.get_by_label(clinic).check()
        page.get_by_label(kind).check()
        provider_id = made(page)
        seen.picture("admin-provider")
        page.goto(f"/providers/{provider_id}")  # as patients find them
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Adaeze {last}")
        expect(page.get_by_role("heading", name=clinic)).to_be_visible()
    assert admin.rows("SELECT name, kind FROM room WHERE clinic_id = %s", clinic_id) == [("Room 1", "consultation")]
    assert admin.rows("SELECT name, duration_min FROM visit_type WHERE id = %s", kind_id) == [(kind, 45)]
    linked = "SELECT clinic_id, visit_type_id FROM provider_clinic JOIN provider_visit_type USING (provider_id)"
    assert admin.rows(f"{linked} WHERE provider_id = %s", provider_id) == [(clinic_id, kind_id)]


def test_a_closure_tells_what_it_strands(browser: Browser, admin: Admin) -> None:
    clinic, provider = admin.make.clinic("Europe/Madrid"), admin.make.provider()
    admin.make.every_day(provider, clinic)
    noon = clock.now().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=7)
    of = {"patient_id": admin.make.patient(), "origin": "imported"}
    visit = admin.make.appointment(provider, clinic, admin.make.visit_type(), noon, **of)
    closures = "SELECT count(*) FROM closure WHERE clinic_id = %s"
    with a_browser(browser, admin, logged_in=True) as seen:
        page = seen.page
        page.goto(f"/admin/clinics/{clinic}/closures")
        page.get_by_label("First day").fill(noon.date().isoformat())
        page.get_by_label("Reason", exact=True).fill("The roof is mended")
        page.get_by_role("button", name="Close", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("Nothing was saved yet: visits stand in that time.")
        expect(page.locator(f'a[href="/desk/visits/{visit}"]')).to_be_visible()
        seen.picture("admin-closure-strands")
        assert admin.rows(closures, clinic) == [(0,)]
        seen.complaints[:] = [one for one in seen.complaints if "409" not in one]  # the refusal, said by the browser
        expect(page.get_by_label("Reason", exact=True)).to_have_value("The roof is mended")
        expect(page.get_by_label("First day")).to_have_value(noon.date().isoformat())
        page.get_by_label("Why may visits stay").fill("They are by telephone")
        page.get_by_role("button", name="Close", exact=True).click()
        expect(page.get_by_role("button", name="Open again")).to_be_visible()
        seen.picture("admin-closed")
    assert admin.rows(closures, clinic) == [(1,)]
    assert admin.rows("SELECT status FROM appointment WHERE id = %s", visit) == [("scheduled",)]


@pytest.mark.parametrize("phone", [False, True])
def test_somebody_starts_at_the_desk(browser: Browser, admin: Admin, phone: bool) -> None:
    """Made by the admin, logged in elsewhere by themselves, found in the trail, and locked out."""
    name, email = f"Harbour {uuid4().hex[:6]}", f"{uuid4()}@example.test"
    admin.make.row("clinic", name=name, time_zone="UTC")
    device = "phone" if phone else "wide"
    with (
        a_browser(browser, admin, logged_in=True, phone=phone) as mine,
        a_browser(browser, admin, logged_in=False, phone=phone) as theirs,
    ):
        page = mine.page
        page.goto("/admin/users")
        page.get_by_role("link", name="New account").click()
        page.get_by_label("E-mail address").fill(email)
        page.get_by_label("Role").select_option("staff")
        page.get_by_label(name).check()
        page.get_by_label("Password").fill(PASSWORD)
        user = made(page)
        mine.picture(f"admin-account-{device}")
        theirs.page.goto("/login")
        theirs.page.get_by_label("E-mail address").fill(email)
        theirs.page.get_by_label("Password").fill(PASSWORD)
        theirs.page.get_by_role("button", name="Log in").click()
        expect(theirs.page).to_have_url(re.compile("/desk"))
        expect(theirs.page.locator("main")).to_contain_text(name)
        theirs.picture(f"admin-new-at-the-desk-{device}")
        page.goto("/admin/audit")
        page.get_by_label("Table").fill("user_account")
        page.get_by_label("Number of the row").fill(str(user))
        page.get_by_role("button", name="Show").click()
        entry = page.locator("li.sheet", has_text="Added: user_account")
        expect(entry).to_have_count(1)
        expect(entry.get_by_role("link", name="the account", exact=True)).to_have_attribute(
            "href", f"/admin/users/{admin.user}"
        )
        entry.get_by_text("Values").click()
        expect(entry.locator(".changes")).to_contain_text("staff")
        expect(page.locator("main")).not_to_contain_text("argon2")
        mine.picture(f"admin-trail-{device}")
        page.goto(f"/admin/users/{user}")
        page.get_by_label("Active").uncheck()
        made(page)
        theirs.page.reload()
        expect(theirs.page).to_have_url(re.compile("/login"))
