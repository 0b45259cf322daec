"""The visits that a change of working time would leave outside of it, with names as far as the reader knows them."""

from collections.abc import Sequence
from typing import Any

from frontdesk.audit import reads
from frontdesk.auth.permissions import Actor
from frontdesk.availability.stranded import MOST_LISTED
from frontdesk.booking import board
from frontdesk.db import Connection


async def told(conn: Connection, actor: Actor, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first rows of `AppointmentsStranded` by time, each with its `visit`: None for a hold, or one of another desk.

    That somebody looked at the patients is written down.
    """
    if not rows:
        return []
    first = sorted(rows, key=lambda one: one["start"])[:MOST_LISTED]
    visits = await board.some(conn, actor, [one["id"] for one in first])
    await reads.looked(conn, actor, (one["patient_id"] for one in visits), "appointments:read")
    named = {one["id"]: one for one in visits}
    return [one | {"visit": named.get(one["id"])} for one in first]
