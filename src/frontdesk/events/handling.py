"""Handlers hear events; whoever delivers them may do so twice, and each takes effect once."""

import asyncio
import traceback
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any, Protocol
from uuid import UUID

import psycopg
import structlog

from frontdesk import db
from frontdesk.db import Connection
from frontdesk.envelope import Envelope
from frontdesk.sql import load

q = load(__package__, "handling.sql")
log = structlog.get_logger(__name__)

ATTEMPTS = 5
"""Before an event is laid aside: what a second does not mend, time alone seldom does, and those behind it wait."""

FIRST_PAUSE_S = 0.1


class Handler(Protocol):
    """Somebody who hears events. Its name is kept with what it has handled: a new name hears everything anew."""

    @property
    def name(self) -> str: ...

    @property
    def topics(self) -> tuple[str, ...]:
        """Patterns of the topics it wants: `appointments.*`."""
        ...

    async def handle(self, conn: Connection, envelope: Envelope) -> None:
        """Do what follows from the event, in the transaction that `conn` is in, and nothing outside of it."""
        ...


class Receiver:
    """Gives the events of a broker to one handler, each with effect once, on a connection of its own."""

    def __init__(self, conn: Connection, handler: Handler, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._conn, self._handler, self._first_pause_s = conn, handler, first_pause_s
        self._one_by_one = asyncio.Lock()

    async def __call__(self, envelope: Envelope) -> None:
        """Return once the handler has taken the event, now or before, or once it is laid aside.

        Raises psycopg.Error when the database is lost: then it has to come again.
        """
        if not any(fnmatchcase(envelope.topic, pattern) for pattern in self._handler.topics):
            return
        async with self._one_by_one:
            await self._take(envelope)

    async def _take(self, envelope: Envelope) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await take(self._conn, self._handler, envelope)
                return
            except Exception as error:
                if self._conn.closed or self._conn.broken:
                    raise psycopg.OperationalError("connection lost") from None
                reason = what_failed(error)
                told: dict[str, Any] = {"handler": self._handler.name, "event_id": str(envelope.event_id)}
                if attempt < ATTEMPTS:
                    log.warning("event_not_taken", attempt=attempt, reason=reason, **told)
                    await asyncio.sleep(self._first_pause_s * 2 ** (attempt - 1))
                else:
                    log.error("event_laid_aside", attempts=attempt, reason=reason, **told)
                    await bury(self._conn, self._handler.name, envelope, reason, attempt)


async def take(conn: Connection, handler: Handler, envelope: Envelope) -> bool:
    """Have the handler take the event in one transaction; False when it had done so before."""
    async with conn.transaction():
        new = await db.one(conn, q.handle, handler=handler.name, event_id=envelope.event_id)
        if new:
            await handler.handle(conn, envelope)
        return new is not None


async def bury(conn: Connection, handler: str, envelope: Envelope, reason: str, attempts: int) -> None:
    """Lay the event aside until somebody replays it."""
    text = envelope.to_json().decode()
    await db.run(
        conn, q.bury, handler=handler, event_id=envelope.event_id, envelope=text, reason=reason, attempts=attempts
    )


async def replay(conn: Connection, handler: Handler, event_id: UUID) -> bool:
    """Give a handler once more what was laid aside for it; False when there is no such thing.

    In one transaction. Raises what the handler raises; then it stays where it is.
    """
    async with conn.transaction():
        row = await db.one(conn, q.dead_of, handler=handler.name, event_id=event_id)
        if row is None:
            return False
        await take(conn, handler, Envelope.from_json(row["envelope"]))
        await db.run(conn, q.unbury, handler=handler.name, event_id=event_id)
        return True


async def again(conn: Connection, handlers: Sequence[Handler], name: str, event_id: UUID) -> str | None:
    """Have the handler of this name take what was laid aside for it: None, or why it stays, which is kept with it.

    Raises psycopg.OperationalError when the connection is lost.
    """
    handler = next((one for one in handlers if one.name == name), None)
    if handler is None:
        reason, attempts = "there is no such handler any more", 0
    else:
        try:
            await replay(conn, handler, event_id)
            return None
        except Exception as error:
            if conn.closed or conn.broken:
                raise psycopg.OperationalError("connection lost") from None
            reason, attempts = what_failed(error), 1
    await db.run(conn, q.stays, handler=name, event_id=event_id, reason=reason, attempts=attempts)
    return reason


def what_failed(error: Exception) -> str:
    """Type of the error, and where it was raised; never its text, which may quote a value."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    state = f" {error.sqlstate}" if isinstance(error, psycopg.Error) and error.sqlstate else ""
    return f"{type(error).__name__}{state}{place}"
