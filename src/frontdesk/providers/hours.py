"""Whatever changes when a provider can be booked is told, so that those who watch look anew."""

from collections.abc import Collection
from uuid import UUID

from frontdesk import db
from frontdesk.auth.permissions import Actor
from frontdesk.availability.events import HoursChanged
from frontdesk.db import Connection
from frontdesk.events import outbox
from frontdesk.sql import load

q = load(__package__, "schedules.sql")


async def changed(conn: Connection, actor: Actor, provider_id: UUID, clinic_ids: Collection[UUID]) -> None:
    """Write HoursChanged: the provider works at other times at these clinics."""
    event = HoursChanged(owner_id=provider_id, provider_ids=[provider_id], clinic_ids=sorted(clinic_ids))
    await outbox.record(conn, actor, event)


async def changed_everywhere(conn: Connection, actor: Actor, provider_id: UUID) -> None:
    """Write HoursChanged for all clinics where the provider works."""
    row = await db.one(conn, q.clinics_of, provider_id=provider_id)
    assert row is not None, "the caller holds the provider"
    await changed(conn, actor, provider_id, row["clinic_ids"])
