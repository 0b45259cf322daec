"""`/me/factors`: an app, its recovery codes and passkeys, by pages, in every role. New passkeys: test_passkeys.py."""

import base64
from typing import Any
from uuid import UUID

import httpx
import pytest

from frontdesk.auth.throttle import FREE_FAILURES
from tests.auth.authenticator import Authenticator
from tests.auth.people import PASSWORD, bearer, tokens_of
from tests.auth.phone import Phone
from tests.html import Page
from tests.portal.me.conftest import Owner, is_in, owner_of

pytestmark = pytest.mark.postgres("18")

HOME = "/me/factors"


def hidden(page: Page) -> dict[str, str]:
    return {str(one["name"]): str(one["value"]) for one in page.all("input") if one.get("type") == "hidden"}


def marked(page: Page) -> dict[Any, Any]:
    return {one["id"]: one["aria-describedby"] for one in page.all("input") if "aria-invalid" in one}


def begun(browser: httpx.Client) -> tuple[Phone, dict[str, str]]:
    """An app that is not confirmed yet, and what the form of its page says besides the code."""
    answer = browser.post(f"{HOME}/app", data={"password": PASSWORD})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    said = hidden(page := Page(answer))
    assert said["secret"] in page.text
    assert said["uri"] in {a.get("href") for a in page.all("a")}
    return Phone(base64.b32decode(said["secret"])), said


def set_up(browser: httpx.Client) -> Phone:
    phone, said = begun(browser)
    answer = browser.post(f"{HOME}/app/confirm", data={**said, "code": (used := phone.code())})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    return Phone(phone.secret, codes(answer), used)


def codes(answer: httpx.Response) -> tuple[str, ...]:
    found = tuple(text for text in Page(answer).texts if text.count("-") == 5)
    assert len(found) == 10
    return found


def second(owner: Owner, code: str) -> httpx.Response:
    """A log-in whose password is right."""
    browser, asked = owner.entered()
    assert "One more step" in asked.text
    return browser.post("/login/second", data={**hidden(Page(asked)), "code": code})


def in_groups(code: str) -> str:
    return f"{code[:3]} {code[3:]} "


def removed(browser: httpx.Client, code: str, password: str = PASSWORD) -> httpx.Response:
    return browser.post(f"{HOME}/app/remove", data={"password": password, "code": code})


def test_an_app_is_set_up_and_taken_away(owner: Owner) -> None:
    here, there = owner.browser(), owner.browser()
    assert HOME in {a.get("href") for a in Page(here.get("/me")).all("a")}
    before = here.get(HOME)
    assert before.headers["cache-control"] == "no-store"
    assert "Recovery codes" not in before.text
    phone = set_up(here)
    page = Page(here.get(HOME))
    assert "10 are left." in page.text
    assert not any(code in here.get(HOME).text for code in phone.recovery_codes), "shown once"
    log = owner.visitor.service.log_path.read_text()
    assert f"{HOME}/app/confirm" in log
    assert not any(one in log for one in (base64.b32encode(phone.secret).decode(), *phone.recovery_codes))
    assert second(owner, phone.wrong()).status_code == 401
    assert second(owner, phone.recovery_codes[0]).status_code == 303
    assert "9 are left." in Page(here.get(HOME)).text
    answer = removed(here, phone.code(1))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HOME}?done=removed")
    assert "The app is removed" in Page(here.get(answer.headers["location"])).text
    assert owner.entered()[1].status_code == 303
    assert (is_in(here), is_in(there)) == (True, True)


def test_nothing_is_done_without_the_password(patient_owner: Owner) -> None:
    here = patient_owner.browser()
    for wrong in ("", "not the password", "x" * 300):
        refused = here.post(f"{HOME}/app", data={"password": wrong})
        assert (refused.status_code, marked(Page(refused))) == (403, {"password-app": "password-app-told"})
        assert wrong == "" or wrong not in refused.text.replace("This is not the password that", "")
    phone = set_up(here)
    for path, field in (("codes", "password-codes"), ("app/remove", "password-remove")):
        data = {"password": "not the password", "code": phone.code(1)}
        refused = here.post(f"{HOME}/{path}", data=data)
        assert (refused.status_code, list(marked(Page(refused)))) == (403, [field])
    assert second(patient_owner, phone.recovery_codes[0]).status_code == 303, "all is as it was"


