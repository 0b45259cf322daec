"""The same handlers, from the outbox to their effect, whoever carries the events, though it is killed meanwhile."""

import asyncio
import os
import signal
from collections.abc import Iterable
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
    return room.model_copy(update={"worker_interval": timedelta(seconds=0.2)})


def test_every_event_has_one_effect_in_the_order_of_its_key(broker: Carrier, config: Settings) -> None:
    """While a broker is away the book goes on, and what it wrote meanwhile is heard afterwards."""
    handlers = [Hearer(name, ("appointments.*",)) for name in NAMES]
    words: list[str] = []

    def book(numbers: Iterable[int]) -> None:
        with psycopg.connect(config.owner_dsn, autocommit=True) as conn:
            for number in numbers:
                for key in KEYS:
                    words.append(f"{key}: {number:02}")
                    write(conn, words[-1], topic="appointments.said.v1", key=key)

    async def all_heard(name: str) -> list[str]:
        async def told() -> list[str]:
            with psycopg.connect(config.owner_dsn, autocommit=True) as conn:
                return heard(conn, name)

        async with asyncio.timeout(PATIENCE_S):
            while len(found := await told()) < len(words):
                await asyncio.sleep(0.05)
        return found

    async def scenario() -> None:
        worker = asyncio.create_task(run_worker(config, [], parts_of(config, handlers)))
        book(range(10))
        for name in NAMES:
            await all_heard(name)
        await broker.settled(config, NAMES)
        book(range(10, 20))
        await asyncio.to_thread(broker.server.kill)
        if not broker.kind.startswith("pg"):
            book(range(20, 30))
        await asyncio.to_thread(broker.server.start)
        book(range(30, 40))
        for name in NAMES:
            found = await all_heard(name)
            assert sorted(found) == sorted(words)
            for key in KEYS:
                assert [word for word in found if word.startswith(key)] == [w for w in words if w.startswith(key)]
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await worker

    with psycopg.connect(config.owner_dsn, autocommit=True) as conn:
        Hearer.prepare(conn)
    asyncio.run(scenario())
