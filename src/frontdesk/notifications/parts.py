"""A visit of several parts is told of as one: what was booked or cancelled together is in one message.

So are the times among which somebody is to choose whose visit was displaced.
"""

from typing import Any

from frontdesk import db
from frontdesk.db import Connection
from frontdesk.notifications.handler import q
from frontdesk.notifications.judge import TO_ANSWER, still_true


async def with_parts(conn: Connection, row: dict[str, Any]) -> dict[str, Any]:
    """A row of a message with `parts`, the ids of the visits that it tells of, the earliest first.

    A part that has changed since is told of by a message of its own; the rest is still true, and the row is judged by
    the first of it. When nothing is left, the row stays as it is, and no longer true.
    """
    if row["kind"] == "waitlist_offer":
        return await _with_choices(conn, row)
    if row["group_id"] is None:
        return row | {"parts": [row["appointment_id"]]}
    of = {name: row[name] for name in ("appointment_id", "version", "kind")}
    found = [row | part for part in await db.many(conn, q.parts, **of)]
    left = [part for part in found if still_true(part) and part["start_at"] > row["now"]]
    if not left:
        return row | {"parts": [row["appointment_id"]]}
    return left[0] | {"parts": [part["part_id"] for part in left]}


async def _with_choices(conn: Connection, row: dict[str, Any]) -> dict[str, Any]:
    """As long as one of the times can be answered, the message is of use."""
    found = await db.many(conn, q.choices, appointment_id=row["appointment_id"])
    left = [choice for choice in found if choice["offered_until"] - TO_ANSWER > row["now"]]
    if not left:
        return row | {"parts": [row["appointment_id"]]}
    until = max(choice["offered_until"] for choice in left)
    return row | left[0] | {"offered_until": until, "parts": [choice["part_id"] for choice in left]}