def test_a_wrong_code_confirms_nothing_and_the_key_stays_in_sight(patient_owner: Owner) -> None:
    here = patient_owner.browser()
    phone, said = begun(here)
    for wrong in (phone.wrong(), "", "abc"):
        refused = Page(here.post(f"{HOME}/app/confirm", data={**said, "code": wrong}))
        assert (refused.status, hidden(refused), "not right" in refused.text) == (422, said, True)
    assert patient_owner.entered()[1].status_code == 303, "no code is asked for yet"
    forged = {"secret": "javascript", "uri": "javascript:alert(1)", "code": phone.wrong()}
    assert here.post(f"{HOME}/app/confirm", data=forged).headers["location"] == HOME
    assert len(codes(here.post(f"{HOME}/app/confirm", data={**said, "code": phone.code()}))) == 10


def test_a_code_is_taken_as_apps_show_it(patient_owner: Owner) -> None:
    here = patient_owner.browser()
    phone, said = begun(here)
    page = Page(here.post(f"{HOME}/app/confirm", data={**said, "code": phone.wrong()}))
    box = next(one for one in page.all("input") if one.get("name") == "code")
    assert (box["inputmode"], box["aria-invalid"], "autofocus" in box) == ("numeric", "true", True)
    confirmed = here.post(f"{HOME}/app/confirm", data={**said, "code": in_groups(phone.code())})
    recovery = codes(confirmed)
    assert second(patient_owner, in_groups(phone.code(1))).status_code == 303
    assert second(patient_owner, f" {recovery[0].replace('-', ' ')} ").status_code == 303
    make = patient_owner.visitor.make  # as if a minute had gone by
    make.conn.execute("UPDATE totp_factor SET last_step = last_step - 3 WHERE user_id = %s", [patient_owner.user])
    assert removed(here, in_groups(phone.code())).status_code == 303


def test_a_form_sent_again_after_the_app_is_set_up_says_so(patient_owner: Owner) -> None:
    here = patient_owner.browser()
    phone, said = begun(here)
    confirm = {**said, "code": phone.code()}
    assert len(codes(here.post(f"{HOME}/app/confirm", data=confirm))) == 10
    for code in (confirm["code"], ""):
        again = here.post(f"{HOME}/app/confirm", data={**said, "code": code})
        assert (again.status_code, again.headers["location"]) == (303, f"{HOME}?done=already")
    page = Page(here.get(f"{HOME}?done=already"))
    assert "An app is set up. Have you kept its recovery codes?" in page.text
    assert "10 are left." in page.text


def test_a_key_that_another_tab_has_replaced_says_so(patient_owner: Owner) -> None:
    here = patient_owner.browser()
    old, said = begun(here)
    new, now = begun(here)
    stale = here.post(f"{HOME}/app/confirm", data={**said, "code": old.code()})
    assert (stale.status_code, stale.headers["location"]) == (303, f"{HOME}?done=replaced")
    assert "counts no more" in Page(here.get(f"{HOME}?done=replaced")).text
    assert here.post(f"{HOME}/app/confirm", data={**now, "code": new.wrong()}).status_code == 422
    assert len(codes(here.post(f"{HOME}/app/confirm", data={**now, "code": new.code()}))) == 10


def test_the_address_of_a_form_leads_to_its_page(patient_owner: Owner) -> None:
    here = patient_owner.browser()
    for path in ("app", "app/confirm", "app/remove", "codes", f"passkeys/{patient_owner.user}/remove"):
        answer = here.get(f"{HOME}/{path}")
        assert (answer.status_code, answer.headers.get("location")) == (303, HOME), path
    for path, there in (
        ("/login/second", "/login"),
        ("/login/app", "/login"),
        ("/family/act", "/family"),
        (f"/visits/{patient_owner.user}/cancel", f"/visits/{patient_owner.user}"),
    ):
        assert here.get(path).headers.get("location") == there, path
    nowhere = here.get("/logout")
    assert (nowhere.status_code, nowhere.headers["allow"]) == (405, "POST")
    assert "only takes what a form sends" in Page(nowhere).text
    assert "You may not" not in nowhere.text
    assert here.put(HOME).status_code == 405
    program = here.get(f"{HOME}/app", headers={"Accept": "application/json"})
    assert (program.status_code, program.json()["type"]) == (405, "/problems/method-not-allowed")


