"""A provider's working time as it is in one week, and time off that is asked for by local days."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from frontdesk import db
from frontdesk.auth.permissions import Actor
from frontdesk.clinics.service import found
from frontdesk.db import Connection
from frontdesk.providers import schedules
from frontdesk.sql import load

q = load(__package__, "week.sql")


async def sessions(conn: Connection, actor: Actor, provider_id: UUID, first: date) -> list[dict[str, Any]]:
    """When the provider works in the seven local days from `first` on, less time off and closures. Raises NotFound."""
    await schedules.refuse_unseen(conn, actor, provider_id)
    return await db.many(conn, q.week, provider_id=provider_id, first=first, last=first + timedelta(days=6))


async def span(conn: Connection, clinic_id: UUID, since: str, until: str) -> dict[str, Any]:
    """Two local times of the clinic, as `2026-11-21 09:00`, as instants `start` and `end`. Raises NotFound."""
    return found(await db.one(conn, q.span, clinic_id=clinic_id, since=since, until=until), "clinic")
