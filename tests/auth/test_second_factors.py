"""Second factors over HTTP: set up, asked for, used once, guessed at, lost."""

import asyncio
import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from frontdesk import ids
from frontdesk.auth import proofs
from frontdesk.auth.permissions import Role
from frontdesk.auth.proofs import Purpose
from frontdesk.secrets import Keys
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.auth.conftest import make_user
from tests.auth.people import PASSWORD, bearer, log_in, new_email, registered, tokens_of
from tests.auth.phone import Phone, enrolled, factor_token, second, set_up
from tests.conftest import copy_database
from tests.service import SECRET, Service

pytestmark = pytest.mark.postgres("18")

Written = psycopg.Connection[DictRow]


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def test_log_in_takes_password_and_code(api: httpx.Client, patient: str) -> None:
    headers = bearer(tokens_of(api, patient))
    assert api.get("/auth/factors", headers=headers).json()["totp"] is False
    phone = set_up(api, headers)
    told = api.get("/auth/factors", headers=headers).json()
    assert (told["totp"], told["recovery_codes"], told["required"]) == (True, 10, False)

    refused = log_in(api, patient)
    assert problem(refused) == (401, "second-factor-required")
    assert refused.json()["factors"] == ["totp", "recovery_code"]
    assert not {"access_token", "refresh_token"} & set(refused.json())

    answer = second(api, refused.json()["factor_token"], code=phone.code(1))
    assert answer.status_code == 200, answer.text
    assert api.get("/auth/me", headers=bearer(answer.json())).json()["email"] == patient
    assert api.post("/auth/refresh", json={"refresh_token": answer.json()["refresh_token"]}).status_code == 200


def test_a_wrong_password_does_not_tell_of_a_second_factor(api: httpx.Client, patient: str) -> None:
    enrolled(api, patient)
    wrong, nobody = log_in(api, patient, "not the password"), log_in(api, new_email(), "not the password")
    assert wrong.json() == nobody.json()
    assert problem(wrong) == (401, "unauthenticated")


def test_what_is_not_confirmed_is_not_asked_for(api: httpx.Client, patient: str) -> None:
    headers = bearer(tokens_of(api, patient))
    begun = api.post("/auth/factors/totp", json={"password": PASSWORD}, headers=headers)
    phone = Phone(base64.b32decode(begun.json()["secret"]))
    wrong = api.post("/auth/factors/totp/confirm", json={"code": phone.wrong()}, headers=headers)
    assert problem(wrong) == (422, "code-refused")
    assert api.get("/auth/factors", headers=headers).json()["totp"] is False
    assert log_in(api, patient).status_code == 200


def test_no_code_works_twice(api: httpx.Client, patient: str) -> None:
    phone = enrolled(api, patient)
    assert problem(second(api, factor_token(api, patient), code=phone.used)) == (401, "second-factor-refused")
    code = phone.code(1)
    assert second(api, factor_token(api, patient), code=code).status_code == 200
    assert problem(second(api, factor_token(api, patient), code=code)) == (401, "second-factor-refused")


@pytest.mark.postgres("18", "15")
def test_of_rivals_with_the_same_code_one_wins(api: httpx.Client, patient: str) -> None:
    phone = enrolled(api, patient)
    tokens, code = [factor_token(api, patient) for _ in range(6)], phone.code(1)
    with ThreadPoolExecutor(6) as rivals:
        answers = list(rivals.map(lambda token: second(api, token, code=code), tokens))
    assert sorted(answer.status_code for answer in answers) == [200] + 5 * [401]


@pytest.mark.postgres("18", "15")
def test_of_rivals_with_the_same_factor_token_one_wins(api: httpx.Client, patient: str) -> None:
    phone = enrolled(api, patient)
    token = factor_token(api, patient)
    with ThreadPoolExecutor(5) as rivals:
        answers = list(rivals.map(lambda code: second(api, token, recovery_code=code), phone.recovery_codes[:5]))
    assert sorted(answer.status_code for answer in answers) == [200] + 4 * [401]
    assert second(api, token, recovery_code=phone.recovery_codes[9]).status_code == 401


