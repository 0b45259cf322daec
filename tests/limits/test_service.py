"""Rate limits from outside: two servers of two workers each on one database, with and without Valkey."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from frontdesk.supervisor.valkey import EmbeddedValkey
from tests.conftest import copy_database, drop_database
from tests.make import Make
from tests.service import TRUST, Service

pytestmark = pytest.mark.postgres("18")

Pair = tuple[Service, Service]


def start(stack: ExitStack, dsn: str, folder: Path, *, workers: int = 2, **env: str) -> Pair:
    """Two servers that share everything but the machine's port."""
    pair = (
        Service(dsn, folder / "one", workers=workers, FRONTDESK_RATE_LIMITS="on", **env),
        Service(dsn, folder / "two", workers=workers, FRONTDESK_RATE_LIMITS="on", **env),
    )
    for service in pair:
        service.folder.mkdir()
        stack.callback(service.stop)
        service.start()
    return pair


@pytest.fixture(params=["off", "valkey"], scope="module")
def pair(
    request: pytest.FixtureRequest, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """With the limits as shipped. Each test calls from an address of its own."""
    dsn, folder = copy_database(postgres), tmp_path_factory.mktemp("pair")
    with ExitStack() as stack:
        stack.callback(drop_database, postgres, dsn)
        url = "off"
        if request.param == "valkey":
            valkey = EmbeddedValkey(folder / "valkey")
            stack.callback(valkey.stop)
            valkey.start()
            url = valkey.url
        yield start(stack, dsn, folder, FRONTDESK_REDIS_URL=url)


@pytest.fixture
def hasty(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Pair]:
    """With small limits in windows of two seconds, on PostgreSQL."""
    dsn = copy_database(postgres)
    with ExitStack() as stack:
        stack.callback(drop_database, postgres, dsn)
        yield start(
            stack,
            dsn,
            tmp_path,
            workers=1,
            FRONTDESK_RATE_WINDOW="PT2S",
            FRONTDESK_RATE_ANONYMOUS="5",
            FRONTDESK_RATE_USER="8",
            FRONTDESK_RATE_LOGIN="1000",
        )


def test_of_700_calls_at_once_600_pass(pair: Pair) -> None:
    async def calls() -> list[httpx.Response]:
        async with pair[0].rivals(connections=50) as one, pair[1].rivals(connections=50) as two:
            return await asyncio.gather(*((one, two)[n % 2].get("/clinics") for n in range(700)))

    answers = asyncio.run(calls())
    assert Counter(answer.status_code for answer in answers) == {200: 600, 429: 100}
    refused = [answer for answer in answers if answer.status_code == 429]
    for answer in refused:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "/problems/rate-limited"
        assert 1 <= int(answer.headers["retry-after"]) <= 61
        assert "x-request-id" in answer.headers
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"600"}
    assert {answer.headers["ratelimit-remaining"] for answer in refused} == {"0"}
    # Probes and metrics answer on.
    assert httpx.get(f"{pair[0].url}/healthz").status_code == 200
    assert "ratelimit" not in httpx.get(f"{pair[0].url}/healthz").headers


def test_the_eleventh_log_in_waits_whichever_worker_it_meets(pair: Pair) -> None:
    def guess(n: int) -> httpx.Response:
        # On a connection of its own each time, so that all workers are met.
        transport = httpx.HTTPTransport(verify=TRUST, local_address="127.0.0.2")
        with httpx.Client(base_url=pair[n % 2].api, transport=transport, verify=TRUST, timeout=30) as client:
            known.append(client.get("/clinics").status_code)
            return client.post("/auth/token", data={"username": f"{uuid4()}@example.test", "password": "wrong"})

    known: list[int] = []
    answers = [guess(n) for n in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    policies = answers[0].headers["ratelimit-policy"]
    assert policies == '"log-in";q=10;w=60, "account";q=10;w=60'
    assert answers[0].headers["ratelimit-remaining"] == "9"
    assert known == [200] * 12, "other calls of this address are counted apart"


def test_retry_after_is_true_and_callers_are_counted_apart(hasty: Pair) -> None:
    with psycopg.connect(hasty[0].dsn, autocommit=True, options="-c timezone=UTC") as conn:
        make = Make(conn)
        one, other = (hasty[n].client(make.token("admin")) for n in (0, 1))
        answers = [one.get("/clinics") for _ in range(40)]
        refused = next(answer for answer in answers if answer.status_code == 429)
        passed = other.get("/clinics")
        assert passed.status_code == 200
        assert re.fullmatch(r'"user";r=7;t=[123]', passed.headers["ratelimit"])
        time.sleep(int(refused.headers["retry-after"]))  # the wait that the answer asks for
        assert one.get("/clinics").status_code == 200
        assert conn.execute("SELECT count(*) FROM rate_limit WHERE name LIKE 'user:%'").fetchone() == (2,)
        assert conn.execute("SELECT count(*) FROM rate_limit WHERE name LIKE '%127.0.0.1%'").fetchone() == (0,)
