"""Passkeys over HTTP, by an authenticator in software: register, log in, and everything that is none of ours."""

import copy
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg.rows import DictRow

from frontdesk import ids
from tests.auth.authenticator import PRESENT, Authenticator, encoded
from tests.auth.people import PASSWORD, bearer, log_in, new_email, registered, tokens_of
from tests.auth.phone import factor_token, second, set_up
from tests.service import Service

pytestmark = pytest.mark.postgres("18")

Written = psycopg.Connection[DictRow]
Headers = dict[str, str]


@pytest.fixture
def origin(service: Service) -> str:
    return f"http://localhost:{service.port}"


@pytest.fixture
def headers(api: httpx.Client, patient: str) -> Headers:
    """Of the patient, logged in."""
    return bearer(tokens_of(api, patient))


def asked(api: httpx.Client, headers: Headers) -> dict[str, Any]:
    answer = api.post("/auth/factors/passkeys/options", json={"password": PASSWORD}, headers=headers)
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()
    return options


def answered(
    api: httpx.Client, headers: Headers, asked: dict[str, Any], credential: dict[str, Any], **more: str
) -> httpx.Response:
    body = {"name": "Key ring", "challenge_id": asked["challenge_id"], "credential": credential}
    return api.post("/auth/factors/passkeys", json=body | more, headers=headers)


def register(api: httpx.Client, headers: Headers, passkey: Authenticator) -> dict[str, Any]:
    question = asked(api, headers)
    answer = answered(api, headers, question, passkey.create(question["options"]))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def question_at_log_in(api: httpx.Client, token: str) -> dict[str, Any]:
    answer = api.post("/auth/token/second-factor/passkey-options", json={"factor_token": token})
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()
    return options


def signed_in(api: httpx.Client, email: str, passkey: Authenticator) -> httpx.Response:
    token = factor_token(api, email)
    question = question_at_log_in(api, token)
    signed = {"challenge_id": question["challenge_id"], "credential": passkey.get(question["options"])}
    return second(api, token, passkey=signed)


def refused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["type"]) == (401, "/problems/second-factor-refused")


@pytest.mark.parametrize("counter", [0, 7])
def test_a_passkey_logs_in(api: httpx.Client, patient: str, headers: Headers, origin: str, counter: int) -> None:
    passkey = Authenticator(origin, counter=counter)
    made = register(api, headers, passkey)
    assert (made["name"], len(made["recovery_codes"])) == ("Key ring", 10)
    assert log_in(api, patient).json()["factors"] == ["passkey", "recovery_code"]
    for _ in range(2):
        answer = signed_in(api, patient, passkey)
        assert answer.status_code == 200, answer.text
    assert api.get("/auth/me", headers=bearer(answer.json())).json()["email"] == patient
    (told,) = api.get("/auth/factors", headers=headers).json()["passkeys"]
    assert set(told) == {"id", "name", "created_at", "last_used_at"}
    assert (told["id"], told["last_used_at"] is not None) == (made["id"], True)


def test_what_the_browser_is_asked(api: httpx.Client, patient: str, headers: Headers, origin: str) -> None:
    passkey = Authenticator(origin)
    options = asked(api, headers)["options"]
    assert options["rp"] == {"id": "localhost", "name": "Frontdesk"}
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert (options["attestation"], options["excludeCredentials"]) == ("none", [])
    register(api, headers, passkey)
    (excluded,) = asked(api, headers)["options"]["excludeCredentials"]
    assert (excluded["id"], excluded["transports"]) == (encoded(passkey.credential_id), ["usb"])
    options = question_at_log_in(api, factor_token(api, patient))["options"]
    assert (options["rpId"], options["userVerification"]) == ("localhost", "required")
    assert [allowed["id"] for allowed in options["allowCredentials"]] == [encoded(passkey.credential_id)]


def _with(passkey: Authenticator, **fields: Any) -> Authenticator:
    other = copy.copy(passkey)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


