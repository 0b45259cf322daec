"""`/me/password`: a new password by whoever knows the present one, in every role."""

from typing import Any

import httpx
import pytest

from frontdesk.auth.browsers import COOKIE
from frontdesk.auth.throttle import FREE_FAILURES
from tests.auth.conftest import Post
from tests.auth.conftest import post as post  # a fixture
from tests.auth.people import PASSWORD
from tests.html import Page
from tests.portal.family.conftest import Guardian
from tests.portal.family.conftest import guardian as guardian  # a fixture
from tests.portal.family.conftest import place as place  # a fixture
from tests.portal.me.conftest import Owner, is_in, owner_of

pytestmark = pytest.mark.postgres("18")

NEW = "some other plain words"
REGISTERED_WITH = "four plain words together"


def changed(browser: httpx.Client, old: str = PASSWORD, new: str = NEW, **headers: str) -> httpx.Response:
    return browser.post("/me/password", data={"old_password": old, "new_password": new}, headers=headers)


def faults(answer: httpx.Response) -> dict[Any, Any]:
    return {one["name"]: one["aria-describedby"] for one in Page(answer).all("input") if "aria-invalid" in one}


def test_it_is_changed_and_every_other_browser_is_out(owner: Owner, post: Post) -> None:
    here, there = owner.browser(), owner.browser()
    assert "/me" in {a.get("href") for a in Page(here.get("/")).all("a")}, "in the header"
    assert "/me/password" in {a.get("href") for a in Page(here.get("/me")).all("a")}
    form = here.get("/me/password")
    assert form.headers["cache-control"] == "no-store"
    assert owner.email in Page(form).text
    answer = changed(here)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me?done=password")
    page = Page(here.get(answer.headers["location"]))
    assert "Your new password is set." in page.text
    assert "Another device" not in page.text
    assert is_in(here)
    assert not is_in(there)
    assert there.get("/me").headers["location"].startswith("/login")
    assert owner.entered()[1].status_code == 401
    assert owner.entered(NEW)[1].status_code == 303
    assert len(post.to(owner.email, "password-changed")) == 1
    log = owner.visitor.service.log_path.read_text()
    assert "/me/password" in log
    assert NEW not in log


def test_a_wrong_one_changes_nothing_and_is_told_at_its_field(owner: Owner) -> None:
    here, there = owner.browser(), owner.browser()
    answer = changed(here, old="not the password")
    assert (answer.status_code, answer.headers["cache-control"]) == (403, "no-store")
    assert faults(answer) == {"old_password": "old_password-told"}
    assert "not the password that you log in with now" in Page(answer).text
    for secret in ("not the password", NEW):
        assert secret not in answer.text.replace("This is not the password that", "")
    assert (is_in(here), is_in(there)) == (True, True)
    assert owner.entered()[1].status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "wrong", "told"),
    [
        ("", "", {"old_password", "new_password"}, "Please fill this in."),
        (PASSWORD, "short", {"new_password"}, "At least 8 characters, please."),
        (PASSWORD, "password1", {"new_password"}, "easy to guess"),
        (PASSWORD, "x" * 257, {"new_password"}, "256 characters at most"),
        ("x" * 257, NEW, {"old_password"}, "not the password that you log in with now"),
        (PASSWORD, "nul \x00 nul nul", {"new_password"}, "Please check this."),
    ],
)
def test_what_cannot_be_is_told_at_its_field(
    patient_owner: Owner, old: str, new: str, wrong: set[str], told: str
) -> None:
    here = patient_owner.browser()
    answer = changed(here, old, new)
    assert (answer.status_code, set(faults(answer))) == (422, wrong)
    assert told in Page(answer).text
    assert patient_owner.entered()[1].status_code == 303


def test_guesses_are_counted_as_those_of_a_program(patient_owner: Owner) -> None:
    here = patient_owner.browser()
    assert {changed(here, old=f"guess {number}").status_code for number in range(FREE_FAILURES)} == {403}
    assert changed(here, old="one guess more").status_code in (403, 429)
    closed = changed(here)
    assert (closed.status_code, "Too many attempts" in Page(closed).text) == (429, True)
    assert patient_owner.entered()[1].status_code == 303, "nothing was changed"
    once_more = here.post("/me/factors/app", data={"password": PASSWORD})
    assert (once_more.status_code, "Too many attempts" in Page(once_more).text) == (429, True), "the same door"
    other = patient_owner.browser()
    assert changed(other).status_code == 303, "another session of the owner has a door of its own"


def test_whoever_acts_for_another_meanwhile_guesses_at_the_same_door(guardian: Guardian) -> None:
    ana = guardian.added()
    old = guardian.tab().browser  # its session goes on for seconds
    for number, whom in enumerate((ana, guardian.id)):
        for guess in range(FREE_FAILURES // 2):
            wrong = {"password": f"guess {number} {guess}"}
            assert guardian.browser.post("/me/factors/app", data=wrong).status_code == 403
        assert guardian.act_for(whom).status_code == 303
    assert changed(guardian.browser, REGISTERED_WITH).status_code == 429
    assert changed(old, REGISTERED_WITH).status_code == 429
    assert guardian.act_for(ana).status_code == 303
    assert changed(guardian.browser, REGISTERED_WITH).status_code == 429
    row = guardian.visitor.make.conn.execute("SELECT email FROM patient WHERE id = %s", [guardian.id]).fetchone()
    assert row is not None
    mother = Owner(guardian.visitor, row[0], guardian.id)
    assert changed(mother.browser(REGISTERED_WITH), REGISTERED_WITH).status_code == 303, "nobody else is shut out"


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test"}])
def test_no_form_of_another_site_is_taken(patient_owner: Owner, headers: dict[str, str]) -> None:
    here = patient_owner.browser()
    assert changed(here, **headers).status_code == 403
    assert patient_owner.entered()[1].status_code == 303


def test_nobody_else_changes_it(patient_owner: Owner) -> None:
    nobody, _ = patient_owner.entered("wrong")
    refused = changed(nobody)
    assert (refused.status_code, refused.headers["location"]) == (303, "/login")
    out = patient_owner.browser()
    cookie = out.cookies[COOKIE]
    out.post("/logout")
    out.cookies.set(COOKIE, cookie)  # of a session that is over
    assert changed(out).headers["location"] == "/login"
    stranger = owner_of(patient_owner.visitor, "patient").browser()
    assert changed(stranger).status_code == 303
    assert patient_owner.entered()[1].status_code == 303


def test_who_acts_for_a_child_changes_their_own(guardian: Guardian) -> None:
    make = guardian.visitor.make
    ana = guardian.added()
    child = owner_of(guardian.visitor, "admin")
    make.conn.execute("UPDATE user_account SET role = 'patient', patient_id = %s WHERE id = %s", [ana, child.user])
    of_child = child.browser()
    guardian.act_for(ana)
    row = make.conn.execute("SELECT email FROM user_account WHERE patient_id = %s", [guardian.id]).fetchone()
    assert row is not None
    page = guardian.page("/me/password")
    assert row[0] in page.text
    assert child.email not in page.text
    assert row[0] in guardian.page("/me/factors").text
    assert changed(guardian.browser).status_code == 403, "that is the child's"
    assert changed(guardian.browser, REGISTERED_WITH).status_code == 303
    assert "You act for" in guardian.page("/me").text
    assert is_in(of_child)
    assert child.entered()[1].status_code == 303
    mother = Owner(guardian.visitor, row[0], child.user)
    assert mother.entered(REGISTERED_WITH)[1].status_code == 401
    assert mother.entered(NEW)[1].status_code == 303
