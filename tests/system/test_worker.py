"""The background worker by itself: every job each round, whatever one of them or the database does."""

import asyncio
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from frontdesk.db import Connection
from frontdesk.schema.migrate import migrate
from frontdesk.settings import Settings
from frontdesk.supervisor.postgres import EmbeddedPostgres
from frontdesk.worker import Job, run_worker


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    started = EmbeddedPostgres(tmp_path / "pg", options={"fsync": "off"})
    started.start()
    migrate(started.dsn())
    try:
        yield started
    finally:
        started.stop()


def settings(server: EmbeddedPostgres) -> Settings:
    return Settings(database_url=SecretStr(server.dsn()), worker_interval=timedelta(seconds=0.02))


class Rounds:
    """A job that counts its rounds and can be waited for."""

    def __init__(self) -> None:
        self.seen = 0
        self._seen = asyncio.Condition()

    async def __call__(self, conn: Connection) -> int:
        await conn.execute("SELECT 1")
        async with self._seen:
            self.seen += 1
            self._seen.notify_all()
        return 1

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(60), self._seen:
            await self._seen.wait_for(lambda: self.seen >= count)


async def fails(conn: Connection) -> int:
    raise ValueError("a fault in a job")


async def refused(conn: Connection) -> int:
    await conn.execute("SELECT 1/0")
    return 0


def test_a_failing_job_does_not_keep_the_others_from_running(server: EmbeddedPostgres) -> None:
    async def scenario() -> None:
        rounds = Rounds()
        worker = asyncio.create_task(run_worker(settings(server), [fails, refused, rounds]))
        await rounds.reach(3)
        assert not worker.done()
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(60):
            await worker

    asyncio.run(scenario())


def test_a_job_that_fails_is_written_down_until_it_succeeds(server: EmbeddedPostgres) -> None:
    """By its type of error alone, and also when another run of the worker has seen it fail."""
    told = "SELECT name, error, failures > 0, since <= failed_at FROM failing_job ORDER BY name"

    async def run(*jobs: Job) -> None:
        rounds = Rounds()
        worker = asyncio.create_task(run_worker(settings(server), [*jobs, rounds]))
        await rounds.reach(2)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(60):
            await worker

    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        asyncio.run(run(fails, refused))
        name = fails.__module__
        assert conn.execute(told).fetchall() == [
            (f"{name}.fails", "ValueError", True, True),
            (f"{name}.refused", "DivisionByZero 22012", True, True),
        ]

        async def mended(_: Connection) -> int:
            return 0

        mended.__name__ = "refused"
        asyncio.run(run(mended))
        assert [row[0] for row in conn.execute(told)] == [f"{name}.fails"]


def test_it_waits_for_a_lost_database_and_goes_on(server: EmbeddedPostgres) -> None:
    async def scenario() -> None:
        rounds = Rounds()
        worker = asyncio.create_task(run_worker(settings(server), [rounds]))
        await rounds.reach(2)
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.dsn())
        await asyncio.sleep(0.2)
        before = rounds.seen
        server.start()
        await rounds.reach(before + 3)
        os.kill(os.getpid(), signal.SIGINT)
        async with asyncio.timeout(60):
            await worker

    asyncio.run(scenario())
