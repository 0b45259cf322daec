"""What the background worker does for the waitlist, one thing at a time and when a test says so."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from frontdesk import db
from frontdesk.availability import freed
from frontdesk.booking import jobs as booking_jobs
from frontdesk.db import Connection
from frontdesk.envelope import Envelope
from frontdesk.waitlist import filling, jobs
from frontdesk.waitlist.handler import MindTheWaitlist
from tests.events.world import settings

Job = Callable[[Connection], Awaitable[int]]


class Background:
    """Jobs and the handler, on connections of their own, while entered wired as the worker wires them."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._heard = 0

    def __enter__(self) -> "Background":
        freed.first_refusal(filling.fill)
        self._heard = self.run(_last_event)
        return self

    def __exit__(self, *_: object) -> None:
        freed.first_refusal(freed._nobody)

    def run(self, *jobs: Job) -> int:
        """Run these at the same time; how many rows they concerned together."""

        async def one(job: Job) -> int:
            async with await db.connect(settings(self._dsn), self._dsn) as conn:
                return await job(conn)

        async def all_of_them() -> int:
            return sum(await asyncio.gather(*map(one, jobs)))

        return asyncio.run(all_of_them())

    def round(self) -> None:
        """One round of the jobs that concern the waitlist; one that lost a deadlock has its next round."""
        for job in (jobs.expire_offers, booking_jobs.expire_holds, jobs.expire_entries):
            with contextlib.suppress(psycopg.errors.DeadlockDetected):
                self.run(job)

    def hear(self) -> None:
        """Handle every event since this was entered or heard last, and what follows from it."""
        self.run(self._hear)

    async def _hear(self, conn: Connection) -> int:
        handler, heard = MindTheWaitlist(), 0
        while row := await db.one(conn, _NEXT, after=self._heard):
            self._heard = row["position"]
            if any(row["topic"].startswith(topic.rstrip("*")) for topic in handler.topics):
                async with conn.transaction():
                    await handler.handle(conn, Envelope(**row))
                heard += 1
        return heard


async def _last_event(conn: Connection) -> int:
    row: dict[str, Any] | None = await db.one(conn, "SELECT coalesce(max(id), 0) AS last FROM outbox")
    return int(row["last"]) if row else 0


_NEXT = """SELECT id AS position, event_id, topic, key, occurred_at, payload FROM outbox WHERE id > %(after)s
ORDER BY id LIMIT 1"""
