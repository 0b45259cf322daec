"""Log-in by pages: a cookie that opens pages alone, and no form that another site sends."""

import base64
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from frontdesk import clock
from frontdesk.auth import browsers, totp
from frontdesk.auth.throttle import FREE_FAILURES
from frontdesk.notifications.render import render_account
from tests.auth.conftest import Post
from tests.auth.conftest import post as post  # a fixture
from tests.html import Page
from tests.make import Make
from tests.portal.conftest import ACCEPT
from tests.service import TRUST, Service

pytestmark = pytest.mark.postgres("18")

PASSWORD = "four plain words together"
Browser = Callable[[], httpx.Client]


@pytest.fixture
def browser(service: Service) -> Iterator[Browser]:
    """New browsers: each keeps its cookies, and follows nothing by itself."""
    opened: list[httpx.Client] = []

    def new() -> httpx.Client:
        opened.append(httpx.Client(base_url=service.url, headers=ACCEPT, timeout=30, verify=TRUST))
        return opened[-1]

    yield new
    for one in opened:
        one.close()


@pytest.fixture
def email(browser: Browser) -> str:
    """Of a patient who has registered by the page."""
    return registered(browser())


def registered(browser: httpx.Client, **changed: str) -> str:
    email = f"{uuid4().hex}@portal.test"
    form = {"first_name": "Ana", "last_name": "Portal", "date_of_birth": "1980-02-29", "email": email}
    answer = browser.post("/register", data={**form, "password": PASSWORD, **changed})
    assert (answer.status_code, answer.headers["location"]) == (303, changed.get("next", home(browser, "/visits")))
    return email


def home(browser: httpx.Client, path: str) -> str:
    """Where a log-in leads: there, once the page exists."""
    return path if browser.get(path).status_code != 404 else "/"


def entered(browser: httpx.Client, email: str, password: str = PASSWORD, **more: str) -> httpx.Response:
    return browser.post("/login", data={"email": email, "password": password, **more})


def is_in(browser: httpx.Client) -> bool:
    page = Page(browser.get("/"))
    assert ("Log out" in page.text) != ("Log in" in page.text)
    return "Log out" in page.text


def test_who_registers_is_logged_in_and_can_log_out_and_in(browser: Browser) -> None:
    here = browser()
    assert not is_in(here)
    email = registered(here)
    assert is_in(here)
    assert here.get("/").headers["cache-control"] == "no-store"
    assert here.post("/logout").headers["location"] == "/"
    assert not is_in(here)
    assert entered(here, email.upper(), next="/find?q=1").headers["location"] == "/find?q=1"
    assert is_in(here)
    assert here.get("/login").status_code == 303, "who is in need not log in"


def test_the_cookie_is_httponly_and_lax_and_opens_no_door_of_programs(browser: Browser, email: str) -> None:
    here = browser()
    said = [one for one in entered(here, email).headers.get_list("set-cookie") if one.startswith(browsers.COOKIE)]
    assert len(said) == 1
    assert all(word in said[0] for word in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"))
    assert here.get("/api/v1/auth/me").status_code == 401
    token = here.cookies[browsers.COOKIE]
    assert here.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    api = here.post("/api/v1/auth/token", data={"username": email, "password": PASSWORD}).json()["access_token"]
    other = browser()
    other.cookies.set(browsers.COOKIE, api)
    assert not is_in(other)


@pytest.mark.parametrize(("email_", "password"), [("", ""), ("nobody@portal.test", PASSWORD), ("\x00", "x" * 3000)])
def test_a_wrong_log_in_is_told_in_place_in_the_same_words(browser: Browser, email_: str, password: str) -> None:
    page = Page(entered(browser(), email_, password))
    assert page.status == 401
    assert "The e-mail address or the password is wrong." in page.text
    assert not any(one.get("value") == password for one in page.all("input") if password)


def test_a_wrong_password_counts_like_one_of_a_program(browser: Browser, email: str) -> None:
    here = browser()
    assert {entered(here, email, "wrong password").status_code for _ in range(10)} == {401}
    assert entered(here, email, "wrong password").status_code in (401, 429)
    refused = entered(browser(), email)
    assert (refused.status_code, "Too many attempts" in refused.text) == (429, True)


def test_the_browser_that_registered_has_a_door_of_its_own(browser: Browser) -> None:
    own, stranger = browser(), browser()
    email = registered(own)
    own.post("/logout")
    assert {entered(stranger, email, f"guess {n}").status_code for n in range(FREE_FAILURES)} == {401}
    assert entered(stranger, email).status_code == 429
    assert entered(own, email).status_code == 303


TOO_MUCH = [
    ("short", "At least 8 characters, please."),
    ("x1y2" * 750, "256 characters at most, please."),
    ("password1", "easy to guess"),
    ("Lost? Lost?", "easy to guess"),
    ("nul \x00 nul nul", "Please check this."),
]


@pytest.mark.parametrize(("password", "told"), TOO_MUCH)
def test_why_a_password_is_not_taken_is_told_rightly(browser: Browser, password: str, told: str) -> None:
    form = {"first_name": "Lost?", "last_name": "Lost?", "date_of_birth": "1980-02-29", "email": "lost@portal.test"}
    page = Page(browser().post("/register", data={**form, "password": password}))
    assert [one["name"] for one in page.all("input") if "aria-invalid" in one] == ["password"]
    assert told in page.text
    assert ("easy to guess" in page.text) == (told == "easy to guess")


def test_messages_speak_the_language_that_one_registered_in(browser: Browser, make: Make) -> None:
    here = browser()
    for said, language in (("es-MX, en;q=0.5", "es"), ("ar", "ar"), ("fi", "en")):
        here.headers["Accept-Language"] = said
        email = registered(here)
        row = make.conn.execute("SELECT language FROM patient WHERE email = %s", [email]).fetchone()
        assert row == (language,)


@pytest.mark.parametrize("onward", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)", "/\nx"])
def test_a_log_in_leads_nowhere_else(browser: Browser, email: str, onward: str) -> None:
    here = browser()
    assert entered(here, email, next=onward).headers["location"] == home(here, "/visits")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://whatever.test"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({}, 303),
    ],
)
def test_no_form_of_another_site_is_taken(browser: Browser, email: str, headers: dict[str, str], status: int) -> None:
    here = browser()
    entered(here, email)
    assert here.post("/logout", headers=headers).status_code == status
    assert is_in(here) == (status == 403)


