"""Log-in over HTTP: register, token, refresh with rotation, logout, me."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from frontdesk import ids
from tests.auth.people import PASSWORD, bearer, log_in, new_email, registered, tokens_of

pytestmark = pytest.mark.postgres("18")

UNKNOWN = "nobody-ever@auth.test"


def test_a_patient_registers_and_logs_in(api: httpx.Client) -> None:
    email = new_email()
    answer = api.post("/auth/register", json=registered(email, phone="+49 30 1234", gender="female"))
    assert answer.status_code == 201, answer.text
    user = answer.json()
    assert (user["email"], user["role"], user["active"], user["clinic_ids"]) == (email, "patient", True, [])
    assert user["patient_id"]
    assert answer.headers["etag"] == '"1"'

    answer = log_in(api, email.upper())
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert tokens["token_type"] == "bearer"
    assert 0 < tokens["expires_in"] <= 15 * 60
    assert api.get("/auth/me", headers=bearer(tokens)).json() == user


@pytest.mark.parametrize(
    "extra", [{"role": "admin"}, {"patient_id": str(ids.SYSTEM)}, {"active": True}, {"clinic_ids": []}]
)
def test_nobody_registers_as_more_than_a_patient(api: httpx.Client, extra: dict[str, Any]) -> None:
    email = new_email()
    answer = api.post("/auth/register", json=registered(email) | extra)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    assert log_in(api, email).status_code == 401


@pytest.mark.parametrize(
    "fault",
    [
        {"password": "short77"},
        {"password": "nul\x00inside"},
        {"email": "no address"},
        {"first_name": "  "},
        {"first_name": "A\x00B"},
        {"phone": "1\x00"},
        {"date_of_birth": "1990-02-30"},
        {"date_of_birth": "2190-01-01"},
        {"last_name": None},
    ],
)
def test_a_faulty_registration_is_422_and_not_repeated(api: httpx.Client, fault: dict[str, Any]) -> None:
    answer = api.post("/auth/register", json=registered(new_email()) | fault)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert PASSWORD not in answer.text
    assert "short77" not in answer.text


def test_an_address_has_one_account_whatever_its_case(api: httpx.Client) -> None:
    email = new_email()
    assert api.post("/auth/register", json=registered(email)).status_code == 201
    answer = api.post("/auth/register", json=registered(email.upper()))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/email-taken")


@pytest.mark.postgres("18", "15")
def test_of_rivals_for_one_address_one_registers(api: httpx.Client) -> None:
    email = new_email()
    with ThreadPoolExecutor(8) as rivals:
        answers = list(rivals.map(lambda _: api.post("/auth/register", json=registered(email)), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


def test_a_registration_repeated_with_its_key_is_one(api: httpx.Client) -> None:
    body, key = registered(new_email()), {"Idempotency-Key": str(ids.new_id())}
    first, again = (api.post("/auth/register", json=body, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()


def test_refused_log_ins_do_not_tell_why(api: httpx.Client, patient: str, inactive: str) -> None:
    wrong = [
        log_in(api, UNKNOWN),
        log_in(api, patient, "wrong horse"),
        log_in(api, inactive),
        log_in(api, patient, " "),
    ]
    assert [answer.status_code for answer in wrong] == [401] * 4
    assert len({answer.text for answer in wrong}) == 1
    assert wrong[0].json()["type"] == "/problems/unauthenticated"
    assert {answer.headers["www-authenticate"] for answer in wrong} == {"Bearer"}
    assert all("retry-after" not in answer.headers for answer in wrong)


def test_a_log_in_is_a_form(api: httpx.Client, patient: str) -> None:
    sent: list[dict[str, Any]] = [
        {"json": {"username": patient, "password": PASSWORD}},
        {"data": {"username": patient}},
        {"data": {"username": patient, "password": ""}},
        {"data": {"username": f"{patient}\x00", "password": PASSWORD}},
        {"data": {"username": patient, "password": PASSWORD, "grant_type": "client_credentials"}},
    ]
    assert [api.post("/auth/token", **how).status_code for how in sent] == [422] * 5
    what_clients_send = {"grant_type": "password", "scope": "", "client_id": "string", "client_secret": ""}
    answer = api.post("/auth/token", data=what_clients_send | {"username": patient, "password": PASSWORD})
    assert answer.status_code == 200


@pytest.mark.parametrize("header", ["Bearer stale", "Bearer", "Basic YTpi"])
def test_an_old_token_in_the_header_does_not_bar_the_door(api: httpx.Client, patient: str, header: str) -> None:
    old = {"Authorization": header}
    answer = api.post("/auth/token", data={"username": patient, "password": PASSWORD}, headers=old)
    assert answer.status_code == 200
    keyed = old | {"Idempotency-Key": str(ids.new_id())}
    answer = api.post("/auth/refresh", json={"refresh_token": answer.json()["refresh_token"]}, headers=keyed)
    assert answer.status_code == 200
    assert api.get("/auth/me", headers=old).status_code == 401


def test_a_refresh_token_is_exchanged_for_the_next(api: httpx.Client, patient: str) -> None:
    first = tokens_of(api, patient)
    second = api.post("/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    third = api.post("/auth/refresh", json={"refresh_token": second["refresh_token"]}).json()
    assert len({pair["refresh_token"] for pair in (first, second, third)}) == 3
    assert api.get("/auth/me", headers=bearer(third)).json()["email"] == patient


def test_a_refresh_token_that_comes_back_ends_the_session(api: httpx.Client, patient: str) -> None:
    first, bystander = tokens_of(api, patient), tokens_of(api, patient)
    second = api.post("/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    assert api.post("/auth/refresh", json={"refresh_token": first["refresh_token"]}).status_code == 401
    assert api.post("/auth/refresh", json={"refresh_token": second["refresh_token"]}).status_code == 401
    assert api.get("/auth/me", headers=bearer(second)).status_code == 401
    assert api.post("/auth/refresh", json={"refresh_token": bystander["refresh_token"]}).status_code == 200


def test_a_refresh_repeated_with_its_key_is_no_replay(api: httpx.Client, patient: str) -> None:
    body, key = {"refresh_token": tokens_of(api, patient)["refresh_token"]}, {"Idempotency-Key": str(ids.new_id())}
    lost, repeated = (api.post("/auth/refresh", json=body, headers=key) for _ in range(2))
    assert (lost.status_code, repeated.json()) == (200, lost.json())
    answer = api.post("/auth/refresh", json={"refresh_token": repeated.json()["refresh_token"]})
    assert answer.status_code == 200


@pytest.mark.postgres("18", "15")
def test_of_rivals_with_one_refresh_token_one_wins(api: httpx.Client, patient: str) -> None:
    for _ in range(10):
        body = {"refresh_token": tokens_of(api, patient)["refresh_token"]}
        with ThreadPoolExecutor(8) as rivals:
            answers = list(rivals.map(lambda _, body=body: api.post("/auth/refresh", json=body), range(8)))
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
        (winner,) = (answer.json() for answer in answers if answer.status_code == 200)
        assert api.post("/auth/refresh", json={"refresh_token": winner["refresh_token"]}).status_code == 401


@pytest.mark.parametrize("text", [".", "x", f"{ids.SYSTEM.hex}.secret", "\x00", "{}", "é" * 40])
def test_text_that_is_no_refresh_token_is_refused(api: httpx.Client, text: str) -> None:
    assert api.post("/auth/refresh", json={"refresh_token": text}).status_code == 401


def test_logout_ends_this_session_and_no_other(api: httpx.Client, patient: str) -> None:
    here, there = tokens_of(api, patient), tokens_of(api, patient)
    answer = api.post("/auth/logout", headers=bearer(here))
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.post("/auth/refresh", json={"refresh_token": here["refresh_token"]}).status_code == 401
    assert api.get("/auth/me", headers=bearer(here)).status_code == 401
    assert api.post("/auth/logout", headers=bearer(here)).status_code == 401  # its access token opens nothing either
    assert api.post("/auth/refresh", json={"refresh_token": there["refresh_token"]}).status_code == 200


def test_what_needs_a_log_in_says_so(api: httpx.Client) -> None:
    for method, path in (("GET", "/auth/me"), ("POST", "/auth/logout"), ("GET", "/users"), ("POST", "/users")):
        answer = api.request(method, path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path