def test_a_recovery_code_works_once_however_it_is_typed(api: httpx.Client, patient: str) -> None:
    phone = enrolled(api, patient)
    assert len(set(phone.recovery_codes)) == 10
    typed = phone.recovery_codes[3].replace("-", " ").lower()
    assert second(api, factor_token(api, patient), recovery_code=typed).status_code == 200
    again = second(api, factor_token(api, patient), recovery_code=phone.recovery_codes[3])
    assert problem(again) == (401, "second-factor-refused")


def test_a_factor_token_has_five_tries(api: httpx.Client, patient: str) -> None:
    phone, token = enrolled(api, patient), factor_token(api, patient)
    for _ in range(5):
        assert problem(second(api, token, code=phone.wrong())) == (401, "second-factor-refused")
    assert problem(second(api, token, code=phone.code(1))) == (401, "unauthenticated")
    assert second(api, factor_token(api, patient), code=phone.code(1)).status_code == 200


def test_wrong_codes_close_the_door_of_the_account_but_not_to_recovery_codes(
    api: httpx.Client, patient: str, written: Written
) -> None:
    phone = enrolled(api, patient)
    for _ in range(2):
        token = factor_token(api, patient)
        for _ in range(5):
            assert second(api, token, code=phone.wrong()).status_code == 401
    closed = second(api, factor_token(api, patient), code=phone.code(1))
    assert problem(closed) == (429, "too-many-attempts")
    assert int(closed.headers["retry-after"]) > 0
    token = factor_token(api, patient)
    assert second(api, token, recovery_code=phone.recovery_codes[0]).status_code == 200
    user = written.execute("SELECT id FROM user_account WHERE email = %s", (patient,)).fetchone()
    assert user is not None
    subject = Keys(SECRET).digest("second factor failures", str(user["id"]))
    written.execute("UPDATE wrong_guess SET refused_until = now() WHERE subject = %s", (subject,))
    assert second(api, factor_token(api, patient), code=phone.code(1)).status_code == 200
    assert written.execute("SELECT FROM wrong_guess WHERE subject = %s", (subject,)).fetchone() is None


def test_tokens_are_good_for_one_purpose(api: httpx.Client, patient: str, written: Written) -> None:
    access = tokens_of(api, patient)["access_token"]
    phone = enrolled(api, patient)
    token = factor_token(api, patient)
    assert second(api, access, code=phone.code(1)).status_code == 401
    for path in ("/auth/me", "/auth/factors", "/patients"):
        assert api.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    begun = api.post("/auth/factors/totp", json={}, headers={"Authorization": f"Bearer {token}"})
    assert problem(begun) == (401, "unauthenticated")
    user = written.execute("SELECT id, password_hash FROM user_account WHERE email = %s", (patient,)).fetchone()
    assert user is not None
    strange = proofs.write(
        Purpose.SECOND_FACTOR, user["id"], Role.PATIENT, user["password_hash"], Keys("another " + SECRET)
    )
    assert second(api, strange, code=phone.code(1)).status_code == 401
    outdated = proofs.write(Purpose.SECOND_FACTOR, user["id"], Role.PATIENT, "another hash", Keys(SECRET))
    assert second(api, outdated, code=phone.code(1)).status_code == 401
    # an enrolment token is worth nothing to an account that has a factor: whoever stole the password adds none
    proof = proofs.write(Purpose.ENROLMENT, user["id"], Role.PATIENT, user["password_hash"], Keys(SECRET))
    begun = api.post("/auth/factors/totp", json={}, headers={"Authorization": f"Bearer {proof}"})
    assert problem(begun) == (401, "unauthenticated")


def test_an_app_is_set_up_and_removed_by_whoever_knows_the_password(api: httpx.Client, patient: str) -> None:
    headers = bearer(tokens_of(api, patient))
    for body in ({}, {"password": "not the password"}):
        assert problem(api.post("/auth/factors/totp", json=body, headers=headers)) == (403, "wrong-password")
    phone = set_up(api, headers)
    again = api.post("/auth/factors/totp", json={"password": PASSWORD}, headers=headers)
    assert problem(again) == (409, "conflict")

    def removed(password: str, **given: str) -> httpx.Response:
        return api.post("/auth/factors/totp/remove", json={"password": password} | given, headers=headers)

    assert problem(removed("not the password", code=phone.code(1))) == (403, "wrong-password")
    assert problem(removed(PASSWORD, code=phone.wrong())) == (422, "code-refused")
    assert problem(removed(PASSWORD, code=phone.used)) == (422, "code-refused")
    assert problem(removed(PASSWORD)) == (422, "invalid-request")
    assert log_in(api, patient).status_code == 401
    assert removed(PASSWORD, code=phone.code(1)).status_code == 204
    assert log_in(api, patient).status_code == 200
    assert problem(removed(PASSWORD, recovery_code=phone.recovery_codes[0])) == (404, "not-found")


