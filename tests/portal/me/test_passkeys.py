"""A passkey by pages, by an authenticator in software: added, and signed with at the log-in."""

import json
from typing import Any

import httpx
import pytest

from tests.auth.authenticator import Authenticator
from tests.auth.people import PASSWORD
from tests.html import Page
from tests.portal.me.conftest import Owner, is_in, owner_of
from tests.portal.me.test_factors import HOME, codes, hidden, marked, second

pytestmark = pytest.mark.postgres("18")


def asked(answer: httpx.Response) -> dict[str, Any]:
    """What the passkey is to sign."""
    (form,) = (one for one in Page(answer).all("form") if one.get("id") == "passkey")
    options: dict[str, Any] = json.loads(str(form["data-options"]))
    return options


def device(owner: Owner) -> Authenticator:
    return Authenticator(f"http://localhost:{owner.visitor.service.port}", counter=1)


def begun(browser: httpx.Client, name: str = "Key <ring>") -> httpx.Response:
    answer = browser.post(f"{HOME}/passkeys", data={"name": name, "password": PASSWORD})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    return answer


def confirmed(browser: httpx.Client, page: httpx.Response, credential: dict[str, Any]) -> httpx.Response:
    return browser.post(f"{HOME}/passkeys/confirm", data={**hidden(Page(page)), "credential": json.dumps(credential)})


def added(owner: Owner) -> tuple[Authenticator, tuple[str, ...]]:
    """A passkey of the owner, and the recovery codes that came with it."""
    browser, passkey = owner.browser(), device(owner)
    page = begun(browser)
    return passkey, codes(confirmed(browser, page, passkey.create(asked(page))))


def entered(browser: httpx.Client, page: httpx.Response, credential: dict[str, Any]) -> httpx.Response:
    return browser.post("/login/second", data={**hidden(Page(page)), "credential": json.dumps(credential)})


def test_a_passkey_is_added_and_logs_in(owner: Owner) -> None:
    passkey, _ = added(owner)
    browser, page = owner.entered()
    assert "Six digits" not in page.text
    assert page.headers["cache-control"] == "no-store"
    done = entered(browser, page, passkey.get(asked(page)))
    assert (done.status_code, is_in(browser)) == (303, True)
    shown = Page(browser.get(HOME))
    assert "Key <ring>" in shown.text
    assert "last used on" in shown.text
    spare, page = device(owner), begun(browser, "Spare")
    more = confirmed(browser, page, spare.create(asked(page)))
    assert more.headers["location"] == f"{HOME}?done=added"
    assert "From now on this passkey logs you in" in browser.get(more.headers["location"]).text
    browser, page = owner.entered()
    assert entered(browser, page, spare.get(asked(page))).status_code == 303


def test_a_recovery_code_stands_in_for_it_until_none_is_left(patient_owner: Owner) -> None:
    _, recovery = added(patient_owner)
    assert "Recovery code" in Page(patient_owner.entered()[1]).text
    wrong = second(patient_owner, "A" * 24)
    assert (wrong.status_code, "used before" in wrong.text, "the app shows" in wrong.text) == (401, True, False)
    for code in recovery:
        assert second(patient_owner, code).status_code == 303
    assert "Recovery code" not in Page(patient_owner.entered()[1]).text


def test_it_is_added_with_a_name_and_the_password_only(patient_owner: Owner) -> None:
    browser = patient_owner.browser()
    for name in ("", "  ", "x" * 121):
        nameless = browser.post(f"{HOME}/passkeys", data={"name": name, "password": PASSWORD})
        assert (nameless.status_code, marked(Page(nameless))) == (422, {"name": "name-told"})
    wrong = browser.post(f"{HOME}/passkeys", data={"name": "Key ring", "password": "not the password"})
    assert (wrong.status_code, marked(Page(wrong))) == (403, {"password-passkey": "password-passkey-told"})
    assert "Key ring" in {one.get("value") for one in Page(wrong).all("input")}
    assert patient_owner.entered()[1].status_code == 303


def test_what_was_not_asked_or_is_signed_elsewhere_is_not_added(patient_owner: Owner) -> None:
    here, stranger = patient_owner.browser(), owner_of(patient_owner.visitor, "admin").browser()
    page, passkey = begun(here), device(patient_owner)
    phisher = Authenticator("https://frontdesk.example")
    for told, credential in (
        (page, phisher.create(asked(page))),
        (page, passkey.create(asked(page))),  # its challenge is used up
        (others := begun(stranger), passkey.create(asked(others))),
        (begun(here), {}),
    ):
        refused = confirmed(here, told, credential)
        assert (refused.status_code, "No passkey was added" in refused.text) == (422, True)
        assert "Key <ring>" in {one.get("value") for one in Page(refused).all("input")}
    for nonsense in ("", "{", "[]", "null", '"\\ud800"'):
        data = {**hidden(Page(begun(here))), "credential": nonsense}
        assert here.post(f"{HOME}/passkeys/confirm", data=data).status_code == 422
    assert patient_owner.entered()[1].status_code == 303, "no passkey is asked for"


def test_the_passkey_of_another_account_opens_nothing(patient_owner: Owner) -> None:
    mine, _ = added(patient_owner)
    theirs, _ = added(owner_of(patient_owner.visitor, "patient"))
    browser, page = patient_owner.entered()
    refused = entered(browser, page, theirs.get(asked(page)))
    assert (refused.status_code, "not accepted" in refused.text, is_in(browser)) == (401, True, False)
    assert entered(browser, refused, mine.get(asked(refused))).status_code == 303


def test_what_it_has_signed_opens_nothing_twice(patient_owner: Owner) -> None:
    passkey, _ = added(patient_owner)
    browser, page = patient_owner.entered()
    credential = passkey.get(asked(page))
    assert entered(browser, page, credential).status_code == 303
    thief, again = patient_owner.entered()
    assert "log in again" in entered(thief, page, credential).text, "this log-in is over"
    assert entered(thief, again, credential).status_code == 401
    assert not is_in(thief)


def test_a_log_in_has_five_tries(patient_owner: Owner) -> None:
    passkey, _ = added(patient_owner)
    browser, page = patient_owner.entered()
    nonsense = browser.post("/login/second", data={**hidden(Page(page)), "credential": "{"})
    assert (nonsense.status_code, "not accepted" in nonsense.text) == (401, True)
    for _ in range(5):
        page = entered(browser, page, device(patient_owner).get(asked(page)))
        assert (page.status_code, "not accepted" in page.text) == (401, True)
    late = entered(browser, page, passkey.get(asked(page)))
    assert (late.status_code, "log in again" in late.text, is_in(browser)) == (401, True, False)


def test_an_account_has_twenty(patient_owner: Owner) -> None:
    browser, make = patient_owner.browser(), patient_owner.visitor.make
    for number in range(20):
        key = {"credential_id": f"{patient_owner.user}{number}".encode(), "public_key": b"-", "sign_count": 0}
        make.row("passkey", user_id=patient_owner.user, name=str(number), transports=[], **key)
    assert "no more passkeys than these" in browser.get(HOME).text
    full = browser.post(f"{HOME}/passkeys", data={"name": "One more", "password": PASSWORD})
    assert (full.status_code, "changed meanwhile" in full.text) == (409, True)
