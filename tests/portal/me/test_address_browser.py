"""In a real browser, on the narrowest telephone: another address to log in by, and the log-in by it."""

import pytest
from playwright.sync_api import Browser, expect

from tests.auth.people import PASSWORD, new_email
from tests.portal.book.conftest import codes
from tests.portal.browsing import opened
from tests.portal.me.conftest import Owner, is_in
from tests.portal.me.test_owner_browser import entered, fair

pytestmark = pytest.mark.postgres("18")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_an_owner_logs_in_by_another_address(browser: Browser, owner: Owner, scripts: bool) -> None:
    elsewhere, new = owner.browser(), new_email()
    with opened(browser, owner.visitor, scripts=scripts) as seen:
        page = seen.page

        def refused(status: int) -> None:
            assert seen.complaints
            assert all(str(status) in complaint for complaint in seen.complaints)
            seen.complaints.clear()

        def fair_at(name: str) -> None:
            if scripts:  # axe-core is one
                fair(seen, f"my-address-{name}")

        page.set_viewport_size({"width": 320, "height": 640})
        entered(page, owner, PASSWORD)
        page.get_by_role("link", name="My account").click()
        page.get_by_role("link", name="Log in with another address").click()
        page.get_by_label("New e-mail address").fill(new)
        page.get_by_label("Your password, once more").fill("not the password")
        page.keyboard.press("Enter")
        expect(page.get_by_text("This is not the password that you log in with now.")).to_be_visible()
        refused(403)
        expect(page.get_by_label("Your password, once more")).to_be_focused()
        expect(page.get_by_label("New e-mail address")).to_have_value(new)
        fair_at("refused")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"We have written to {new}.")).to_be_visible()
        expect(page.get_by_label("Code", exact=True)).to_be_focused()
        assert new not in page.url
        fair_at("code")
        code = codes(owner.visitor, new)[-1]
        page.keyboard.type(f"{(int(code) + 1) % 1_000_000:06}")
        page.keyboard.press("Enter")
        expect(page.get_by_text("That is not the code.")).to_be_visible()
        refused(422)
        expect(page.get_by_label("Code", exact=True)).to_be_focused()
        fair_at("wrong-code")
        assert is_in(elsewhere)
        page.keyboard.type(code)
        page.keyboard.press("Enter")
        expect(page.get_by_text("From now on you log in with the new address.")).to_be_visible()
        fair_at("done")
        assert not is_in(elsewhere)
        page.get_by_role("button", name="Log out").first.click()
        expect(page.get_by_role("link", name="Log in")).to_be_visible()
        assert all("Clear-Site-Data" in complaint for complaint in seen.complaints)
        seen.complaints.clear()
        entered(page, Owner(owner.visitor, new, owner.user), PASSWORD)
        expect(page.get_by_role("button", name="Log out")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True])
def test_a_code_that_is_over_in_light_and_dark(browser: Browser, patient_owner: Owner, dark: bool) -> None:
    new = new_email()
    with opened(browser, patient_owner.visitor, dark=dark) as seen:
        entered(seen.page, patient_owner, PASSWORD)
        expect(seen.page.get_by_role("button", name="Log out")).to_be_visible()
        seen.page.goto("/me/address")
        seen.page.get_by_label("New e-mail address").fill(new)
        seen.page.get_by_label("Your password, once more").fill(PASSWORD)
        seen.page.keyboard.press("Enter")
        expect(seen.page.get_by_label("Code", exact=True)).to_be_focused()
        patient_owner.visitor.make.conn.execute("UPDATE contact_code SET expires_at = now()")
        seen.page.keyboard.type(codes(patient_owner.visitor, new)[-1])
        seen.page.keyboard.press("Enter")
        expect(seen.page.get_by_text("This code works no more. Ask for another.")).to_be_visible()
        assert all("422" in complaint for complaint in seen.complaints)
        seen.complaints.clear()
        expect(seen.page.get_by_label("New e-mail address")).to_have_value(new)
        fair(seen, f"my-address-over-{'dark' if dark else 'light'}")