def test_guesses_at_a_removal_are_counted(api: httpx.Client, patient: str) -> None:
    headers = bearer(tokens_of(api, patient))
    phone = set_up(api, headers)
    body = {"password": PASSWORD, "code": phone.wrong()}
    answers = [api.post("/auth/factors/totp/remove", json=body, headers=headers) for _ in range(11)]
    assert [answer.status_code for answer in answers] == 10 * [422] + [429]


def test_new_recovery_codes_end_the_old(api: httpx.Client, patient: str) -> None:
    headers = bearer(tokens_of(api, patient))
    url = "/auth/factors/recovery-codes"
    assert problem(api.post(url, json={"password": PASSWORD}, headers=headers)) == (409, "conflict")
    phone = set_up(api, headers)
    assert problem(api.post(url, json={"password": "no"}, headers=headers)) == (403, "wrong-password")
    codes = api.post(url, json={"password": PASSWORD}, headers=headers).json()["recovery_codes"]
    assert len(set(codes)) == 10
    token = factor_token(api, patient)
    assert second(api, token, recovery_code=phone.recovery_codes[0]).status_code == 401
    assert second(api, token, recovery_code=codes[0]).status_code == 200


def test_an_admin_helps_who_has_lost_everything(
    service: Service, api: httpx.Client, admin: dict[str, str], patient: str
) -> None:
    headers = bearer(tokens_of(api, patient))
    user = api.get("/auth/me", headers=headers).json()["id"]
    set_up(api, headers)
    assert api.delete(f"/users/{user}/factors", headers=headers).status_code == 403
    assert api.delete(f"/users/{user}/factors", headers=admin).status_code == 204
    assert api.get("/auth/me", headers=headers).status_code == 401
    assert log_in(api, patient).status_code == 200
    assert api.delete(f"/users/{ids.new_id()}/factors", headers=admin).status_code == 404


def test_secrets_are_kept_sealed_and_out_of_the_trail(api: httpx.Client, patient: str, written: Written) -> None:
    phone = enrolled(api, patient)
    kept = written.execute(
        "SELECT (SELECT string_agg(to_jsonb(t)::text, '') FROM totp_factor t)"
        " || (SELECT string_agg(to_jsonb(c)::text, '') FROM recovery_code c)"
        " || (SELECT string_agg(to_jsonb(a)::text, '') FROM audit_entry a) AS text"
    ).fetchone()
    assert kept is not None
    assert phone.secret.hex() not in kept["text"]
    assert phone.recovery_codes[0] not in kept["text"]
    lines = written.execute(
        "SELECT a.action, a.old, a.new FROM audit_entry a JOIN user_account u ON u.id::text = a.row_id"
        " WHERE u.email = %s AND a.table_name = 'totp_factor' ORDER BY a.id",
        (patient,),
    ).fetchall()
    assert [line["action"] for line in lines] == ["INSERT", "UPDATE"]
    assert all("secret" not in line["new"] for line in lines)


