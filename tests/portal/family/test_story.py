"""In a real browser, on a telephone: a mother adds a child and books for it; a tab that was left behind says so."""

from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.canaries import BORN_ON, WORD
from tests.portal.book.conftest import Place
from tests.portal.browsing import Watched, opened
from tests.portal.conftest import Visitor

pytestmark = pytest.mark.postgres("18")


def register(page: Page) -> None:
    page.goto("/register")
    page.get_by_label("First name").fill("Pia")
    page.get_by_label("Last name").fill(WORD)
    page.get_by_label("Date of birth").fill(BORN_ON.isoformat())
    page.get_by_label("E-mail address").fill(f"{uuid4()}@example.test")
    page.get_by_label("Password").fill("four plain words together")
    page.get_by_role("button", name="Open the account").click()
    expect(page.get_by_role("link", name="Family")).to_be_visible()


def add_child(seen: Watched) -> None:
    page = seen.page
    page.get_by_role("link", name="Family").click()
    page.get_by_label("First name").fill("Ana")
    page.get_by_label("Last name").fill(WORD)
    page.get_by_label("Date of birth").fill("2019-05-04")
    page.get_by_label("Who you are to the child").fill("mother")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name=f"Ana {WORD}")).to_be_visible()


def booked(visitor: Visitor, provider: UUID) -> list[str]:
    rows = visitor.make.conn.execute(
        "SELECT p.first_name FROM appointment a JOIN patient p ON p.id = a.patient_id"
        " WHERE a.provider_id = %s AND a.status IN ('held', 'scheduled') ORDER BY a.id",
        [provider],
    ).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_mother_books_for_her_child(browser: Browser, visitor: Visitor, place: Place, scripts: bool) -> None:
    name = "" if scripts else "-plain"
    with opened(browser, visitor, scripts=scripts) as seen:
        page = seen.page
        register(page)
        add_child(seen)
        seen.picture(f"family{name}")
        page.goto(f"/providers/{place[1]}")
        page.locator("button.slot").first.click()
        expect(page.get_by_role("heading", name="Whom is the visit for?")).to_be_visible()
        expect(page.get_by_text(f"✓ Pia {WORD}")).to_be_visible()
        seen.picture(f"family-whom{name}")
        page.get_by_role("button", name=f"Ana {WORD}").click()
        expect(page.get_by_text(f"✓ Ana {WORD}")).to_be_visible()
        strip = page.get_by_role("complementary", name="For whom")
        expect(strip).to_contain_text(f"You act for Ana {WORD}")
        seen.picture(f"family-acting{name}")
        page.get_by_role("button", name="Book", exact=True).click()
        expect(page.get_by_role("heading", name="Your visit is booked")).to_be_visible()
        assert booked(visitor, place[1]) == ["Ana"]
        page.get_by_role("link", name="Visits", exact=True).click()
        expect(page.locator(".visits .card")).to_have_count(1)
        strip.get_by_role("button", name="Back to myself").click()
        expect(strip).to_have_count(0)
        expect(page.locator(".visits .card")).to_have_count(0)


def test_a_tab_that_was_left_behind_books_for_nobody(browser: Browser, visitor: Visitor, place: Place) -> None:
    with opened(browser, visitor) as seen:
        page = seen.page
        register(page)
        add_child(seen)
        page.goto(f"/providers/{place[1]}")
        page.locator("button.slot").first.click()
        expect(page.get_by_role("button", name="Book", exact=True)).to_be_visible()
        other = page.context.new_page()
        other.goto(f"{visitor.service.url}/family")
        other.get_by_role("button", name="Act for Ana").click()
        expect(other.get_by_role("complementary", name="For whom")).to_be_visible()
        page.get_by_role("button", name="Book", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("In another tab you began to act for somebody else")
        seen.picture("family-stale")
        assert booked(visitor, place[1]) == ["Pia"]
        page.get_by_role("button", name=f"Ana {WORD}").click()
        expect(page.get_by_text(f"✓ Ana {WORD}")).to_be_visible()
        page.get_by_role("button", name="Book", exact=True).click()
        expect(page.get_by_role("heading", name="Your visit is booked")).to_be_visible()
        assert booked(visitor, place[1]) == ["Ana"]
        seen.complaints[:] = [one for one in seen.complaints if "409" not in one]  # the refusal, which was asked for
