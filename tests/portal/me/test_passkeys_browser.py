"""A passkey in a real browser, with an authenticator that Chromium makes up: added, logged in with, and refused."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from frontdesk.portal import language
from tests.auth.people import PASSWORD
from tests.portal.browsing import Watched, opened
from tests.portal.me.conftest import Owner, owner_of
from tests.portal.me.test_needed import keeper, strict
from tests.portal.me.test_owner_browser import entered, fair
from tests.portal.me.test_passkeys import added

pytestmark = pytest.mark.postgres("18")

__all__ = ["keeper", "strict"]

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


class Device:
    """What signs in the browser; `who` is at it: its owner, or somebody else."""

    def __init__(self, cdp: CDPSession) -> None:
        self._cdp = cdp
        cdp.send("WebAuthn.enable")
        self._id = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]

    def held_by(self, owner: bool) -> None:
        self._cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": owner})


@contextmanager
def at_localhost(browser: Browser, owner: Owner, *, dark: bool = False) -> Iterator[tuple[Watched, Device]]:
    """The narrowest telephone, at the name that passkeys belong to."""
    url = f"http://localhost:{owner.visitor.service.port}"
    with opened(browser, owner.visitor, url=url, dark=dark) as seen:
        seen.page.set_viewport_size({"width": 320, "height": 640})
        yield seen, Device(seen.page.context.new_cdp_session(seen.page))


def forgiven(seen: Watched, *words: str) -> None:
    """The console tells of nothing but these."""
    assert all(any(word in complaint for word in words) for complaint in seen.complaints), seen.complaints
    seen.complaints.clear()


def add(page: Page, name: str) -> None:
    page.goto("/me/factors")
    page.get_by_label("Name").fill(name)
    page.locator("#passkey").get_by_label("Your password, once more").fill(PASSWORD)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("button", name="Create the passkey").click()


def logged_out(seen: Watched) -> None:
    seen.page.get_by_role("button", name="Log out").click()
    expect(seen.page.get_by_role("link", name="Log in")).to_be_visible()
    forgiven(seen, "Clear-Site-Data")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_passkey_is_added_logs_in_and_is_taken_away(browser: Browser, patient_owner: Owner, dark: bool) -> None:
    with at_localhost(browser, patient_owner, dark=dark) as (seen, _):
        page = seen.page
        entered(page, patient_owner, PASSWORD)
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        page.goto("/me/factors")
        fair(seen, f"factors-{dark}")
        page.get_by_label("Name").fill("My telephone")
        page.locator("#passkey").get_by_label("Your password, once more").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Create the passkey")).to_be_visible()
        fair(seen, f"new-passkey-{dark}")
        page.get_by_role("button", name="Create the passkey").click()
        expect(page.locator(".key code")).to_have_count(10)
        page.get_by_role("link", name="I have written them down").click()
        expect(page.get_by_role("heading", name="My telephone")).to_be_visible()
        logged_out(seen)
        entered(page, patient_owner, PASSWORD)
        expect(page.get_by_role("button", name="Use a passkey")).to_be_visible()
        expect(page.get_by_label("Recovery code")).to_be_visible()
        fair(seen, f"second-passkey-{dark}")
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        page.goto("/me/factors")
        expect(page.get_by_text("last used on")).to_be_visible()
        page.get_by_label("Your password, once more").nth(1).fill(PASSWORD)
        page.get_by_role("button", name="Remove the passkey").click()
        expect(page.get_by_text("it opens nothing any more")).to_be_visible()
        logged_out(seen)
        entered(page, patient_owner, PASSWORD)
        expect(page.get_by_role("button", name="Log out")).to_be_visible()


def test_who_is_not_the_owner_of_the_device_signs_nothing_and_is_told_so(
    browser: Browser, patient_owner: Owner
) -> None:
    with at_localhost(browser, patient_owner) as (seen, device):
        page = seen.page
        entered(page, patient_owner, PASSWORD)
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        device.held_by(False)
        add(page, "Mine")
        expect(page.get_by_text("Nothing was signed")).to_be_visible()
        device.held_by(True)
        page.get_by_role("button", name="Create the passkey").click()
        expect(page.locator(".key code")).to_have_count(10)
        add(page, "The same again")
        expect(page.get_by_text("This device has a passkey of your account already.")).to_be_visible()
        logged_out(seen)
        entered(page, patient_owner, PASSWORD)
        device.held_by(False)
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_text("Nothing was signed")).to_be_visible()
        fair(seen, "second-cancelled")
        device.held_by(True)
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()


def test_the_passkey_of_another_account_is_told_to_be_none(browser: Browser, patient_owner: Owner) -> None:
    other = owner_of(patient_owner.visitor, "patient")
    _, recovery = added(patient_owner)
    with at_localhost(browser, other) as (seen, _):
        page = seen.page
        entered(page, other, PASSWORD)
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        add(page, "Theirs")
        expect(page.locator(".key code")).to_have_count(10)
        logged_out(seen)
        entered(page, patient_owner, PASSWORD)
        # Asked for the owner's alone, Chromium would wait for somebody to bring it.
        page.locator("#passkey").evaluate("""form => {
          const options = JSON.parse(form.dataset.options);
          form.dataset.options = JSON.stringify({...options, allowCredentials: []});
        }""")
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_text("This passkey was not accepted.")).to_be_visible()
        forgiven(seen, "401")
        page.get_by_label("Recovery code").fill(recovery[0])
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()


@pytest.mark.parametrize(("spoken", "button"), [("es", "Usar una llave de acceso"), ("ar", "استخدام مفتاح مرور")])
def test_the_second_step_in_other_languages(browser: Browser, patient_owner: Owner, spoken: str, button: str) -> None:
    added(patient_owner)
    with at_localhost(browser, patient_owner) as (seen, _):
        page = seen.page
        page.goto("/login")
        page.context.add_cookies([{"name": language.COOKIE, "value": spoken, "url": page.url}])
        page.reload()
        page.locator("#email").fill(patient_owner.email)
        page.locator("#password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name=button)).to_be_visible()
        fair(seen, f"second-passkey-{spoken}")


@pytest.mark.parametrize("why", ["no scripts", "no WebAuthn", "an address without a name"])
def test_where_passkeys_do_not_work_a_recovery_code_does(browser: Browser, patient_owner: Owner, why: str) -> None:
    _, recovery = added(patient_owner)
    port = patient_owner.visitor.service.port
    url = f"http://{'127.0.0.1' if why == 'an address without a name' else 'localhost'}:{port}"
    with opened(browser, patient_owner.visitor, url=url, scripts=why != "no scripts") as seen:
        page = seen.page
        if why == "no WebAuthn":
            page.add_init_script("delete window.PublicKeyCredential")
        entered(page, patient_owner, PASSWORD)
        expect(page.get_by_label("Recovery code")).to_be_visible()
        expect(page.locator("#passkey")).to_be_hidden()
        no, elsewhere = page.get_by_text("Passkeys do not work"), page.get_by_text("They work at:")
        expect(elsewhere if why.startswith("an") else no).to_be_visible()
        expect(no if why.startswith("an") else elsewhere).to_be_hidden()
        page.get_by_label("Recovery code").fill(recovery[0])
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        page.goto("/me/factors")
        expect(page.locator("#passkey")).to_be_hidden()
        link = page.get_by_role("link", name=f"http://localhost:{port}")
        expect(link).to_have_count(int(why.startswith("an")))


def test_a_role_that_must_have_a_factor_takes_a_passkey(browser: Browser, keeper: Owner) -> None:
    with at_localhost(browser, keeper) as (seen, _):
        page = seen.page
        entered(page, keeper, PASSWORD)
        expect(page.get_by_role("button", name="Create the passkey")).to_be_visible()
        fair(seen, "needed-passkey")
        page.get_by_label("Name").fill("Desk")
        page.get_by_role("button", name="Create the passkey").click()
        expect(page.locator(".key code")).to_have_count(10)
        page.get_by_role("main").get_by_role("link", name="Log in").click()
        entered(page, keeper, PASSWORD)
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