@pytest.fixture(scope="module")
def strict(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose admins and staff need a second factor."""
    folder = tmp_path_factory.mktemp("strict")
    running = Service(copy_database(postgres), folder, workers=1, FRONTDESK_SECOND_FACTOR_ROLES="admin, staff")
    running.start()
    try:
        yield running
    finally:
        running.stop()


def test_a_role_that_needs_a_second_factor_gets_no_session_before_it_has_one(strict: Service) -> None:
    api, email = strict.client(), new_email()
    make_user(strict.dsn, email=email)
    refused = log_in(api, email)
    assert problem(refused) == (401, "second-factor-required")
    assert (refused.json()["factors"], "factor_token" in refused.json()) == ([], False)
    headers = {"Authorization": f"Bearer {refused.json()['enrolment_token']}"}
    for path in ("/auth/me", "/auth/factors", "/users", "/clinics"):
        assert api.get(path, headers=headers).status_code == 401
    assert second(api, refused.json()["enrolment_token"], code="123456").status_code == 401

    phone = set_up(api, headers, password=None)
    assert api.post("/auth/factors/totp", json={}, headers=headers).status_code == 401  # it has done its work
    answer = second(api, factor_token(api, email), code=phone.code(1))
    assert answer.status_code == 200
    assert api.get("/auth/factors", headers=bearer(answer.json())).json()["required"] is True


def test_a_role_that_needs_none_may_do_without(strict: Service) -> None:
    api, email = strict.client(), new_email()
    body = {"email": email, "password": PASSWORD, "first_name": "Pia", "last_name": "Fall"}
    assert api.post("/auth/register", json=body | {"date_of_birth": "1990-02-28"}).status_code == 201
    assert log_in(api, email).status_code == 200


@pytest.mark.postgres("18", "15")
def test_of_rivals_with_an_enrolment_token_one_sets_up_the_factor(strict: Service) -> None:
    api, email = strict.client(), new_email()
    make_user(strict.dsn, email=email, role="staff")
    headers = [{"Authorization": f"Bearer {log_in(api, email).json()['enrolment_token']}"} for _ in range(2)]
    begun = api.post("/auth/factors/totp", json={}, headers=headers[0])
    phone = Phone(base64.b32decode(begun.json()["secret"]))

    async def race() -> list[int]:
        async with strict.rivals() as client:
            tries = [client.post("/auth/factors/totp/confirm", json={"code": phone.code()}, headers=h) for h in headers]
            return sorted(answer.status_code for answer in await asyncio.gather(*tries))

    assert asyncio.run(race()) == [200, 401]


def both(api: httpx.Client, email: str, password: str, code: str) -> httpx.Response:
    return api.post("/auth/token", data={"username": email, "password": password, "code": code})


def test_password_and_code_at_once_while_strangers_guess(service: Service, api: httpx.Client, patient: str) -> None:
    phone = enrolled(api, patient)
    with httpx.Client(base_url=service.api, timeout=30) as stranger:  # without the cookie of a known device
        statuses = [log_in(stranger, patient, f"guess {number} of many").status_code for number in range(11)]
        assert statuses == 10 * [401] + [429]
        assert problem(log_in(stranger, patient)) == (429, "too-many-attempts")
        code = phone.code(1)
        assert both(stranger, patient, "not the password", code).status_code == 401
        answer = both(stranger, patient, PASSWORD, f"{code[:3]} {code[3:]}")  # the wrong password has not used it up
        assert answer.status_code == 200, answer.text
        assert api.get("/auth/me", headers=bearer(answer.json())).json()["email"] == patient
        assert both(stranger, patient, PASSWORD, code).status_code == 401
        assert both(stranger, patient, PASSWORD, phone.recovery_codes[0]).status_code == 200
        assert both(stranger, patient, PASSWORD, phone.recovery_codes[0]).status_code == 401


def test_a_wrong_code_at_once_tells_nothing_about_the_password(api: httpx.Client, patient: str) -> None:
    without, other, unknown = new_email(), new_email(), new_email()
    for email in (without, other):
        assert api.post("/auth/register", json=registered(email)).status_code == 201
    enrolled(api, other)
    phone = enrolled(api, patient)
    code = phone.wrong()
    cases = [(other, "not the password"), (without, PASSWORD), (unknown, PASSWORD), (patient, PASSWORD)]
    with httpx.Client(base_url=api.base_url, timeout=30) as stranger:
        heard = [[both(stranger, email, password, code) for _ in range(11)] for email, password in cases]
    for answers in heard:
        assert [answer.status_code for answer in answers] == 10 * [401] + [429]
        assert all(answer.json() == heard[0][0].json() for answer in answers[:10])
    # right, and yet not heard: the guesses above have closed the door of the account's codes, and do not say so
    assert problem(second(api, factor_token(api, patient), code=phone.code(1))) == (429, "too-many-attempts")
