"""Whatever changes when something can be booked at all is told, so that those who watch look anew."""

from uuid import UUID

from frontdesk import db
from frontdesk.auth.permissions import Actor
from frontdesk.availability.events import HoursChanged
from frontdesk.db import Connection
from frontdesk.events import outbox
from frontdesk.sql import load

q = load(__package__, "hours.sql")


async def changed_at(conn: Connection, actor: Actor, clinic_id: UUID) -> list[UUID]:
    """Write HoursChanged: all who work at the clinic work at other times; who that is."""
    row = await db.one(conn, q.providers_at, clinic_id=clinic_id)
    assert row is not None, "an array, if an empty one"
    event = HoursChanged(owner_id=clinic_id, provider_ids=row["provider_ids"], clinic_ids=[clinic_id])
    await outbox.record(conn, actor, event)
    return list(event.provider_ids)


async def changed_for(conn: Connection, actor: Actor, visit_type_id: UUID) -> None:
    """Write HoursChanged, if anybody offers visits of the type: they can be booked at other times."""
    row = await db.one(conn, q.offering, visit_type_id=visit_type_id)
    assert row is not None, "two arrays, if empty ones"
    if row["provider_ids"]:
        await outbox.record(conn, actor, HoursChanged(owner_id=visit_type_id, **row))
