"""In a real browser, on the narrowest telephone: a new password and a second factor, and the log-in with both."""

import base64

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.auth.people import PASSWORD
from tests.auth.phone import Phone
from tests.portal.browsing import Watched, opened
from tests.portal.me.conftest import Owner, is_in
from tests.portal.me.test_factors import passkey_of
from tests.portal.test_axe import AXE, JUDGE, RULES

pytestmark = pytest.mark.postgres("18")

NEW = "some other plain words"


def entered(page: Page, owner: Owner, password: str) -> None:
    page.goto("/login")
    page.get_by_label("E-mail address").fill(owner.email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def fair(seen: Watched, name: str) -> None:
    """What is the answer to a form, too, is for everybody; a walk along addresses does not come there."""
    seen.picture(name)
    assert AXE.exists(), "make test copies it from npm"
    seen.page.evaluate(AXE.read_text("utf-8"))
    assert seen.page.evaluate(JUDGE, RULES) == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_an_owner_changes_what_guards_the_account(browser: Browser, owner: Owner, scripts: bool) -> None:
    elsewhere = owner.browser()
    with opened(browser, owner.visitor, scripts=scripts) as seen:
        page = seen.page
        page.set_viewport_size({"width": 320, "height": 640})
        entered(page, owner, PASSWORD)
        page.get_by_role("link", name="My account").click()
        page.get_by_role("link", name="Choose a new password").click()
        page.get_by_label("The password you have now").fill("not the password")
        page.get_by_label("New password").fill(NEW)
        page.keyboard.press("Enter")
        expect(page.get_by_text("This is not the password that you log in with now.")).to_be_visible()
        assert all("403" in complaint for complaint in seen.complaints)
        seen.complaints.clear()
        expect(page.get_by_label("The password you have now")).to_be_focused()
        page.get_by_label("The password you have now").fill(PASSWORD)
        page.get_by_label("New password").fill(NEW)
        page.keyboard.press("Enter")
        expect(page.get_by_text("Your new password is set.")).to_be_visible()
        assert not is_in(elsewhere)
        page.get_by_role("link", name="Second factor").click()
        page.get_by_label("Your password, once more").first.fill(NEW)
        page.get_by_role("button", name="Set up an app").click()
        phone = Phone(base64.b32decode(page.locator(".key code").inner_text()))
        if scripts:  # axe-core is one
            fair(seen, "my-app")
        page.get_by_label("Code").fill(phone.code())
        page.get_by_role("button", name="Go on").click()
        codes = page.locator(".key code")
        expect(codes).to_have_count(10)
        code = codes.first.inner_text()
        if scripts:
            fair(seen, "my-codes")
        page.get_by_role("link", name="I have written them down").click()
        expect(page.get_by_text("10 are left.")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("link", name="Log in")).to_be_visible()
        assert all("Clear-Site-Data" in complaint for complaint in seen.complaints)
        seen.complaints.clear()
        entered(page, owner, NEW)
        page.get_by_label("Code").fill(code)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True])
def test_what_there_is_to_take_away(browser: Browser, patient_owner: Owner, dark: bool) -> None:
    with opened(browser, patient_owner.visitor, dark=dark) as seen:
        entered(seen.page, patient_owner, PASSWORD)
        expect(seen.page.get_by_role("button", name="Log out")).to_be_visible()
        passkey_of(patient_owner)
        seen.page.goto("/me/factors")
        expect(seen.page.get_by_role("button", name="Remove the passkey")).to_be_visible()
        fair(seen, f"my-factors-{'dark' if dark else 'light'}")
        seen.page.get_by_label("Your password, once more").nth(1).fill("not the password")
        seen.page.get_by_role("button", name="Remove the passkey").click()
        expect(seen.page.get_by_label("Your password, once more").nth(1)).to_be_focused()
        fair(seen, f"my-factors-refused-{'dark' if dark else 'light'}")
        assert all("403" in complaint for complaint in seen.complaints)
        seen.complaints.clear()