def test_log_out_everywhere_ends_the_browser_too(browser: Browser, service: Service, email: str) -> None:
    here, there = browser(), browser()
    entered(here, email)
    token = there.post("/api/v1/auth/token", data={"username": email, "password": PASSWORD}).json()["access_token"]
    sessions = service.client(token).get("/auth/sessions").json()["items"]
    assert len(sessions) == 3, "the registration, the log-in by the page and the one by the API"
    service.client(token).post("/auth/logout-everywhere").raise_for_status()
    answer = here.post("/logout")
    assert (answer.status_code, is_in(here)) == (303, False)


def test_a_session_ends_by_itself(browser: Browser, email: str, make: Make) -> None:
    here = browser()
    entered(here, email)
    row = make.conn.execute(
        "SELECT expires_at FROM login_session s JOIN user_account u ON u.id = s.user_id"
        " WHERE u.email = %s ORDER BY s.id DESC LIMIT 1",
        (email,),
    ).fetchone()
    assert row is not None
    assert timedelta(hours=11) < row[0] - clock.now() <= timedelta(hours=12)


def test_what_is_wrong_with_a_registration_is_told_at_its_field_and_nothing_typed_is_lost(
    browser: Browser, email: str
) -> None:
    here = browser()
    form = {"first_name": "Lost?", "last_name": "", "date_of_birth": "30 Feb", "email": "no address", "password": "abc"}
    form["phone"] = "hello"
    page = Page(here.post("/register", data=form))
    faulty = {one["name"] for one in page.all("input") if one.get("aria-invalid")}
    assert (page.status, faulty) == (422, set(form) - {"first_name"})
    assert "Enter a phone number." in page.text
    values = {one.get("name"): one.get("value") for one in page.all("input")}
    assert (values["first_name"], values["email"], values["password"]) == ("Lost?", "no address", "")
    form |= {"last_name": "Portal", "date_of_birth": "1980-02-29", "email": email, "phone": "", "password": PASSWORD}
    taken = Page(here.post("/register", data=form))
    assert (taken.status, "has an account already" in taken.text) == (409, True)
    assert not is_in(here)


def test_a_forgotten_password(browser: Browser, email: str, post: Post) -> None:
    here, other = browser(), browser()
    entered(other, email)
    same = [Page(here.post("/forgot", data={"email": one})).text for one in (email, "nobody@portal.test")]
    assert same[0] == same[1]
    assert Page(here.post("/forgot", data={"email": "no address"})).status == 422
    path = f"/password/{post.to(email, 'password-reset')[0]['token']}"
    assert Page(here.get(path)).status == 200
    assert Page(here.post(path, data={"password": "short"})).status == 422
    assert "easy to guess" in here.post(path, data={"password": "password1"}).text
    assert "256 characters at most" in here.post(path, data={"password": "x1y2" * 65}).text
    assert Page(here.post(path, data={"password": "some other plain words"})).status == 200
    assert not is_in(other) or other.post("/logout").status_code == 303
    assert "used before" in here.post(path, data={"password": "yet other plain words"}).text
    assert entered(here, email).status_code == 401
    assert entered(here, email, "some other plain words").status_code == 303


def test_the_mail_leads_to_the_page() -> None:
    mail = render_account("password-reset", "email", "en", {"link": "https://clinic.test/password/abc"})
    assert "https://clinic.test/password/abc" in mail.text
    assert 'href="https://clinic.test/password/abc"' in str(mail.html)


def test_a_second_factor(browser: Browser, service: Service, email: str) -> None:
    here = browser()
    token = here.post("/api/v1/auth/token", data={"username": email, "password": PASSWORD}).json()["access_token"]
    api = service.client(token)
    secret = base64.b32decode(api.post("/auth/factors/totp", json={"password": PASSWORD}).json()["secret"])
    code = totp.code(secret, totp.step_at(clock.now()))
    recovery: list[Any] = api.post("/auth/factors/totp/confirm", json={"code": code}).json()["recovery_codes"]
    second = Page(entered(here, email, next="/find"))
    assert (second.status, "One more step" in second.text, is_in(here)) == (200, True, False)
    hidden = {str(one["name"]): str(one["value"]) for one in second.all("input") if one.get("type") == "hidden"}
    wrong = here.post("/login/second", data={**hidden, "code": "000000"})
    assert (wrong.status_code, "not right" in wrong.text) == (401, True)
    done = here.post("/login/second", data={**hidden, "code": recovery[0]})
    assert (done.status_code, done.headers["location"], is_in(here)) == (303, "/find", True)
    again = browser().post("/login/second", data={**hidden, "code": recovery[1]})
    assert (again.status_code, "log in again" in again.text) == (401, True)


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_another_language_forgets_not_where_they_were_going(browser: Browser, path: str) -> None:
    refused = Page(browser().post(path, data={"email": "nobody@portal.test", "next": "/visits?when=past"}))
    back = {str(one["value"]) for one in refused.all("input") if one.get("name") == "back"}
    assert back == {f"{path}?next=%2Fvisits%3Fwhen%3Dpast"}
