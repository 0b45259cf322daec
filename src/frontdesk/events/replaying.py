"""Events that were laid aside, handled again because an admin asks: the page asks, the background worker does it.

Handlers work as the owner of the database, which the service is not.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog

from frontdesk import db
from frontdesk.db import Connection
from frontdesk.events import handling
from frontdesk.events.handling import Handler, q

log = structlog.get_logger(__name__)

MOST_SHOWN = 200
_MOST = 100  # in one round: those behind them, and the other jobs, wait so long


async def laid_aside(conn: Connection) -> list[dict[str, Any]]:
    """The oldest, for admins: handler, event_id, topic, reason, attempts, died_at, and asked_at while they are to be
    handled again. Nothing of what they say. To anybody else there is nothing.
    """
    return await db.many(conn, q.laid_aside, most=MOST_SHOWN)


async def ask(conn: Connection, handler: str, event_id: UUID | None = None) -> int:
    """Have one event handled again, or all of a handler; how many. Only admins have any. May be repeated."""
    row = await db.one(conn, q.ask_again, handler=handler, event_id=event_id)
    return int(row["count"]) if row else 0


class Replay:
    """The job that does what was asked for: tries each event once. What fails again stays, with the newest reason."""

    def __init__(self, handlers: Sequence[Handler]) -> None:
        self._handlers = handlers

    async def __call__(self, conn: Connection) -> int:
        rows = await db.many(conn, q.asked_again, most=_MOST)
        for row in rows:
            reason = await handling.again(conn, self._handlers, row["handler"], row["event_id"])
            told = {"handler": row["handler"], "event_id": str(row["event_id"]), "asked_by": str(row["asked_by"])}
            log.info("event_handled_again", taken=reason is None, reason=reason, **told)
        return len(rows)
