"""Places on the waitlist as people read them: with names in place of ids, with offers, and who is asked before."""

from datetime import datetime
from typing import Any
from uuid import UUID

from frontdesk import clock, db
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.errors import NotFound
from frontdesk.sql import load
from frontdesk.waitlist.service import MOST_PLACES

q = load(__package__, "told.sql")


async def of_patient(conn: Connection, actor: Actor, patient_id: UUID) -> list[dict[str, Any]]:
    """What a patient waits for, offers first. Displaced visits come on top of MOST_PLACES."""
    rows = await db.search(conn, q.told, **actor.only, id=None, patient_id=patient_id, rows=2 * MOST_PLACES)
    return [_read(row) for row in rows]


async def one(conn: Connection, actor: Actor, entry_id: UUID) -> dict[str, Any]:
    """One place. Raises NotFound for one that the caller may not see."""
    rows = await db.search(conn, q.told, **actor.only, id=entry_id, patient_id=None, rows=1)
    if not rows:
        raise NotFound("There is no such place on the waitlist.")
    return _read(rows[0])


def _read(row: dict[str, Any]) -> dict[str, Any]:
    """Instants inside of JSON as instants; an offer whose time is over stands no longer, whoever ends it."""
    offers = [offer | {name: datetime.fromisoformat(offer[name]) for name in _INSTANTS} for offer in row["offers"]]
    visit = row["visit"] and row["visit"] | {"start": datetime.fromisoformat(row["visit"]["start"])}
    return row | {"offers": [one for one in offers if one["expires_at"] > clock.now()], "visit": visit}


_INSTANTS = ("start", "end", "expires_at")