def test_a_code_works_once(patient_owner: Owner) -> None:
    here = patient_owner.browser()
    phone = set_up(here)
    replayed = here.post(f"{HOME}/app/confirm", data={"code": phone.used})
    assert replayed.headers["location"] == f"{HOME}?done=already", (
        "neither the key nor the recovery codes are shown again"
    )
    assert second(patient_owner, phone.used).status_code == 401
    refused = removed(here, phone.used)
    assert (refused.status_code, marked(Page(refused))) == (422, {"code": "code-told"})
    assert second(patient_owner, phone.recovery_codes[0]).status_code == 303
    assert removed(here, phone.recovery_codes[0]).status_code == 422
    assert removed(here, phone.recovery_codes[1].lower()).status_code == 303
    again = removed(here, phone.recovery_codes[2])
    assert (again.status_code, "changed meanwhile" in again.text) == (404, True)


def test_wrong_codes_are_counted_with_those_of_log_ins(patient_owner: Owner) -> None:
    here = patient_owner.browser()
    phone = set_up(here)
    assert {removed(here, phone.wrong()).status_code for _ in range(FREE_FAILURES)} == {422}
    assert removed(here, phone.wrong()).status_code in (422, 429)
    closed = removed(here, phone.code(1))
    assert (closed.status_code, "Too many attempts" in closed.text) == (429, True)
    assert second(patient_owner, phone.code(1)).status_code == 429
    assert removed(here, phone.recovery_codes[0]).status_code == 303, "nobody guesses those"


def test_new_recovery_codes_end_the_old_ones(patient_owner: Owner) -> None:
    here = patient_owner.browser()
    none = here.post(f"{HOME}/codes", data={"password": PASSWORD})
    assert (none.status_code, "changed meanwhile" in none.text) == (409, True)
    phone = set_up(here)
    twice = here.post(f"{HOME}/app", data={"password": PASSWORD})
    assert (twice.status_code, "changed meanwhile" in twice.text) == (409, True)
    new = codes(here.post(f"{HOME}/codes", data={"password": PASSWORD}))
    assert not set(new) & set(phone.recovery_codes)
    assert second(patient_owner, phone.recovery_codes[0]).status_code == 401
    assert second(patient_owner, new[0]).status_code == 303


def passkey_of(owner: Owner) -> UUID:
    service = owner.visitor.service
    api = service.client()
    api.headers.update(bearer(tokens_of(api, owner.email)))
    question = api.post("/auth/factors/passkeys/options", json={"password": PASSWORD}).json()
    credential = Authenticator(f"http://localhost:{service.port}").create(question["options"])
    body = {"name": "Key <ring>", "challenge_id": question["challenge_id"], "credential": credential}
    made = api.post("/auth/factors/passkeys", json=body)
    assert made.status_code == 201, made.text
    return UUID(made.json()["id"])


def test_a_passkey_is_listed_and_taken_away_by_its_owner_alone(patient_owner: Owner) -> None:
    here, stranger = patient_owner.browser(), owner_of(patient_owner.visitor, "admin").browser()
    passkey = passkey_of(patient_owner)
    assert "Key <ring>" in Page(here.get(HOME)).text
    assert "Key &lt;ring&gt;" not in stranger.get(HOME).text
    path = f"{HOME}/passkeys/{passkey}/remove"
    assert stranger.post(path, data={"password": PASSWORD}).status_code == 404
    wrong = here.post(path, data={"password": "not the password"})
    assert (wrong.status_code, list(marked(Page(wrong)))) == (403, [f"password-{passkey}"])
    done = here.post(path, data={"password": PASSWORD})
    assert (done.status_code, done.headers["location"]) == (303, f"{HOME}?done=passkey")
    page = Page(here.get(done.headers["location"]))
    assert "opens nothing any more" in page.text
    assert "Key <ring>" not in page.text
    assert patient_owner.entered()[1].status_code == 303


@pytest.mark.parametrize(
    "path", ["app", "app/confirm", "app/remove", "codes", "passkeys", "passkeys/confirm", "passkeys/{passkey}/remove"]
)
def test_whoever_is_not_in_and_forms_of_other_sites_get_nowhere(patient_owner: Owner, path: str) -> None:
    here, (nobody, _) = patient_owner.browser(), patient_owner.entered("wrong")
    path = f"{HOME}/{path.format(passkey=patient_owner.user)}"
    data = {"password": PASSWORD, "code": "000000"}
    elsewhere = here.post(path, data=data, headers={"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status_code == 403
    answer = nobody.post(path, data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert nobody.get(HOME).headers["location"].startswith("/login")
