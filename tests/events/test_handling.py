"""Handlers: every event once, in order, also when the process dies; what cannot be taken is laid aside and replayed."""

import asyncio
import os
import signal
from datetime import timedelta

import psycopg

from frontdesk import db as connections
from frontdesk.envelope import Envelope
from frontdesk.events import handling, log
from frontdesk.events.handling import Receiver
from frontdesk.events.parts import parts_of
from frontdesk.worker import run_worker
from tests.events.world import Hearer, heard, settings, until, write


def test_a_worker_hears_everything_in_order_and_goes_on_after_a_lost_connection(
    database: str, db: psycopg.Connection
) -> None:
    Hearer.prepare(db)
    config = settings(database, worker_interval=timedelta(seconds=0.05))
    handlers = [Hearer(), Hearer("other", ("tests.*", "never.*")), Hearer("deaf", ("never.*",))]

    async def scenario() -> None:
        worker = asyncio.create_task(run_worker(config, [], parts_of(config, handlers)))
        words = [str(n) for n in range(40)]
        for word in words[:20]:
            write(db, word)
        await until(db, words[:20])
        with psycopg.connect(database, autocommit=True) as chief:
            chief.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'frontdesk'"
            )
        for word in words[20:]:
            write(db, word)
        await until(db, words)
        await until(db, words, "other")
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(60):
            await worker

    asyncio.run(scenario())
    assert heard(db, "deaf") == []


def test_an_event_that_comes_twice_has_one_effect(database: str, db: psycopg.Connection) -> None:
    Hearer.prepare(db)
    write(db, "once")

    async def scenario() -> None:
        config = settings(database)
        async with await connections.connect(config, database) as conn:
            await log.number(conn)
            rows = await connections.many(conn, "SELECT * FROM events_after(0, 10)")
            envelope = Envelope(**rows[0])
            receive, rival = Receiver(conn, Hearer()), None
            async with await connections.connect(config, database) as other:
                rival = Receiver(other, Hearer())
                await asyncio.gather(receive(envelope), rival(envelope), receive(envelope))

    asyncio.run(scenario())
    assert heard(db) == ["once"]


def test_what_cannot_be_taken_is_laid_aside_without_a_trace_and_replayed(database: str, db: psycopg.Connection) -> None:
    Hearer.prepare(db)
    poison = [write(db, word) for word in ("good", "bad canary", "better", "bad again")]
    config = settings(database)

    class Forgiving(Hearer):
        async def handle(self, conn: connections.Connection, envelope: Envelope) -> None:
            if envelope.payload["word"] == "bad again":
                raise ValueError("still not")
            envelope.payload["word"] = envelope.payload["word"].replace("bad", "mended")
            await super().handle(conn, envelope)

    async def scenario() -> None:
        async with await connections.connect(config, database) as conn:
            await log.number(conn)
            receive = Receiver(conn, Hearer(), first_pause_s=0.001)
            for row in await connections.many(conn, "SELECT * FROM events_after(0, 10)"):
                await receive(Envelope(**row))
            assert heard(db) == ["good", "better"]  # and nothing of what the others had begun
            dead = await connections.many(conn, handling.q.dead)
            assert [row["event_id"] for row in dead] == [poison[1], poison[3]]
            for row in dead:
                assert row["attempts"] == handling.ATTEMPTS
                assert row["reason"].startswith("ValueError at world.py:")
                assert "bad" not in row["reason"]
            assert await handling.replay(conn, Forgiving(), poison[1])
            assert not await handling.replay(conn, Forgiving(), poison[1])
            try:
                await handling.replay(conn, Forgiving(), poison[3])
            except ValueError:
                pass
            else:
                raise AssertionError("it was replayed")
            assert [row["event_id"] for row in await connections.many(conn, handling.q.dead)] == [poison[3]]

    asyncio.run(scenario())
    assert heard(db) == ["good", "better", "mended canary"]


def test_of_two_workers_one_reads_and_the_other_takes_over(database: str, db: psycopg.Connection) -> None:
    Hearer.prepare(db)
    config = settings(database)
    taken: list[tuple[str, str]] = []

    async def scenario() -> None:
        stop_first, stop_second = asyncio.Event(), asyncio.Event()

        async def reading(name: str, stopping: asyncio.Event) -> None:
            async def take(batch: object) -> None:
                assert isinstance(batch, list)
                taken.extend((name, envelope.payload["word"]) for envelope in batch)

            await log.read(config, "shared", take, stopping)

        async def reach(count: int) -> None:
            async with asyncio.timeout(60):
                while len(taken) < count:
                    await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as group, await connections.connect(config, database) as conn:
            group.create_task(reading("first", stop_first))
            write(db, "a")
            await log.number(conn)
            await reach(1)
            group.create_task(reading("second", stop_second))
            write(db, "b")
            await log.number(conn)
            await reach(2)
            stop_first.set()
            write(db, "c")
            await log.number(conn)
            await reach(3)
            stop_second.set()

    asyncio.run(scenario())
    assert [word for _, word in taken] == ["a", "b", "c"]
    assert taken[1][0] == "first"
    assert taken[2][0] in ("first", "second")
