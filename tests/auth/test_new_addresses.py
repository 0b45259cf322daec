"""Another e-mail address to log in by, over HTTP: the password once more, and a code that was sent there."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from frontdesk import ids
from tests.auth.conftest import Post, make_user
from tests.auth.people import PASSWORD, bearer, log_in, new_email, registered, tokens_of
from tests.service import Service

pytestmark = pytest.mark.postgres("18")

Written = psycopg.Connection[dict[str, Any]]


def ask(
    api: httpx.Client, tokens: dict[str, str], email: str, password: str = PASSWORD, **headers: str
) -> httpx.Response:
    return api.post("/auth/address", json={"email": email, "password": password}, headers=bearer(tokens) | headers)


def confirm(api: httpx.Client, tokens: dict[str, str], code: str, **headers: str) -> httpx.Response:
    return api.post("/auth/address/confirm", json={"code": code}, headers=bearer(tokens) | headers)


def code_of(api: httpx.Client, post: Post, tokens: dict[str, str], email: str) -> str:
    answer = ask(api, tokens, email)
    assert answer.status_code == 202, answer.text
    return post.to(email, "verification-code")[-1]["code"]


def other(code: str, n: int = 1) -> str:
    return f"{(int(code) + n) % 1_000_000:06}"


def email_of(api: httpx.Client, tokens: dict[str, str]) -> str:
    return str(api.get("/auth/me", headers=bearer(tokens)).json()["email"])


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def test_whoever_proves_it_logs_in_by_it_and_all_other_sessions_end(
    api: httpx.Client, patient: str, post: Post
) -> None:
    here, there, new = tokens_of(api, patient), tokens_of(api, patient), new_email()
    before = api.get("/auth/me", headers=bearer(here)).json()
    code = code_of(api, post, here, new)
    assert api.get("/auth/me", headers=bearer(here)).json() == before, "until it is proven nothing changes"
    assert (log_in(api, new).status_code, post.to(patient, "address-changed")) == (401, [])
    answer = confirm(api, here, code)
    assert (answer.status_code, answer.json()["email"]) == (200, new), answer.text
    assert answer.json()["email_verified_at"]
    assert api.get("/auth/me", headers=bearer(here)).json() == answer.json()
    assert api.get("/auth/me", headers=bearer(there)).status_code == 401
    assert [log_in(api, email).status_code for email in (patient, new)] == [401, 200]
    assert post.to(patient, "address-changed") == [{}]
    assert post.to(new, "address-changed") == []
    record = api.get(f"/patients/{before['patient_id']}", headers=bearer(here)).json()
    assert record["email"] == patient, "where the clinic writes to stays"
    assert refused(confirm(api, here, code)) == (422, "code-refused"), "a code works once"


@pytest.mark.parametrize("role", ["staff", "admin"])
def test_it_is_for_every_role(service: Service, api: httpx.Client, post: Post, role: str) -> None:
    old, new = new_email(), new_email()
    make_user(service.dsn, email=old, role=role)
    tokens = tokens_of(api, old)
    assert confirm(api, tokens, code_of(api, post, tokens, new)).json()["role"] == role
    assert log_in(api, new).status_code == 200


def test_the_password_is_asked_and_guesses_are_counted_as_for_a_new_one(
    api: httpx.Client, patient: str, post: Post
) -> None:
    tokens, new = tokens_of(api, patient), new_email()
    assert refused(ask(api, tokens, new, "guess")) == (403, "wrong-password")
    answers = [ask(api, tokens, new, f"guess {n}").status_code for n in range(11)]
    assert answers == [403] * 9 + [429] * 2
    assert refused(ask(api, tokens, new)) == (429, "too-many-attempts"), "what is right is not heard either"
    passwords = {"old_password": PASSWORD, "new_password": "staple battery nine"}
    assert api.post("/auth/password", json=passwords, headers=bearer(tokens)).status_code == 429, "the same door"
    assert post.to(new, "verification-code") == []


def test_nobody_learns_whether_an_address_has_an_account(
    api: httpx.Client, patient: str, inactive: str, post: Post
) -> None:
    tokens, free, taken = tokens_of(api, patient), new_email(), new_email()
    assert api.post("/auth/register", json=registered(taken)).status_code == 201
    for email, mails in ((free, (1, 0)), (taken.upper(), (0, 1)), (inactive, (0, 1))):
        answer = ask(api, tokens, email)
        assert (answer.status_code, set(answer.json())) == (202, {"expires_at"})
        assert refused(confirm(api, tokens, "000000")) == (422, "code-refused")
        to = email.rpartition("@")[0] + "@auth.test"
        assert tuple(len(post.to(to, kind)) for kind in ("verification-code", "address-taken")) == mails, email
    assert post.to(taken.upper().replace("@AUTH.TEST", "@auth.test"), "address-taken") == [{}], "no code in it"
    assert email_of(api, tokens) == patient


def test_the_address_of_now_is_no_other(api: httpx.Client, patient: str, post: Post) -> None:
    tokens = tokens_of(api, patient)
    assert refused(ask(api, tokens, patient)) == (409, "conflict")
    big = patient.partition("@")[0].upper() + "@auth.test"  # one's own, written in another way
    assert confirm(api, tokens, code_of(api, post, tokens, big)).json()["email"] == big


def test_a_code_has_five_tries(api: httpx.Client, patient: str, post: Post) -> None:
    tokens, new = tokens_of(api, patient), new_email()
    code = code_of(api, post, tokens, new)
    with ThreadPoolExecutor(5) as rivals:
        answers = list(rivals.map(lambda n: refused(confirm(api, tokens, other(code, n))), range(1, 6)))
    assert set(answers) == {(422, "code-refused")}
    assert refused(confirm(api, tokens, code)) == (422, "code-refused"), "the tries are used up"
    assert email_of(api, tokens) == patient
    code = code_of(api, post, tokens, new)
    assert [confirm(api, tokens, other(code, n)).status_code for n in range(1, 5)] == [422] * 4
    assert confirm(api, tokens, code).status_code == 200, "the fifth counts"


@pytest.mark.parametrize("code", ["12345", "1234567", "12345a", "١٢٣٤٥٦", ""])
def test_what_is_no_code_uses_up_no_try(api: httpx.Client, patient: str, post: Post, code: str) -> None:
    tokens = tokens_of(api, patient)
    right = code_of(api, post, tokens, new_email())
    assert {refused(confirm(api, tokens, code)) for _ in range(6)} == {(422, "invalid-request")}
    assert confirm(api, tokens, right).status_code == 200


def test_a_second_request_makes_the_first_code_void(api: httpx.Client, patient: str, post: Post) -> None:
    here, there, one, two = tokens_of(api, patient), tokens_of(api, patient), new_email(), new_email()
    older, newer = code_of(api, post, here, one), code_of(api, post, there, two)
    if older != newer:
        assert confirm(api, here, older).status_code == 422
    assert confirm(api, here, newer).json()["email"] == two


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE contact_code SET expires_at = now() WHERE user_id = %s",
        "UPDATE user_account SET email = 'moved-' || email WHERE id = %s",
        "UPDATE user_account SET password_hash = 'another' WHERE id = %s",
    ],
    ids=["expired", "moved by an admin", "a new password"],
)
def test_a_code_does_not_outlive_what_it_was_for(
    api: httpx.Client, patient: str, post: Post, written: Written, spoil: str
) -> None:
    tokens, new = tokens_of(api, patient), new_email()
    code = code_of(api, post, tokens, new)
    written.execute(spoil, [api.get("/auth/me", headers=bearer(tokens)).json()["id"]])
    assert refused(confirm(api, tokens, code)) == (422, "code-refused")
    assert email_of(api, tokens) != new


def test_a_code_is_for_its_account_and_nothing_else(api: httpx.Client, patient: str, post: Post) -> None:
    tokens, stranger, new = tokens_of(api, patient), new_email(), new_email()
    assert api.post("/auth/register", json=registered(stranger)).status_code == 201
    theirs = tokens_of(api, stranger)
    code = code_of(api, post, tokens, new)
    assert ask(api, theirs, new).status_code == 202
    (_, their_code) = (one["code"] for one in post.to(new, "verification-code"))
    if code != their_code:
        assert confirm(api, theirs, code).status_code == 422
    as_verification = {"channel": "email", "code": code}
    answer = api.post("/auth/verification/confirm", json=as_verification, headers=bearer(tokens))
    assert refused(answer) == (422, "code-refused")
    channel = api.post("/auth/verification", json={"channel": "new_address"}, headers=bearer(tokens))
    assert refused(channel) == (422, "invalid-request")
    assert confirm(api, tokens, code).status_code == 200


@pytest.mark.postgres("18", "15")
def test_of_two_who_prove_the_same_address_one_wins(api: httpx.Client, post: Post) -> None:
    for _ in range(8):
        old, new = [new_email() for _ in range(2)], new_email()
        for email in old:
            assert api.post("/auth/register", json=registered(email)).status_code == 201
        tokens = [tokens_of(api, email) for email in old]
        for one in tokens:
            assert ask(api, one, new.upper() if one is tokens[1] else new).status_code == 202
        capital = new.upper().replace("@AUTH.TEST", "@auth.test")
        codes = [post.to(email, "verification-code")[0]["code"] for email in (new, capital)]
        with ThreadPoolExecutor(2) as rivals:
            answers = list(rivals.map(partial(confirm, api), tokens, codes))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        loser = next(n for n, answer in enumerate(answers) if answer.status_code == 409)
        assert refused(answers[loser]) == (409, "email-taken")
        assert refused(confirm(api, tokens[loser], codes[loser])) == (409, "email-taken"), "so it stays"
        assert log_in(api, old[loser]).status_code == 200


@pytest.mark.postgres("18", "15")
def test_of_rivals_with_the_right_code_one_wins(api: httpx.Client, patient: str, post: Post) -> None:
    tokens = tokens_of(api, patient)
    code = code_of(api, post, tokens, new_email())
    with ThreadPoolExecutor(8) as rivals:
        answers = list(rivals.map(lambda _: confirm(api, tokens, code).status_code, range(8)))
    assert sorted(answers) == [200] + [422] * 7
    assert len(post.to(patient, "address-changed")) == 1


def test_who_registers_with_it_meanwhile_has_it(api: httpx.Client, patient: str, post: Post) -> None:
    tokens, new = tokens_of(api, patient), new_email()
    code = code_of(api, post, tokens, new)
    assert api.post("/auth/register", json=registered(new)).status_code == 201
    assert refused(confirm(api, tokens, code)) == (409, "email-taken")
    assert api.get("/auth/me", headers=bearer(tokens)).json()["email"] == patient


def test_what_is_repeated_with_its_key_is_one(api: httpx.Client, patient: str, post: Post) -> None:
    tokens, new = tokens_of(api, patient), new_email()
    key = {"Idempotency-Key": str(ids.new_id())}
    first, again = (ask(api, tokens, new, **key) for _ in range(2))
    assert (first.status_code, again.json()) == (202, first.json())
    (message,) = post.to(new, "verification-code")
    key = {"Idempotency-Key": str(ids.new_id())}
    first, again = (confirm(api, tokens, message["code"], **key) for _ in range(2))
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())


def test_neither_an_account_nor_a_mailbox_sends_codes_without_end(api: httpx.Client, patient: str, post: Post) -> None:
    tokens, one = tokens_of(api, patient), new_email()
    answers = [ask(api, tokens, one if n % 2 else new_email()).status_code for n in range(12)]
    assert answers == [202] * 10 + [429] * 2
    for _ in range(2):
        stranger = new_email()
        assert api.post("/auth/register", json=registered(stranger)).status_code == 201
        theirs = tokens_of(api, stranger)
        answers += [ask(api, theirs, one).status_code for _ in range(4)]
    assert answers[12:] == [202] * 5 + [429] * 3
    assert len(post.to(one, "verification-code")) == 10


def test_a_mail_scanner_changes_nothing(api: httpx.Client, patient: str, post: Post) -> None:
    tokens = tokens_of(api, patient)
    code = code_of(api, post, tokens, new_email())
    for path in ("/auth/address", "/auth/address/confirm"):
        assert api.get(f"{path}?code={code}", headers=bearer(tokens)).status_code == 405
    assert email_of(api, tokens) == patient


def test_a_session_that_is_over_asks_and_proves_nothing(api: httpx.Client, patient: str, post: Post) -> None:
    over, here = tokens_of(api, patient), tokens_of(api, patient)
    code = code_of(api, post, over, new_email())
    assert api.post("/auth/logout", headers=bearer(over)).status_code == 204
    assert (ask(api, over, new_email()).status_code, confirm(api, over, code).status_code) == (401, 401)
    assert api.post("/auth/address/confirm", json={"code": code}).status_code == 401
    assert confirm(api, here, code).status_code == 200, "it used up no try"


def test_no_address_and_no_code_is_stored_or_logged(
    service: Service, api: httpx.Client, patient: str, post: Post, written: Written
) -> None:
    tokens, new = tokens_of(api, patient), new_email()
    code = code_of(api, post, tokens, new)
    kept = [str(row) for row in written.execute("SELECT t::text, encode(new_address, 'escape') FROM contact_code t")]
    assert kept
    assert not any(new in row or f"{code}," in row for row in kept)
    assert api.post("/auth/register", json=registered(new)).status_code == 201
    assert confirm(api, tokens, code).status_code == 409
    log = service.log_path.read_text()
    assert "/auth/address/confirm" in log
    assert not any(said in log for said in (new, patient, f'"{code}"'))
