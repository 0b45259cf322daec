"""The outbox as a log: the relay numbers what was committed, and each reader goes through the numbers in order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from frontdesk import db
from frontdesk.db import Connection
from frontdesk.envelope import Envelope
from frontdesk.settings import Settings, settings
from frontdesk.sql import load

q = load(__package__, "log.sql")

WRITTEN, NUMBERED = "frontdesk_outbox", "frontdesk_events"
"""Channels of NOTIFY: a server process has committed events; the relay has given numbers up to the one it names."""

POLL_S = 1.0
"""How late events are when a NOTIFY was lost: its sender died between COMMIT and NOTIFY, or a connection broke."""

MOST = 500
"""Events of one round: some 30 ms to number."""

Take = Callable[[Sequence[Envelope]], Awaitable[None]]


async def relay(config: Settings, stopping: asyncio.Event) -> None:
    """Number what was committed until `stopping`, woken by NOTIFY. Any number of relays may run: one works at a time.

    Raises psycopg.Error when the database is lost.
    """
    async with await db.connect(config, config.owner_dsn) as conn:
        await conn.execute(f"LISTEN {WRITTEN}")
        while not stopping.is_set():
            if not await number(conn):
                await woken(conn)


async def number(conn: Connection, most: int = MOST) -> int:
    """Number at most `most` events that were committed, and tell those who wait for them; how many."""
    found = await db.one(conn, q.waiting)
    if not (found and found["waiting"]):
        return 0
    async with conn.transaction():
        last = await db.one(conn, q.head)
        assert last is not None, "the migration made it"
        # A statement of its own, so that it sees what the relay before us has numbered.
        numbered = await db.one(conn, q.number, head=last["position"], most=most)
        assert numbered is not None, "an aggregate"
        count: int = numbered["count"]
        if count:
            await db.run(conn, q.new_head, head=last["position"] + count)
        return count


async def read(config: Settings, reader: str, take: Take, stopping: asyncio.Event) -> None:
    """Give `take` the events that `reader` has not had, in their order, until `stopping`.

    What it returned from is not given again, save after a loss of power or a kill: then the last batch comes once more.
    One process reads for a reader; others stand by. Raises what `take` raises, and psycopg.Error.
    """
    async with await db.connect(config, config.owner_dsn) as conn:
        await conn.execute(f"LISTEN {NUMBERED}")
        while not stopping.is_set() and not await _alone(conn, reader):
            await woken(conn)
        await db.run(conn, q.begin_reading, reader=reader)
        while not stopping.is_set():
            batch = [Envelope(**row) for row in await db.many(conn, q.unread, reader=reader, most=MOST)]
            if batch:
                await take(batch)
                await db.run(conn, q.read_up_to, reader=reader, position=batch[-1].position)
            else:
                await woken(conn)


async def go_back(conn: Connection, reader: str, position: int) -> int | None:
    """Have `reader` take everything after `position` again; how many readers that concerned: none is not there.

    None while a process reads for it: that one would go on from where it is. Others wait until `conn` closes.
    """
    if not await _alone(conn, reader):
        return None
    return await db.run(conn, q.go_back, reader=reader, position=position)


async def _alone(conn: Connection, reader: str) -> bool:
    row = await db.one(conn, q.only_reader, reader=reader)
    return bool(row and row["mine"])


async def woken(conn: Connection, poll_s: float = POLL_S) -> None:
    """Wait for a NOTIFY on what this connection listens to, `poll_s` seconds at most."""
    async for _ in conn.notifies(timeout=poll_s, stop_after=1):
        pass
    async for _ in conn.notifies(timeout=0):  # one look will do for all that have come
        pass


async def state(conn: Connection) -> dict[str, Any]:
    """How far everybody is, for the operator: `places` by reader ("outbox" is the last number), `waiting`, `oldest`."""
    backlog = await db.one(conn, q.backlog)
    places = {row["reader"]: row["position"] for row in await db.many(conn, q.places)}
    return {"places": places, **(backlog or {})}


async def forget(conn: Connection) -> int:
    """Let go of events older than `event_retention` that everybody has read. A job of the background worker."""
    age = settings().event_retention
    gone = await db.run(conn, q.forget, age=age, most=1_000)
    return gone + await db.run(conn, q.forget_handled, age=age, most=1_000)
