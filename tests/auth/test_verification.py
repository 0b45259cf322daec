"""Verified addresses over HTTP: a code of six digits, for ten minutes, with five tries."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from frontdesk import ids
from tests.auth.conftest import Post, make_user
from tests.auth.people import bearer, new_email, registered, tokens_of
from tests.service import Service

pytestmark = pytest.mark.postgres("18")


@pytest.fixture
def me(api: httpx.Client) -> dict[str, str]:
    """The headers of a patient with a phone number."""
    email = new_email()
    assert api.post("/auth/register", json=registered(email, phone=f"+49 {email[1:20]}")).status_code == 201
    return bearer(tokens_of(api, email))


def address(api: httpx.Client, me: dict[str, str], channel: str) -> str:
    user = api.get("/auth/me", headers=me).json()
    if channel == "email":
        return str(user["email"])
    return str(api.get(f"/patients/{user['patient_id']}", headers=me).json()["phone"])


def code_of(api: httpx.Client, post: Post, me: dict[str, str], channel: str) -> str:
    answer = api.post("/auth/verification", json={"channel": channel}, headers=me)
    assert answer.status_code == 202, answer.text
    return post.to(address(api, me, channel), "verification-code")[-1]["code"]


def confirm(api: httpx.Client, me: dict[str, str], channel: str, code: str, **headers: str) -> httpx.Response:
    body = {"channel": channel, "code": code}
    return api.post("/auth/verification/confirm", json=body, headers=me | headers)


def other(code: str, n: int = 1) -> str:
    return f"{(int(code) + n) % 1_000_000:06}"


@pytest.mark.parametrize(("channel", "unverified"), [("email", "phone"), ("phone", "email")])
def test_who_tells_the_code_has_verified_the_address(
    api: httpx.Client, post: Post, me: dict[str, str], channel: str, unverified: str
) -> None:
    code = code_of(api, post, me, channel)
    answer = confirm(api, me, channel, code)
    assert answer.status_code == 200, answer.text
    user = api.get("/auth/me", headers=me).json()
    assert answer.json() == user
    assert user[f"{channel}_verified_at"]
    assert user[f"{unverified}_verified_at"] is None
    assert confirm(api, me, channel, code).status_code == 422, "a code works once"


@pytest.mark.postgres("18", "15")
def test_a_code_has_five_tries_also_for_rivals(api: httpx.Client, post: Post, me: dict[str, str]) -> None:
    code = code_of(api, post, me, "email")
    with ThreadPoolExecutor(20) as rivals:
        answers = list(rivals.map(lambda n: confirm(api, me, "email", other(code, n + 1)), range(20)))
    assert {(answer.status_code, answer.json()["type"]) for answer in answers} == {(422, "/problems/code-refused")}
    assert confirm(api, me, "email", code).status_code == 422, "the tries are used up"
    assert confirm(api, me, "email", code_of(api, post, me, "email")).status_code == 200


def test_the_fifth_try_counts(api: httpx.Client, post: Post, me: dict[str, str]) -> None:
    code = code_of(api, post, me, "email")
    assert [confirm(api, me, "email", other(code, n)).status_code for n in range(1, 5)] == [422] * 4
    assert confirm(api, me, "email", code).status_code == 200


@pytest.mark.postgres("18", "15")
def test_of_rivals_with_the_right_code_one_wins(api: httpx.Client, post: Post, me: dict[str, str]) -> None:
    code = code_of(api, post, me, "email")
    with ThreadPoolExecutor(8) as rivals:
        answers = list(rivals.map(lambda _: confirm(api, me, "email", code).status_code, range(8)))
    assert sorted(answers) == [200] + [422] * 7


def test_a_confirmation_repeated_with_its_key_is_one(api: httpx.Client, post: Post, me: dict[str, str]) -> None:
    code, key = code_of(api, post, me, "email"), {"Idempotency-Key": str(ids.new_id())}
    first, again = (confirm(api, me, "email", code, **key) for _ in range(2))
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())


def test_a_newer_code_takes_the_place_of_the_older(api: httpx.Client, post: Post, me: dict[str, str]) -> None:
    older, newer = (code_of(api, post, me, "email") for _ in range(2))
    if older != newer:
        assert confirm(api, me, "email", older).status_code == 422
    assert confirm(api, me, "email", newer).status_code == 200


def test_a_code_is_for_its_address_its_channel_and_its_account(
    api: httpx.Client, post: Post, me: dict[str, str], written: psycopg.Connection[dict[str, Any]]
) -> None:
    code = code_of(api, post, me, "email")
    assert confirm(api, me, "phone", code).status_code == 422
    stranger = new_email()
    assert api.post("/auth/register", json=registered(stranger)).status_code == 201
    assert confirm(api, bearer(tokens_of(api, stranger)), "email", code).status_code == 422
    written.execute("UPDATE user_account SET email = 'x' || email WHERE email = %s", (address(api, me, "email"),))
    assert confirm(api, me, "email", code).status_code == 422


def test_an_old_code_is_none(
    api: httpx.Client, post: Post, me: dict[str, str], written: psycopg.Connection[dict[str, Any]]
) -> None:
    code = code_of(api, post, me, "email")
    written.execute("UPDATE contact_code SET expires_at = now()")
    assert confirm(api, me, "email", code).status_code == 422


def test_another_address_is_not_verified(
    api: httpx.Client, post: Post, me: dict[str, str], admin: dict[str, str]
) -> None:
    for channel in ("email", "phone"):
        assert confirm(api, me, channel, code_of(api, post, me, channel)).status_code == 200
    user = api.get("/auth/me", headers=me).json()
    patient = f"/patients/{user['patient_id']}"
    assert api.patch(patient, json={"language": "de", "phone": address(api, me, "phone")}, headers=me).is_success
    assert api.get("/auth/me", headers=me).json()["phone_verified_at"] == user["phone_verified_at"], "the same number"
    assert api.patch(patient, json={"phone": "+49 30 987654"}, headers=me).is_success
    assert api.patch(f"/users/{user['id']}", json={"email": new_email()}, headers=admin).is_success
    after = api.get("/auth/me", headers=me).json()
    assert (after["email_verified_at"], after["phone_verified_at"]) == (None, None)


def test_codes_are_not_sent_without_end(api: httpx.Client, me: dict[str, str]) -> None:
    answers = [api.post("/auth/verification", json={"channel": "email"}, headers=me) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [202] * 10 + [429] * 2
    assert answers[-1].json()["type"] == "/problems/too-many-attempts"
    assert api.post("/auth/verification", json={"channel": "phone"}, headers=me).status_code == 202


def test_without_a_phone_number_there_is_none_to_verify(service: Service, api: httpx.Client) -> None:
    email = new_email()
    make_user(service.dsn, email=email)
    answer = api.post("/auth/verification", json={"channel": "phone"}, headers=bearer(tokens_of(api, email)))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/conflict")


@pytest.mark.parametrize("code", ["12345", "1234567", "12345a", "١٢٣٤٥٦", ""])
def test_what_is_no_code_uses_up_no_try(api: httpx.Client, post: Post, me: dict[str, str], code: str) -> None:
    right = code_of(api, post, me, "email")
    assert {confirm(api, me, "email", code).json()["type"] for _ in range(6)} == {"/problems/invalid-request"}
    assert confirm(api, me, "email", right).status_code == 200


def test_no_code_is_stored_or_guessable_from_what_is(
    service: Service, api: httpx.Client, post: Post, me: dict[str, str], written: psycopg.Connection[dict[str, Any]]
) -> None:
    code = code_of(api, post, me, "email")
    rows = written.execute("SELECT code_hash FROM contact_code").fetchall()
    assert all(len(row["code_hash"]) == 32 and code.encode() not in row["code_hash"] for row in rows)
    assert written.execute("SELECT 1 FROM outgoing_message WHERE kind = 'verification-code'").fetchall() == []
    assert f'"{code}"' not in service.log_path.read_text()
