"""What a change of a provider's week would come to: it is made, looked at, and taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from frontdesk import db
from frontdesk.auth.permissions import Actor
from frontdesk.availability import service as availability
from frontdesk.availability import stranded
from frontdesk.availability.service import Asked
from frontdesk.clinics.service import found
from frontdesk.db import Connection
from frontdesk.providers import schedules, service
from frontdesk.providers.models import WeeklySet

Slots = list[dict[str, Any]]
"""As `Free.slots` tells them."""


@dataclass(frozen=True, slots=True)
class Preview:
    """For each question the slots `now` and `then`; `stranded`: what `AppointmentsStranded` would tell."""

    now: list[Slots]
    then: list[Slots]
    stranded: list[dict[str, Any]]


async def of_week(
    conn: Connection,
    actor: Actor,
    provider_id: UUID,
    body: WeeklySet,
    asked: Sequence[Asked],
    seen: str | None = None,
) -> Preview:
    """What `body` as the weekly set would come to. Changes nothing, and nobody is told: it is always rolled back.

    Bookings of the provider wait while it looks, as they wait for the change itself. Call it outside of a transaction.
    Raises what `schedules.replace_schedules` raises, except AppointmentsStranded.
    """
    await schedules.refuse_unseen(conn, actor, provider_id)
    async with conn.transaction(force_rollback=True):
        found(await db.one(conn, service.q.lock_provider, provider_id=provider_id), "provider")
        now = [await _slots(conn, provider_id, one) for one in asked]
        await schedules.put(conn, actor, provider_id, body, seen)
        then = [await _slots(conn, provider_id, one) for one in asked]
        left = await stranded.outside(conn, provider_id=provider_id)
    return Preview(now, then, left)


async def _slots(conn: Connection, provider_id: UUID, asked: Asked) -> Slots:
    # Not kept: the version that the rolled back change was given will be another change's.
    free = await availability.of_providers(conn, [provider_id], asked, kept=False)
    return [slot for one in free for slot in one.slots()]
