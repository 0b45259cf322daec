"""Reminders: decided when they are due, from the visit as it then is. Nothing planned ahead goes stale."""

from datetime import datetime, timedelta

import orjson

from frontdesk import clock, db, ids
from frontdesk.db import Connection
from frontdesk.settings import settings
from frontdesk.sql import load

q = load(__package__, "reminders.sql")

AT_ONCE = 500

OVERLAP = timedelta(minutes=15)
"""A booking or move that commits late has been in the book since its transaction began: look back as long as one may
last, and more."""

LOOK_AT_ALL = timedelta(hours=1)
"""So often every visit within reach is looked at, not only those whose time has just come: a clinic may have changed
its times."""


class Remind:
    """A job of the background worker. It begins with all visits ahead, for it may have been away; new ones follow."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._all_at: datetime | None = None

    async def __call__(self, conn: Connection) -> int:
        """Write down the reminders that are due; how many. Idempotent, right beside other workers."""
        began = clock.now()
        if self._all_at is None or began - self._all_at > LOOK_AT_ALL:
            self._since = None
        count = await remind(conn, since=self._since)
        if count == AT_ONCE:
            return count  # and more the next time, from the same point
        if self._since is None:
            self._all_at = began
        self._since = began - OVERLAP
        return count


async def remind(conn: Connection, *, since: datetime | None = None) -> int:
    """Write down at most AT_ONCE reminders that came due after `since` (aware), or ever."""
    async with conn.transaction():
        by_topic = settings().push_url is not None
        rows = await db.search(conn, q.due, since=since, by_topic=by_topic, most=AT_ONCE)
        if rows:
            lines = orjson.dumps([row | {"id": ids.new_id()} for row in rows]).decode()
            await db.run(conn, q.keep, lines=lines, changed_by=ids.SYSTEM, request_id=ids.new_id())
    return len(rows)
