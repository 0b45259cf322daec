"""What an address claims is told only to the browser that we have just led there; a link that was sent says nothing."""

from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, expect

from frontdesk.web.notices import onward, without
from tests.html import Page
from tests.portal.book.conftest import enrol, somebody
from tests.portal.browsing import opened
from tests.portal.conftest import Visitor

pytestmark = pytest.mark.postgres("18")


@pytest.fixture
def patient(visitor: Visitor) -> httpx.Client:
    browser = somebody(visitor)
    enrol(visitor, browser)
    return browser


def provider_of(visitor: Visitor) -> str:
    provider = visitor.provider(visitor.make.clinic("UTC"), hours=("09:00", "10:00"))
    visitor.not_now(provider)
    return f"/providers/{provider}"


def test_no_link_tells_what_never_happened(visitor: Visitor, patient: httpx.Client) -> None:
    path = provider_of(visitor)
    gone = urlencode({"visit": visitor.visit_type, "gone": visitor.at(9).isoformat(), "at": uuid4()})
    claims = [f"{path}?{gone}&why={why}" for why in ("taken", "busy", "once", "new", "closed", "expired")]
    claims += [f"{path}?waiting=1&visit={visitor.visit_type}", f"{path}?waiting=true", "/book?full=1"]
    claims += [f"/visits?done={done}" for done in ("booked", "cancelled", "left", "declined", "joined")]
    claims += ["/visits?%64one=left", "/me?done=ended", "/me/details?done=saved", "/me/messages?done=saved"]
    claims += ["/visits?done=nonsense&when=past"]
    for claim in claims:
        answer = patient.get(claim)
        assert (answer.status_code, answer.headers["location"]) == (303, without(claim)), claim
        plain = Page(patient.get(answer.headers["location"]))
        assert plain.status == 200, claim
        told = [one for one in plain.tags if one[1].get("role") in ("alert", "status") and one[1].get("class")]
        assert told == [], claim


def test_what_just_happened_is_told_there_and_to_nobody_else(visitor: Visitor, patient: httpx.Client) -> None:
    page = Page(patient.get("/me/details"))
    version = next(str(one["value"]) for one in page.all("input") if one.get("name") == "version")
    saved = patient.post("/me/details", data={"version": version, "address": "7 New Street"})
    there = saved.headers["location"]
    assert (saved.status_code, there) == (303, "/me/details?done=saved")
    set_cookie = saved.headers["set-cookie"].lower()
    assert "httponly" in set_cookie
    assert "samesite=lax" in set_cookie
    assert "It is saved." in Page(patient.get(there)).text
    assert "It is saved." in Page(patient.get(there)).text, "loading again is no lie"
    assert patient.get("/me?done=ended").status_code == 303, "what happened was something else"
    assert patient.get("/me/messages?done=saved").status_code == 303
    other = somebody(visitor)
    enrol(visitor, other)
    assert other.get(there).headers["location"] == "/me/details"


@pytest.mark.parametrize("claim", ["/visits?done=cancelled", "/me?done=ended", "/book?full=1"])
def test_no_detour_makes_it_true(visitor: Visitor, claim: str) -> None:
    """Through the log-in, which goes on to where somebody was going, or the choice of a language, which goes back."""
    browser = somebody(visitor)
    email, password = f"{uuid4()}@example.test", "four plain words together"
    who = {"first_name": "Pat", "last_name": "Doe", "date_of_birth": "1980-01-01", "email": email, "password": password}
    plain = without(claim)
    assert browser.post("/register", data={**who, "next": claim}).headers["location"] == plain
    assert browser.post("/language", data={"chosen": "es", "back": claim}).headers["location"] == plain
    assert browser.post("/logout").status_code == 303
    assert (
        browser.post("/login", data={"username": email, "email": email, "password": password, "next": claim}).headers[
            "location"
        ]
        == plain
    )
    assert browser.get(claim).status_code == 303


def test_only_notices_are_left_out() -> None:
    assert without("/find?on=2030-01-01&page=2") == "/find?on=2030-01-01&page=2"
    assert without("/visits?when=past&done=left&cursor=a%3Db") == "/visits?when=past&cursor=a%3Db"
    assert without("/visits?done=left") == "/visits"
    assert without("/visits?%64one=left") == "/visits"
    assert onward("//elsewhere.example/?done=left") == "/"


def test_an_admin_is_told_no_tale(visitor: Visitor) -> None:
    admin = somebody(visitor)
    token = visitor.make.token("admin")
    headers = {"Authorization": f"Bearer {token}"}
    clinic = visitor.make.clinic()
    assert admin.get(f"/admin/clinics/{clinic}?saved=yes", headers=headers).status_code == 303
    for query in ("cursor=saved=yes", "notsaved=yes", "x=&saved=no"):
        answer = admin.get(f"/admin/clinics/{clinic}?{query}", headers=headers, follow_redirects=True)
        assert "It is saved." not in answer.text, query


def test_a_browser_is_told_what_was_taken_and_a_link_is_not_believed(browser: Browser, visitor: Visitor) -> None:
    path = provider_of(visitor)
    with opened(browser, visitor) as seen:
        seen.page.goto(path)
        rival = visitor.service.client(visitor.make.token("patient", patient_id=visitor.make.patient()))
        button = seen.page.locator("button.slot").first
        start = button.get_attribute("value")
        clinic = seen.page.locator('form.place input[name="clinic"]').first.get_attribute("value")
        wish = {"provider_id": path.rsplit("/", 1)[1], "clinic_id": clinic, "visit_type_id": str(visitor.visit_type)}
        assert rival.post("/appointments", json={**wish, "start": start}).status_code == 201
        button.tap()
        expect(seen.page.get_by_role("alert")).to_contain_text("That time has just been taken")
        sent = seen.page.url
        assert "why=taken" in sent
    with opened(browser, visitor) as other:
        other.page.goto(sent)
        expect(other.page.get_by_role("heading", level=1)).to_be_visible()
        assert "why=" not in other.page.url
        expect(other.page.get_by_role("alert")).to_have_count(0)
