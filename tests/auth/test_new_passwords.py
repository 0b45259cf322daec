"""A new password over HTTP: by the old one, or by a link that works once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from frontdesk import ids
from tests.auth.conftest import Post
from tests.auth.people import PASSWORD, bearer, log_in, new_email, registered, tokens_of
from tests.service import Service

pytestmark = pytest.mark.postgres("18")

NEW = "staple battery nine"


def change(api: httpx.Client, tokens: dict[str, str], old: str, new: str, **headers: str) -> httpx.Response:
    body = {"old_password": old, "new_password": new}
    return api.post("/auth/password", json=body, headers=bearer(tokens) | headers)


def ask(api: httpx.Client, email: str) -> httpx.Response:
    return api.post("/auth/password-reset", json={"email": email})


def confirm(api: httpx.Client, token: str, password: str = NEW, **headers: str) -> httpx.Response:
    return api.post("/auth/password-reset/confirm", json={"token": token, "password": password}, headers=headers)


def link(api: httpx.Client, post: Post, email: str) -> str:
    assert ask(api, email).status_code == 202
    return post.to(email, "password-reset")[-1]["token"]


def test_a_new_password_ends_all_other_sessions(api: httpx.Client, patient: str, post: Post) -> None:
    here, there = tokens_of(api, patient), tokens_of(api, patient)
    answer = change(api, here, PASSWORD, NEW)
    assert (answer.status_code, answer.json()["email"]) == (200, patient)
    assert api.get("/auth/me", headers=bearer(here)).status_code == 200
    assert api.get("/auth/me", headers=bearer(there)).status_code == 401
    assert log_in(api, patient).status_code == 401
    assert log_in(api, patient, NEW).status_code == 200
    assert post.to(patient, "password-changed") == [{}]


def test_the_old_password_is_asked_and_guesses_at_it_are_counted(api: httpx.Client, patient: str) -> None:
    tokens = tokens_of(api, patient)
    answers = [change(api, tokens, f"guess {n}", NEW) for n in range(12)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429] * 2
    assert answers[0].json()["type"] == "/problems/wrong-password"
    assert int(answers[-1].headers["retry-after"]) > 0
    assert change(api, tokens, PASSWORD, NEW).status_code == 429, "what is right is not heard either"
    assert log_in(api, patient).status_code == 200, "who guesses there closes no other door"


def test_a_change_repeated_with_its_key_is_one(api: httpx.Client, patient: str) -> None:
    tokens, key = tokens_of(api, patient), {"Idempotency-Key": str(ids.new_id())}
    first, again = (change(api, tokens, PASSWORD, NEW, **key) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()


@pytest.mark.postgres("18", "15")
def test_of_rivals_with_the_old_password_one_sets_the_new(api: httpx.Client, patient: str) -> None:
    tokens = tokens_of(api, patient)
    with ThreadPoolExecutor(8) as rivals:
        answers = list(rivals.map(lambda n: change(api, tokens, PASSWORD, f"{NEW} {n}"), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [403] * 7
    (winner,) = (n for n, answer in enumerate(answers) if answer.status_code == 200)
    assert log_in(api, patient, f"{NEW} {winner}").status_code == 200


@pytest.mark.parametrize("weak", ["password123", "short77", "Pia-Fall", "frontdesk2026"])
def test_a_weak_new_password_is_one_clear_422_everywhere(
    api: httpx.Client, patient: str, admin: dict[str, str], post: Post, weak: str
) -> None:
    tokens, token = tokens_of(api, patient), link(api, post, patient)
    user = api.get("/auth/me", headers=bearer(tokens)).json()
    answers = {
        "password": [api.post("/auth/register", json=registered(new_email(), password=weak))],
        "new_password": [change(api, tokens, PASSWORD, weak)],
    }
    if weak != "Pia-Fall":  # a link and an admin know the address, not the name
        answers["password"] += [
            confirm(api, token, weak),
            api.patch(f"/users/{user['id']}", json={"password": weak}, headers=admin),
        ]
    for field, refused in answers.items():
        for answer in refused:
            assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request"), answer.text
            assert [error["loc"][-1] for error in answer.json()["errors"]] == [field]
            assert weak not in answer.text
    assert confirm(api, token).status_code == 200, "a refused password does not use up the link"


def test_a_forgotten_password_is_set_by_a_link_once(api: httpx.Client, patient: str, post: Post) -> None:
    sessions = [tokens_of(api, patient) for _ in range(2)]
    assert ask(api, patient.upper()).status_code == 202
    token = post.to(patient, "password-reset")[-1]["token"]
    assert confirm(api, token).status_code == 200
    assert [api.get("/auth/me", headers=bearer(tokens)).status_code for tokens in sessions] == [401, 401]
    assert [log_in(api, patient, password).status_code for password in (PASSWORD, NEW)] == [401, 200]
    again = confirm(api, token, "yet another one")
    assert (again.status_code, again.json()["type"]) == (422, "/problems/code-refused")
    assert post.to(patient, "password-changed") == [{}]


@pytest.mark.postgres("18", "15")
def test_of_twenty_rivals_with_links_to_one_account_one_wins(api: httpx.Client, patient: str, post: Post) -> None:
    links = [link(api, post, patient) for _ in range(3)]
    assert len(set(links)) == 3
    with ThreadPoolExecutor(20) as rivals:
        answers = list(rivals.map(lambda n: confirm(api, links[n % 3], f"{NEW} {n}"), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 19
    (winner,) = (n for n, answer in enumerate(answers) if answer.status_code == 200)
    assert log_in(api, patient, f"{NEW} {winner}").status_code == 200


def test_a_reset_repeated_with_its_key_is_one(api: httpx.Client, patient: str, post: Post) -> None:
    token, key = link(api, post, patient), {"Idempotency-Key": str(ids.new_id())}
    first, again = (confirm(api, token, **key) for _ in range(2))
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())


def test_nobody_learns_whether_there_is_an_account(
    api: httpx.Client, patient: str, inactive: str, post: Post, written: psycopg.Connection[dict[str, Any]]
) -> None:
    nobody = new_email()
    answers = [ask(api, email) for email in (patient, inactive, nobody)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    stored = written.execute("SELECT asked_for, user_id, token_hash FROM password_reset ORDER BY id DESC LIMIT 3")
    for row in stored.fetchall():
        assert (row["user_id"], row["token_hash"]) == (None, None), "nothing is looked up in the request"
        assert not any(email.encode() in row["asked_for"] for email in (patient, inactive, nobody))
    assert [len(post.to(email, "password-reset")) for email in (patient, inactive, nobody)] == [1, 0, 0]


def test_a_mailbox_is_not_flooded(api: httpx.Client, patient: str, post: Post) -> None:
    assert {ask(api, patient).status_code for _ in range(8)} == {202}
    assert len(post.to(patient, "password-reset")) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE password_reset SET expires_at = now() WHERE user_id = %s",
        "UPDATE user_account SET active = false WHERE id = %s",
        "UPDATE user_account SET email = 'moved-' || email WHERE id = %s",
        "UPDATE user_account SET password_hash = 'another' WHERE id = %s",
    ],
)
def test_a_link_does_not_outlive_what_it_was_for(
    api: httpx.Client, patient: str, post: Post, written: psycopg.Connection[dict[str, Any]], spoil: str
) -> None:
    user = api.get("/auth/me", headers=bearer(tokens_of(api, patient))).json()
    token = link(api, post, patient)
    written.execute(spoil, (user["id"],))
    assert confirm(api, token).status_code == 422


@pytest.mark.parametrize("token", ["", "x", "\x00", "a" * 201, "é" * 40])
def test_text_that_is_no_link_is_refused(api: httpx.Client, token: str) -> None:
    assert confirm(api, token).status_code == 422


def test_a_mail_scanner_changes_nothing(api: httpx.Client, patient: str, post: Post) -> None:
    token = link(api, post, patient)
    for path in ("/auth/password-reset/confirm", "/auth/password-reset", "/auth/verification/confirm"):
        assert api.get(f"{path}?token={token}").status_code == 405
        assert api.head(f"{path}?token={token}").status_code == 405
    assert log_in(api, patient).status_code == 200
    assert confirm(api, token).status_code == 200


def test_a_link_opens_the_door_that_strangers_closed(
    service: Service, api: httpx.Client, patient: str, post: Post
) -> None:
    with httpx.Client(base_url=service.api) as stranger:
        assert [log_in(stranger, patient, "wrong").status_code for _ in range(11)] == [401] * 10 + [429]
        assert confirm(stranger, link(stranger, post, patient)).status_code == 200
        assert log_in(stranger, patient, NEW).status_code == 200


def test_no_secret_is_stored_or_logged(
    service: Service, api: httpx.Client, patient: str, post: Post, written: psycopg.Connection[dict[str, Any]]
) -> None:
    token = link(api, post, patient)
    tables = ("password_reset", "outgoing_message", "audit_entry")
    kept = [str(row) for table in tables for row in written.execute(f"SELECT t::text FROM {table} t").fetchall()]
    assert not any(token in row for row in kept)
    assert token not in service.log_path.read_text()