STRANGE: dict[str, Callable[[Authenticator], Authenticator]] = {
    "on a page of another name": lambda key: _with(key, origin="https://frontdesk.example"),
    "without a look at the user": lambda key: _with(key, flags=PRESENT),
    "with nobody there": lambda key: _with(key, flags=0x04),
}


@pytest.mark.parametrize("how", STRANGE)
def test_a_passkey_is_not_registered(api: httpx.Client, headers: Headers, origin: str, how: str) -> None:
    question = asked(api, headers)
    answer = answered(api, headers, question, STRANGE[how](Authenticator(origin)).create(question["options"]))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/code-refused")
    assert api.get("/auth/factors", headers=headers).json()["passkeys"] == []


@pytest.mark.parametrize("how", [*STRANGE, "by another key", "of another account", "unknown", "for another challenge"])
def test_a_passkey_does_not_log_in(api: httpx.Client, patient: str, headers: Headers, origin: str, how: str) -> None:
    passkey = Authenticator(origin)
    register(api, headers, passkey)
    strange = _with(passkey)
    if how in STRANGE:
        strange = STRANGE[how](passkey)
    elif how == "by another key":
        strange = _with(passkey, key=ec.generate_private_key(ec.SECP256R1()))
    elif how == "unknown":
        strange = Authenticator(origin)
    elif how == "of another account":
        email = new_email()
        assert api.post("/auth/register", json=registered(email)).status_code == 201
        strange = Authenticator(origin)
        register(api, bearer(tokens_of(api, email)), strange)
    else:
        other = question_at_log_in(api, factor_token(api, patient))["options"]
        token = factor_token(api, patient)
        question = question_at_log_in(api, token)
        signed = {"challenge_id": question["challenge_id"], "credential": passkey.get(other)}
        assert refused(second(api, token, passkey=signed))
        return
    assert refused(signed_in(api, patient, strange))
    assert signed_in(api, patient, passkey).status_code == 200


def test_a_challenge_works_once_even_for_a_wrong_answer(
    api: httpx.Client, patient: str, headers: Headers, origin: str
) -> None:
    passkey = Authenticator(origin)
    register(api, headers, passkey)
    token = factor_token(api, patient)
    question = question_at_log_in(api, token)
    wrong = _with(passkey, flags=PRESENT).get(question["options"])
    assert refused(second(api, token, passkey={"challenge_id": question["challenge_id"], "credential": wrong}))
    right = passkey.get(question["options"])
    assert refused(second(api, token, passkey={"challenge_id": question["challenge_id"], "credential": right}))
    assert signed_in(api, patient, passkey).status_code == 200


def test_a_challenge_is_good_for_one_purpose_one_account_and_some_minutes(
    api: httpx.Client, patient: str, headers: Headers, origin: str, written: Written
) -> None:
    passkey = Authenticator(origin)
    register(api, headers, passkey)
    at_log_in = question_at_log_in(api, factor_token(api, patient))
    other = Authenticator(origin)
    credential = other.create({"rp": {"id": "localhost"}, "challenge": at_log_in["options"]["challenge"]})
    assert answered(api, headers, at_log_in, credential).status_code == 422
    email = new_email()
    assert api.post("/auth/register", json=registered(email)).status_code == 201
    somebody_elses = asked(api, bearer(tokens_of(api, email)))
    assert answered(api, headers, somebody_elses, other.create(somebody_elses["options"])).status_code == 422
    old = asked(api, headers)
    written.execute("UPDATE passkey_challenge SET expires_at = now() WHERE id = %s", (old["challenge_id"],))
    assert answered(api, headers, old, other.create(old["options"])).status_code == 422


