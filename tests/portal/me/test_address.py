"""`/me/address`: another e-mail address to log in by, in every role."""

from typing import Any

import httpx
import pytest

from frontdesk.auth.browsers import COOKIE
from frontdesk.auth.throttle import FREE_FAILURES
from tests.auth.conftest import Post
from tests.auth.conftest import post as post  # a fixture
from tests.auth.people import PASSWORD, new_email
from tests.html import Page
from tests.portal.book.conftest import enrol, somebody
from tests.portal.conftest import Visitor
from tests.portal.family.conftest import Guardian
from tests.portal.family.conftest import guardian as guardian  # a fixture
from tests.portal.family.conftest import place as place  # a fixture
from tests.portal.me.conftest import Owner, is_in, owner_of
from tests.portal.me.test_password import REGISTERED_WITH, faults

pytestmark = pytest.mark.postgres("18")

HOME = "/me/address"


def asked(browser: httpx.Client, email: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return browser.post(HOME, data={"email": email, "password": password}, headers=headers)


def proven(browser: httpx.Client, code: str, **headers: str) -> httpx.Response:
    return browser.post(f"{HOME}/confirm", data={"code": code}, headers=headers)


def code_of(browser: httpx.Client, post: Post, email: str, password: str = PASSWORD) -> str:
    answer = asked(browser, email, password)
    assert (answer.status_code, answer.headers["location"]) == (303, HOME), answer.text
    return post.to(email, "verification-code")[-1]["code"]


def typed(answer: httpx.Response) -> dict[Any, Any]:
    return {one["name"]: one.get("value") for one in Page(answer).all("input") if one.get("type") != "hidden"}


def called(owner: Owner, email: str) -> Owner:
    return Owner(owner.visitor, email, owner.user)


def wrong(code: str, n: int = 1) -> str:
    return f"{(int(code) + n) % 1_000_000:06}"


def test_it_is_proven_and_every_other_browser_is_out(owner: Owner, post: Post) -> None:
    here, there, new = owner.browser(), owner.browser(), new_email()
    assert HOME in {a.get("href") for a in Page(here.get("/me")).all("a")}
    form = here.get(HOME)
    assert form.headers["cache-control"] == "no-store"
    assert owner.email in Page(form).text
    assert typed(form) == {"email": "", "password": ""}
    code = code_of(here, post, new)
    waits = here.get(HOME)
    assert new in Page(waits).text
    assert set(typed(waits)) == {"code", "email", "password"}
    assert new not in here.get("/me").text, "until it is proven nothing changes"
    assert called(owner, new).entered()[1].status_code == 401
    answer = proven(here, f" {code} ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/me?done=address")
    page = Page(here.get(answer.headers["location"]))
    assert "From now on you log in with the new address." in page.text
    assert new in page.text
    assert (is_in(here), is_in(there)) == (True, False)
    assert there.get(HOME).headers["location"].startswith("/login")
    assert owner.entered()[1].status_code == 401
    assert called(owner, new).entered()[1].status_code == 303
    assert len(post.to(owner.email, "address-changed")) == 1
    log = owner.visitor.service.log_path.read_text()
    assert HOME in log
    assert not any(said in log for said in (new, owner.email, f'"{code}"'))
    assert typed(here.get(HOME)) == {"email": "", "password": ""}, "nothing is waited for any more"


def test_the_mails_are_in_the_language_of_the_page(owner: Owner, post: Post) -> None:
    here, new = owner.browser(), new_email()
    here.headers["Accept-Language"] = "es"
    code = code_of(here, post, new)
    assert post.to(new, "verification-code") == [{"code": code, "language": "es"}]
    assert proven(here, code).status_code == 303
    assert post.to(owner.email, "address-changed") == [{"language": "es"}]


def test_the_clinic_goes_on_writing_to_where_it_did(visitor: Visitor, post: Post) -> None:
    here, new, execute = somebody(visitor), new_email(), visitor.make.conn.execute
    patient = enrol(visitor, here)
    question = "SELECT p.email, u.email FROM patient p JOIN user_account u ON u.patient_id = p.id WHERE p.id = %s"
    (record, _), *_ = execute(question, [patient]).fetchall()
    assert record
    page = Page(here.get(HOME))
    assert "Where the clinic writes to you stays as it is." in page.text
    assert "/me/details" in {a.get("href") for a in page.all("a")}
    assert proven(here, code_of(here, post, new, REGISTERED_WITH)).status_code == 303
    assert execute(question, [patient]).fetchall() == [(record, new)]
    details = Page(here.get("/me/details"))
    assert f"You still log in with {new}." in details.text
    assert HOME in {a.get("href") for a in details.all("a")}


def test_who_is_no_patient_is_told_of_no_record(visitor: Visitor) -> None:
    page = Page(owner_of(visitor, "staff").browser().get(HOME))
    assert "Where the clinic writes" not in page.text
    assert "/me/details" not in {a.get("href") for a in page.all("a")}


@pytest.mark.parametrize(
    ("email", "password", "status", "where", "told"),
    [
        ("", "", 422, {"email", "password"}, "Please fill this in."),
        ("nobody", PASSWORD, 422, {"email"}, "Please check this."),
        ("new@auth.test", "", 422, {"password"}, "Please fill this in."),
        ("new@auth.test", "not the password", 403, {"password"}, "not the password that you log in with now"),
        ("new@auth.test", "x" * 257, 422, {"password"}, "not the password that you log in with now"),
        ("own", PASSWORD, 409, {"email"}, "You log in with this address already."),
    ],
)
def test_what_cannot_be_is_told_at_its_field(
    patient_owner: Owner, post: Post, email: str, password: str, status: int, where: set[str], told: str
) -> None:
    here = patient_owner.browser()
    email = patient_owner.email if email == "own" else email
    answer = asked(here, email, password)
    assert (answer.status_code, set(faults(answer)), answer.headers["cache-control"]) == (status, where, "no-store")
    assert told in Page(answer).text
    assert typed(answer) == {"email": email, "password": ""}, "the address is not typed again"
    assert post.to(email, "verification-code") == []


def test_guesses_at_the_password_are_counted_as_for_a_new_one(patient_owner: Owner, post: Post) -> None:
    here, new = patient_owner.browser(), new_email()
    assert {asked(here, new, f"guess {n}").status_code for n in range(FREE_FAILURES)} == {403}
    closed = asked(here, new)
    assert (closed.status_code, set(faults(closed))) == (429, {"password"})
    assert "Too many attempts" in Page(closed).text
    passwords = {"old_password": PASSWORD, "new_password": "some other plain words"}
    assert here.post("/me/password", data=passwords).status_code == 429, "the same door"
    assert post.to(new, "verification-code") == []


def test_codes_are_not_sent_without_end(patient_owner: Owner) -> None:
    here = patient_owner.browser()
    assert {asked(here, new_email()).status_code for _ in range(10)} == {303}
    closed = asked(here, "one@auth.test")
    if closed.status_code == 303:  # the tenth is heard, and closes the door
        closed = asked(here, "one@auth.test")
    assert (closed.status_code, set(faults(closed)), typed(closed)["email"]) == (429, {"email"}, "one@auth.test")


def test_a_code_has_five_tries_and_works_once(patient_owner: Owner, post: Post) -> None:
    here, new = patient_owner.browser(), new_email()
    code = code_of(here, post, new)
    assert proven(here, "12345").status_code == 422, "what is no code uses up no try"
    answers = [proven(here, wrong(code, n)) for n in range(1, 6)]
    assert {answer.status_code for answer in answers} == {422}
    assert set(faults(answers[0])) == {"code"}
    assert "That is not the code." in Page(answers[0]).text
    over = proven(here, code)
    assert (over.status_code, "This code works no more." in Page(over).text) == (422, True)
    assert typed(over) == {"email": new, "password": ""}, "another is one password away"
    assert patient_owner.entered()[1].status_code == 303
    code = code_of(here, post, new)
    assert [proven(here, code).status_code for _ in range(2)] == [303, 422]
    assert called(patient_owner, new).entered()[1].status_code == 303


def test_an_old_code_is_none(patient_owner: Owner, post: Post) -> None:
    here, new = patient_owner.browser(), new_email()
    code = code_of(here, post, new)
    patient_owner.visitor.make.conn.execute("UPDATE contact_code SET expires_at = now()")
    assert typed(here.get(HOME)) == {"email": new, "password": ""}
    over = proven(here, code)
    assert (over.status_code, "This code works no more." in Page(over).text) == (422, True)
    assert patient_owner.entered()[1].status_code == 303


def test_no_page_tells_whether_an_address_has_an_account(patient_owner: Owner, post: Post) -> None:
    here, free, taken = patient_owner.browser(), new_email(), owner_of(patient_owner.visitor, "staff").email
    shown = []
    for email in (free, taken):
        assert asked(here, email).status_code == 303
        page, refused = here.get(HOME), proven(here, "000000")
        shown.append([(one.status_code, one.text.replace(email, "…")) for one in (page, refused)])
    assert shown[0] == shown[1]
    assert post.to(taken, "address-taken") == [{}]
    assert (post.to(taken, "verification-code"), post.to(free, "address-taken")) == ([], [])


def test_two_browsers_one_address(patient_owner: Owner, post: Post) -> None:
    """The second request makes the first code void, and either browser can give the second."""
    one, two, first, second = patient_owner.browser(), patient_owner.browser(), new_email(), new_email()
    older, newer = code_of(one, post, first), code_of(two, post, second)
    assert second in Page(one.get(HOME)).text
    if older != newer:
        refused = proven(one, older)
        assert (refused.status_code, set(faults(refused))) == (422, {"code"})
    assert proven(one, newer).status_code == 303
    assert (is_in(one), is_in(two)) == (True, False)
    assert called(patient_owner, second).entered()[1].status_code == 303


def test_who_is_too_late_is_told_at_the_address(patient_owner: Owner, post: Post) -> None:
    rival, new = owner_of(patient_owner.visitor, "provider"), new_email()
    here, there = patient_owner.browser(), rival.browser()
    codes = [code_of(browser, post, new) for browser in (here, there)]
    assert proven(here, codes[0]).status_code == 303
    late = proven(there, codes[1])
    assert (late.status_code, set(faults(late))) == (409, {"email"})
    assert "Take another." in Page(late).text
    assert is_in(there)
    assert rival.entered()[1].status_code == 303


def test_a_mail_scanner_changes_nothing(patient_owner: Owner, post: Post) -> None:
    here, new = patient_owner.browser(), new_email()
    code = code_of(here, post, new)
    assert here.get(f"{HOME}/confirm", params={"code": code}).headers["location"] == HOME
    assert here.get(HOME, params={"code": code}).status_code == 200
    assert patient_owner.entered()[1].status_code == 303
    assert proven(here, f"{code[:3]} {code[3:]}").status_code == 303  # as people copy it


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test"}])
def test_no_form_of_another_site_is_taken(patient_owner: Owner, post: Post, headers: dict[str, str]) -> None:
    here, new = patient_owner.browser(), new_email()
    assert asked(here, new, **headers).status_code == 403
    code = code_of(here, post, new)
    assert proven(here, code, **headers).status_code == 403
    assert patient_owner.entered()[1].status_code == 303
    assert len(post.to(new, "verification-code")) == 1


def test_nobody_else_changes_it(patient_owner: Owner, post: Post) -> None:
    out, new = patient_owner.browser(), new_email()
    code = code_of(out, post, new)
    cookie = out.cookies[COOKIE]
    out.post("/logout")
    out.cookies.set(COOKIE, cookie)  # of a session that is over
    stranger = owner_of(patient_owner.visitor, "patient").browser()
    nobody, _ = patient_owner.entered("wrong")
    for browser in (out, nobody):
        for answer in (asked(browser, new), proven(browser, code)):
            assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert proven(stranger, code).status_code == 422
    assert patient_owner.entered()[1].status_code == 303


def test_who_acts_for_a_child_changes_their_own(guardian: Guardian, post: Post) -> None:
    make, new = guardian.visitor.make, new_email()
    ana = guardian.added()
    child = owner_of(guardian.visitor, "admin")
    make.conn.execute("UPDATE user_account SET role = 'patient', patient_id = %s WHERE id = %s", [ana, child.user])
    guardian.act_for(ana)
    row = make.conn.execute("SELECT email FROM user_account WHERE patient_id = %s", [guardian.id]).fetchone()
    assert row is not None
    page = guardian.page(HOME)
    assert row[0] in page.text
    assert child.email not in page.text
    assert asked(guardian.browser, new).status_code == 403, "that is the child's password"
    assert proven(guardian.browser, code_of(guardian.browser, post, new, REGISTERED_WITH)).status_code == 303
    assert "You act for" in guardian.page("/me").text
    assert child.entered()[1].status_code == 303
    mother = Owner(guardian.visitor, new, child.user)
    assert mother.entered(REGISTERED_WITH)[1].status_code == 303
