"""Guesses at log-in: heard ten times, then not; the owner comes in; and nobody learns whether there is an account."""

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from frontdesk import db
from frontdesk.auth import sessions, throttle
from frontdesk.errors import Problem
from frontdesk.secrets import Keys
from frontdesk.settings import Settings
from tests.auth.conftest import make_user
from tests.auth.people import PASSWORD, log_in, new_email, registered, tokens_of
from tests.service import SECRET, TRUST, Service

pytestmark = pytest.mark.postgres("18")

FREE = throttle.FREE_FAILURES
AT_MOST = FREE + 5  # that many are heard in a quarter of an hour, should a test take so long


def guesses(service: Service, email: str, number: int, *, rivals: int = 20) -> list[httpx.Response]:
    """Wrong passwords for one account, many at once, from as many addresses of this machine as there are rivals."""

    def some(rival: int) -> list[httpx.Response]:
        transport = httpx.HTTPTransport(verify=TRUST, local_address=f"127.0.0.{rival + 2}")
        with httpx.Client(base_url=service.api, transport=transport, timeout=60, verify=TRUST) as stranger:
            return [log_in(stranger, email, f"guess {rival} {n}") for n in range(number // rivals)]

    with ThreadPoolExecutor(rivals) as pool:
        return [answer for answers in pool.map(some, range(rivals)) for answer in answers]


def close_door(service: Service, email: str) -> None:
    """One stranger's wrong passwords until none is heard any more."""
    assert guesses(service, email, FREE + 1, rivals=1)[-1].status_code == 429


def open_door(conn: psycopg.Connection[Any], email: str) -> None:
    """What time does by itself."""
    subject = throttle.log_in_subject(Keys(SECRET), email)
    conn.execute("UPDATE wrong_guess SET refused_until = now() WHERE subject = %s", (subject,))


@pytest.mark.postgres("18", "15")
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_of_hundreds_of_guesses_from_many_addresses_ten_are_heard(
    service: Service, api: httpx.Client, known: bool
) -> None:
    email = new_email()
    if known:
        assert api.post("/auth/register", json=registered(email)).status_code == 201
    answers = guesses(service, email, 200)
    heard = Counter(answer.status_code for answer in answers)
    assert set(heard) == {401, 429}
    assert FREE <= heard[401] <= AT_MOST
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.json()["type"] for answer in refused} == {"/problems/too-many-attempts"}
    assert all(1 <= int(answer.headers["retry-after"]) <= 3600 for answer in refused)
    assert {answer.text for answer in answers if answer.status_code == 401} == {
        log_in(api, new_email(), "anything").text
    }


def test_ten_thousand_guesses_against_one_account(
    service: Service, patient: str, written: psycopg.Connection[Any]
) -> None:
    """At the function that the endpoint calls, from 32 at a time; the last thousand are the right password."""
    subject = throttle.log_in_subject(Keys(SECRET), patient)

    async def scene() -> Counter[int]:
        pool = db.make_pool(Settings(pool_size=16), service.dsn)
        await pool.open()
        keys, outcomes = Keys(SECRET), Counter[int]()

        async def rival(passwords: Iterator[str]) -> None:
            for password in passwords:
                try:
                    await sessions.prove(pool, keys, patient, password)
                    outcomes[200] += 1
                except Problem as refused:
                    outcomes[refused.status] += 1

        async def many(*passwords: str) -> None:
            shared = iter(passwords)
            await asyncio.gather(*(rival(shared) for _ in range(32)))

        await many(*(f"guess {number}" for number in range(9_000)))
        # Or it opens at some moment by itself, and whoever comes then is heard.
        later = "UPDATE wrong_guess SET refused_until = now() + interval '1 hour' WHERE subject = %s"
        assert written.execute(later, (subject,)).rowcount == 1
        await many(*[PASSWORD] * 1_000)
        await pool.close()
        return outcomes

    outcomes = asyncio.run(scene())
    assert outcomes.total() == 10_000
    assert set(outcomes) == {401, 429}, "not even the right password is heard at a closed door"
    assert FREE <= outcomes[401] <= AT_MOST


def test_the_owner_comes_in_while_strangers_guess(
    service: Service, api: httpx.Client, patient: str, written: psycopg.Connection[Any]
) -> None:
    tokens_of(api, patient)  # on a device that is known from now on
    close_door(service, patient)
    assert log_in(api, patient).status_code == 200
    assert [log_in(api, patient, "mistyped").status_code for _ in range(3)] == [401] * 3
    assert log_in(api, patient).status_code == 200
    with httpx.Client(base_url=service.api, verify=TRUST) as elsewhere:
        assert log_in(elsewhere, patient).status_code == 429, "an unknown device stands at the strangers' door"
        open_door(written, patient)
        assert log_in(elsewhere, patient).status_code == 200


def test_a_known_device_has_a_door_of_its_own_that_closes_too(
    service: Service, api: httpx.Client, patient: str
) -> None:
    tokens_of(api, patient)
    assert [log_in(api, patient, f"guess {n}").status_code for n in range(12)] == [401] * FREE + [429] * 2
    assert log_in(api, patient).status_code == 429
    with httpx.Client(base_url=service.api, verify=TRUST) as elsewhere:
        assert log_in(elsewhere, patient).status_code == 200


def test_a_device_is_known_to_the_accounts_that_logged_in_there_alone(
    service: Service, api: httpx.Client, patient: str
) -> None:
    colleague = new_email()
    make_user(service.dsn, email=colleague, role="staff")
    tokens_of(api, patient)
    victim = new_email()
    make_user(service.dsn, email=victim, role="staff")
    for email in (patient, colleague, victim):
        close_door(service, email)
    assert [log_in(api, email).status_code for email in (patient, colleague, victim)] == [200, 429, 429]
    assert [log_in(api, email).status_code for email in (patient.upper(), colleague)] == [200, 429]


def test_a_shared_device_is_known_to_each_who_logged_in_there(service: Service, api: httpx.Client) -> None:
    emails = [new_email() for _ in range(3)]
    for email in emails:
        make_user(service.dsn, email=email, role="staff")
        tokens_of(api, email)
    for email in emails:
        close_door(service, email)
    assert [log_in(api, email).status_code for email in emails] == [200] * 3


FORGERIES = ("x", "{secret}", "{secret}.{zeros}", "{other}.{mark}", "{secret}.{mark}.", "é", '"')


def test_a_forged_device_is_a_stranger(service: Service, api: httpx.Client, patient: str) -> None:
    tokens_of(api, patient)
    secret, mark = api.cookies["frontdesk_device"].split(".")
    close_door(service, patient)
    for forge in FORGERIES:
        forged = forge.format(secret=secret, mark=mark, zeros="0" * 32, other="A" * 22)
        headers = {"Cookie": f"frontdesk_device={forged}".encode()}
        with httpx.Client(base_url=service.api, headers=headers, verify=TRUST) as thief:
            assert log_in(thief, patient).status_code == 429, forge
    assert log_in(api, patient).status_code == 200


def test_the_device_cookie_is_for_log_in_alone(api: httpx.Client, patient: str) -> None:
    told = log_in(api, patient).headers["set-cookie"]
    attributes = {part.strip().partition("=")[0].lower() for part in told.split(";")[1:]}
    assert {"httponly", "samesite", "path", "max-age"} <= attributes
    assert "Path=/api/v1/auth;" in told
    assert "SameSite=strict" in told
    assert "set-cookie" not in log_in(api, patient, "wrong").headers


def test_the_owner_of_a_second_factor_comes_in_on_any_device(service: Service, patient: str) -> None:
    """By a door for each address. Nobody learns there whether the password or the code was wrong, or is at all."""
    close_door(service, patient)

    async def scene() -> None:
        pool = db.make_pool(Settings(), service.dsn)
        await pool.open()

        async def outcome(email: str, password: str, code: str, address: str) -> str:
            async def second(conn: db.Connection, user_id: UUID | None) -> bool:
                row = await db.one(conn, "SELECT %(id)s::uuid IS NOT NULL AS known", id=user_id)
                return row == {"known": True} and code == "right"

            try:
                proven = await sessions.prove(pool, Keys(SECRET), email, password, f"factor {address}", second)
            except Problem as refused:
                return str(refused)
            return f"second factor {proven.second}"

        assert await outcome(patient, PASSWORD, "right", "home") == "second factor True"
        wrong = {
            await outcome(email, password, code, "away")
            for email in (patient, new_email())
            for password in (PASSWORD, "wrong")
            for code in ("right", "wrong")
            if (email, password, code) != (patient, PASSWORD, "right")
        }
        assert len(wrong) == 1
        closed = [await outcome(patient, PASSWORD, "wrong", "here") for _ in range(FREE + 1)]
        assert [told in wrong for told in closed] == [True] * FREE + [False]
        assert "Try again" in await outcome(patient, PASSWORD, "right", "here")
        assert await outcome(patient, PASSWORD, "right", "home") == "second factor True"
        await pool.close()

    asyncio.run(scene())


@pytest.mark.postgres("18", "15")
def test_right_passwords_are_never_counted_however_many_at_once(service: Service, patient: str) -> None:
    def once(_: int) -> int:
        with httpx.Client(base_url=service.api, timeout=60, verify=TRUST) as stranger:
            return log_in(stranger, patient).status_code

    with ThreadPoolExecutor(40) as crowd:
        assert set(crowd.map(once, range(40))) == {200}


def test_a_success_forgives(service: Service, patient: str) -> None:
    for _ in range(3):
        with httpx.Client(base_url=service.api, verify=TRUST) as stranger:
            assert [log_in(stranger, patient, "wrong").status_code for _ in range(FREE - 1)] == [401] * (FREE - 1)
            assert log_in(stranger, patient).status_code == 200


def test_each_failure_more_waits_twice_as_long_up_to_an_hour(
    service: Service, written: psycopg.Connection[Any]
) -> None:
    email = new_email()
    subject = throttle.log_in_subject(Keys(SECRET), email)
    waits = []
    with httpx.Client(base_url=service.api, verify=TRUST) as stranger:
        for _ in range(FREE + 9):
            assert log_in(stranger, email).status_code == 401
            query = "SELECT extract(epoch FROM refused_until - last_at)::int AS s FROM wrong_guess WHERE subject = %s"
            row = written.execute(query, (subject,)).fetchone()
            assert row is not None
            waits.append(row["s"])
            open_door(written, email)
        assert waits == [0] * (FREE - 1) + [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
        written.execute("UPDATE wrong_guess SET last_at = now() - interval '25 hours' WHERE subject = %s", (subject,))
        assert [log_in(stranger, email).status_code for _ in range(FREE + 1)] == [401] * FREE + [429]


def test_spellings_of_one_address_share_a_door(service: Service) -> None:
    email = new_email()
    spellings = [email, email.upper(), f" {email} ", email.title()]
    with httpx.Client(base_url=service.api, verify=TRUST) as stranger:
        answers = [log_in(stranger, spellings[n % 4]).status_code for n in range(FREE + 1)]
    assert answers == [401] * FREE + [429]


def test_what_is_counted_names_nobody(service: Service, written: psycopg.Connection[Any]) -> None:
    email = new_email()
    with httpx.Client(base_url=service.api, verify=TRUST) as stranger:
        log_in(stranger, email)
    rows = written.execute("SELECT * FROM wrong_guess").fetchall()
    assert rows
    assert all(len(row["subject"]) == 32 and email.encode() not in row["subject"] for row in rows)


def test_known_and_unknown_accounts_take_the_same_time(service: Service, api: httpx.Client) -> None:
    """80 pairs in random order. Were there no difference, so large a one would come up once in 10,000 runs."""
    pairs = []
    for _ in range(10):
        known, unknown = new_email(), new_email()
        make_user(service.dsn, email=known, role="staff")
        pairs.append((known, unknown))
    took: dict[bool, list[float]] = {True: [], False: []}
    draw = random.Random(20_260)
    with httpx.Client(base_url=service.api, timeout=60, verify=TRUST) as stranger:
        for _ in range(FREE - 2):
            for pair in pairs:
                for index in draw.sample((0, 1), 2):
                    begun = time.perf_counter()
                    answer = log_in(stranger, pair[index], "wrong")
                    took[index == 0].append(time.perf_counter() - begun)
                    assert answer.status_code == 401
    assert not _is_extreme(took[True], took[False], draw)


def _is_extreme(some: list[float], others: list[float], draw: random.Random) -> bool:
    """Whether chance makes two medians differ by as much in fewer than 2 of 20,000 draws: a permutation test."""
    observed = abs(statistics.median(some) - statistics.median(others))
    together, as_extreme = some + others, 0
    for _ in range(20_000):
        draw.shuffle(together)
        half = len(some)
        as_extreme += abs(statistics.median(together[:half]) - statistics.median(together[half:])) >= observed
        if as_extreme == 2:
            return False
    return True