def test_a_copied_passkey_is_found_by_its_counter(
    api: httpx.Client, patient: str, headers: Headers, origin: str
) -> None:
    passkey = Authenticator(origin, counter=5)
    register(api, headers, passkey)
    copied = copy.copy(passkey)
    assert signed_in(api, patient, passkey).status_code == 200
    assert refused(signed_in(api, patient, copied))
    assert signed_in(api, patient, passkey).status_code == 200


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"id": "", "response": None},
        {"id": "é", "rawId": "é", "type": "public-key", "response": {}},
        {"id": 5, "rawId": [], "type": {}, "response": "x"},
        {
            "id": "AAAA",
            "rawId": "AAAA",
            "type": "public-key",
            "response": {"clientDataJSON": "AAAA", "attestationObject": "AAAA", "transports": [1, {}]},
        },
    ],
)
def test_nonsense_is_refused(api: httpx.Client, patient: str, headers: Headers, credential: dict[str, Any]) -> None:
    assert answered(api, headers, asked(api, headers), credential).status_code == 422
    set_up(api, headers)
    token = factor_token(api, patient)
    question = question_at_log_in(api, token)
    signed = {"challenge_id": question["challenge_id"], "credential": credential}
    assert refused(second(api, token, passkey=signed))


def test_a_passkey_is_registered_once_and_removed_with_the_password(
    api: httpx.Client, patient: str, headers: Headers, origin: str
) -> None:
    for body in ({}, {"password": "not the password"}):
        assert api.post("/auth/factors/passkeys/options", json=body, headers=headers).status_code == 403
    passkey, spare = Authenticator(origin), Authenticator(origin)
    first = register(api, headers, passkey)
    assert register(api, headers, spare)["recovery_codes"] == []
    question = asked(api, headers)
    again = answered(api, headers, question, passkey.create(question["options"]))
    assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict")

    def removed(passkey_id: str, password: str = PASSWORD) -> int:
        url = f"/auth/factors/passkeys/{passkey_id}/remove"
        return api.post(url, json={"password": password}, headers=headers).status_code

    assert removed(first["id"], "not the password") == 403
    assert removed(first["id"]) == 204
    assert removed(first["id"]) == 404
    assert removed(str(ids.new_id())) == 404
    assert refused(signed_in(api, patient, passkey))
    assert signed_in(api, patient, spare).status_code == 200
    (left,) = api.get("/auth/factors", headers=headers).json()["passkeys"]
    assert removed(left["id"]) == 204
    assert api.get("/auth/factors", headers=headers).json()["recovery_codes"] == 0
    assert log_in(api, patient).status_code == 200


def test_nobody_removes_anothers_passkey(api: httpx.Client, headers: Headers, origin: str) -> None:
    made = register(api, headers, Authenticator(origin))
    email = new_email()
    assert api.post("/auth/register", json=registered(email)).status_code == 201
    url, others = f"/auth/factors/passkeys/{made['id']}/remove", bearer(tokens_of(api, email))
    assert api.post(url, json={"password": PASSWORD}, headers=others).status_code == 404
    assert len(api.get("/auth/factors", headers=headers).json()["passkeys"]) == 1


def test_a_repeated_registration_has_one_effect_and_one_answer(
    api: httpx.Client, headers: Headers, origin: str
) -> None:
    question = asked(api, headers)
    credential = Authenticator(origin).create(question["options"])
    keyed = headers | {"Idempotency-Key": str(ids.new_id())}
    first, again = (answered(api, keyed, question, credential) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


def test_app_and_passkey_stand_side_by_side(api: httpx.Client, patient: str, headers: Headers, origin: str) -> None:
    passkey = Authenticator(origin)
    register(api, headers, passkey)
    phone = set_up(api, headers)
    assert phone.recovery_codes == ()  # the first factor brought them
    assert log_in(api, patient).json()["factors"] == ["totp", "passkey", "recovery_code"]
    body = {"password": PASSWORD, "code": phone.code(1)}
    assert api.post("/auth/factors/totp/remove", json=body, headers=headers).status_code == 204
    assert api.get("/auth/factors", headers=headers).json()["recovery_codes"] == 10
    assert signed_in(api, patient, passkey).status_code == 200
