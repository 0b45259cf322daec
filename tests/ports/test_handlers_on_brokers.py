"""The same handlers, from the outbox to their effect, whoever carries the events, though it is killed meanwhile."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest

from frontdesk.events.parts import parts_of
from frontdesk.settings import Settings
from frontdesk.worker import run_worker
from tests.brokers.carriers import Carrier
from tests.events.world import Hearer, heard, write

KEYS = [f"provider {n}" for n in range(5)]
NAMES = ("hearer", "other")
PATIENCE_S = 120


@pytest.fixture
def config(broker: Carrier, request: pytest.FixtureRequest) -> Settings:
    """The broker, and a database of this test's own."""
    room = broker.room()
    if room.database_url is None:
        beside: Carrier = request.getfixturevalue("database_beside")
        room = room.model_copy(update={"database_url": beside.room().database_url})
    assert room.database_url is not None
    with psycopg.connect(room.owner_dsn, autocommit=True) as conn:
        Hearer.prepare(conn)
    return room.model_copy(update={"worker_interval": timedelta(seconds=0.2)})


def book(config: Settings, numbers: Iterable[int]) -> list[str]:
    """What was written: one event for each number and key."""
    words = []
    with psycopg.connect(config.owner_dsn, autocommit=True) as conn:
        for number in numbers:
            for key in KEYS:
                words.append(f"{key}: {number:02}")
                write(conn, words[-1], topic="appointments.said.v1", key=key)
    return words


async def all_heard(config: Settings, count: int, name: str) -> list[str]:
    """What this handler has heard, once that is so much."""

    def told() -> list[str]:
        with psycopg.connect(config.owner_dsn, autocommit=True) as conn:
            return heard(conn, name)

    async with asyncio.timeout(PATIENCE_S):
        while len(found := told()) < count:
            await asyncio.sleep(0.05)
    return found


@asynccontextmanager
async def working(config: Settings) -> AsyncIterator[None]:
    handlers = [Hearer(name, ("appointments.*",)) for name in NAMES]
    worker = asyncio.create_task(run_worker(config, [], parts_of(config, handlers)))
    yield
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        await worker


def test_every_event_has_one_effect_in_the_order_of_its_key(broker: Carrier, config: Settings) -> None:
    """While a broker is away the book goes on, and what it wrote meanwhile is heard afterwards."""

    async def scenario() -> None:
        async with working(config):
            words = book(config, range(10))
            for name in NAMES:
                await all_heard(config, len(words), name)
            await broker.settled(config, NAMES)
            words += book(config, range(10, 20))
            await asyncio.to_thread(broker.server.kill)
            if not broker.kind.startswith("pg"):
                words += book(config, range(20, 30))
            await asyncio.to_thread(broker.server.start)
            words += book(config, range(30, 40))
            for name in NAMES:
                found = await all_heard(config, len(words), name)
                assert sorted(found) == sorted(words)
                for key in KEYS:
                    assert [word for word in found if word.startswith(key)] == [w for w in words if w.startswith(key)]

    asyncio.run(scenario())


def test_what_a_broker_lost_with_its_disk_is_handed_over_anew(broker: Carrier, config: Settings) -> None:
    if broker.kind.startswith("pg"):
        return  # it is the outbox itself

    def resend() -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
        env["FRONTDESK_DATABASE_URL"] = config.owner_dsn
        command = [sys.executable, "-m", "frontdesk", "events", "resend", "--after", str(len(KEYS))]
        return subprocess.run(command, env=env, check=False, capture_output=True, text=True, timeout=PATIENCE_S)

    async def scenario() -> None:
        async with working(config):
            words = book(config, range(10))
            for name in NAMES:
                await all_heard(config, len(words), name)
            refused = await asyncio.to_thread(resend)
            assert (refused.returncode, refused.stdout[:8]) == (1, "A worker")
        lost = words[len(words) // 2 :]
        with psycopg.connect(config.owner_dsn, autocommit=True) as conn:  # as if nobody had heard them yet
            conn.execute(
                "DELETE FROM handled_event WHERE event_id IN (SELECT event_id FROM outbox WHERE position > 25)"
            )
            conn.execute("DELETE FROM heard WHERE word = ANY (%s)", (lost,))
        done = resend()
        assert done.returncode == 0, done.stdout + done.stderr
        async with working(config.model_copy(update={"topic_prefix": f"{config.topic_prefix}empty."})):
            for name in NAMES:
                assert sorted(await all_heard(config, len(words), name)) == sorted(words)

    asyncio.run(scenario())
