"""Plans copied through Valkey are never older than an acknowledged write, whatever becomes of Valkey (ADR-0026)."""

import asyncio
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta
from itertools import cycle
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import redis
from psycopg.rows import dict_row

from frontdesk import clock
from frontdesk.availability.copies import LOOK_EVERY_S, WAIT_S, SharedCopies
from frontdesk.ports.cache import Patience
from frontdesk.ports.cache.redis import RedisCache
from frontdesk.ports.redis import connect
from frontdesk.supervisor.valkey import EmbeddedValkey
from tests.availability.copying import copies_found, told, works_until, worlds, write_and_read
from tests.make import Make
from tests.service import Service

pytestmark = pytest.mark.postgres("18")

WRITERS = 3

Sabotage = Callable[[], None]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def copying(database: str, tmp_path: Path, valkey: EmbeddedValkey) -> Iterator[Service]:
    """Three workers that share a Valkey."""
    folder = tmp_path / "service"
    folder.mkdir()
    service = Service(database, folder, workers=3, FRONTDESK_REDIS_URL=valkey.url)
    with ExitStack() as stack:
        stack.callback(service.stop)
        service.start()
        yield service


@pytest.fixture
def make(copying: Service) -> Iterator[Make]:
    with psycopg.connect(copying.dsn, autocommit=True, options="-c timezone=UTC") as conn:
        yield Make(conn)


def harm(valkey: EmbeddedValkey) -> list[Sabotage]:
    """What can happen to a cache."""
    old: dict[bytes, bytes] = {}

    def client() -> redis.Redis:
        return redis.Redis.from_url(valkey.url)

    def remember() -> None:
        with client() as it:
            for key in it.keys("frontdesk:cache:plan:*"):
                old.setdefault(key, it.get(key) or b"")

    def bring_back_the_past() -> None:
        with client() as it:
            for key, value in old.items():
                if value:
                    it.set(key, value, ex=60)

    def flush() -> None:
        with client() as it:
            it.flushall()

    def kill() -> None:
        assert valkey.pid is not None
        os.kill(valkey.pid, signal.SIGKILL)
        assert valkey._process is not None
        valkey._process.wait(30)
        valkey.start()

    def stop_answering() -> None:
        with client() as it:
            it.execute_command("CLIENT", "PAUSE", "300", "ALL")

    return [remember, bring_back_the_past, flush, bring_back_the_past, stop_answering, remember, kill]


def test_every_read_shows_every_acknowledged_write_while_valkey_suffers(
    copying: Service, make: Make, valkey: EmbeddedValkey
) -> None:
    wrote = threading.Event()
    harms = cycle(harm(valkey))
    with ThreadPoolExecutor(WRITERS) as pool:
        jobs = [pool.submit(write_and_read, world, make.patient(), wrote) for world in worlds(copying, make, WRITERS)]
        while not all(job.done() for job in jobs):
            if wrote.wait(1):  # once a round of anybody
                wrote.clear()
                next(harms)()
        for job in jobs:
            job.result()
    assert '"status":500' not in copying.log_path.read_text()


def test_one_worker_has_what_another_worked_out(copying: Service, make: Make) -> None:
    (world,) = worlds(copying, make, 1)
    deadline = time.monotonic() + 60
    hits = misses = 0.0
    while not hits:  # a machine too busy to hear Valkey in time works it out again
        assert time.monotonic() < deadline, "no worker found what another had worked out"
        offered = works_until(world, 24)
        assert all(answer == offered for _ in range(3) for answer in told(world))
        hits, misses = copies_found(copying)
    assert misses >= 1


def test_one_request_waits_for_others_once_however_many_weeks_it_asks_for(
    database: str, valkey: EmbeddedValkey
) -> None:
    """Claims of many weeks are held, and nobody fills: as many looks as fit into one wait, not one for each week."""
    weeks = [(UUID(int=1), UUID(int=2), (date(2026, 1, 5) + timedelta(weeks=n), 1)) for n in range(20)]

    async def looked() -> int:
        client = connect(valkey.url)
        copies = SharedCopies(RedisCache(client))
        async with await psycopg.AsyncConnection.connect(database, autocommit=True, row_factory=dict_row) as conn:
            dead, waiting = copies.for_request(), copies.for_request()
            dead._patience = waiting._patience = Patience(60)
            assert await dead.find(conn, weeks, clock.now(), {}) == {}
            await client.config_resetstat()
            for week in weeks:
                assert await waiting.find(conn, [week], clock.now(), {}) == {}
            calls: int = (await client.info("commandstats"))["cmdstat_get"]["calls"]
        await client.aclose()
        return calls

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("frontdesk.availability.copies.FILLING_S", 60.0)
        calls = asyncio.run(looked())
    assert len(weeks) < calls <= len(weeks) + math.ceil(WAIT_S / LOOK_EVERY_S)
