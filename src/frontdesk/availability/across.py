"""Availability across providers: the first free times of everybody who could be booked."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from frontdesk import db
from frontdesk.availability import rules
from frontdesk.availability.plan import DAY_S, WEEK, q
from frontdesk.availability.service import Asked, Free, of_providers
from frontdesk.db import Connection
from frontdesk.errors import NotFound

_EPOCH = date(1970, 1, 1)

Slot = tuple[int, str, bytes]
"""Start in seconds since 1970, provider, and the slot as it is answered: the order of a page."""


async def specialty(conn: Connection, named: str) -> UUID:
    """The specialty with this id or name (case and accents do not count). Raises NotFound."""
    row = await db.one(conn, q.specialty_named, specialty=named)
    if row is None:
        raise NotFound("There is no such specialty.")
    return UUID(str(row["id"]))


async def candidates(
    conn: Connection, *, visit_type_id: UUID, specialty_id: UUID | None, clinic_id: UUID | None
) -> list[UUID]:
    """Active providers that offer the visit type and work at the clinic. Raises NotFound for what does not exist."""
    rows = await db.search(
        conn, q.candidates, visit_type_id=visit_type_id, specialty_id=specialty_id, clinic_id=clinic_id
    )
    if not rows:
        known = await db.one(conn, q.known, provider_id=None, visit_type_id=visit_type_id, clinic_id=clinic_id)
        if known and not (known["visit_type"] and known["clinic"]):
            raise await rules.unknown(conn, provider_id=None, visit_type_id=visit_type_id, clinic_id=clinic_id)
    return [row["id"] for row in rows]


async def first_free(
    conn: Connection,
    provider_ids: Sequence[UUID],
    asked: Asked,
    *,
    limit: int,
    each: int | None = None,
    after: tuple[int, str] | None = None,
) -> list[Slot]:
    """The first `limit` free slots of these providers, by start and provider; at most `each` of one provider.

    Looks at one week after the other and stops when it has enough. `after`: only what comes later in that order.
    """
    slots: list[Slot] = []
    left = dict.fromkeys(map(str, provider_ids), each or 1_000_000)
    for week in _weeks(asked):
        looking = [provider_id for provider_id in provider_ids if left[str(provider_id)]]
        if not looking or len(slots) >= limit:
            break
        for slot in sorted(slot for free in await of_providers(conn, looking, week) for slot in _slots(free)):
            if left[slot[1]]:
                left[slot[1]] -= 1
                if after is None or slot[:2] > after:
                    slots.append(slot)
    return slots[:limit]


def _weeks(asked: Asked) -> Iterator[Asked]:
    """The same question, a week at a time."""
    monday, count = asked.weeks
    for begins in (monday + n * WEEK for n in range(count)):
        yield replace(asked, from_on=max(asked.from_on, begins), to_on=min(asked.to_on, begins + WEEK))


def _slots(free: Free) -> Iterator[Slot]:
    of = str(free.plan.provider_id)
    head = f'{{"provider_id":"{of}",'.encode()
    starts = (start for start, this in zip(free.plan.starts, free.free, strict=True) if this)
    for start, json in zip(starts, free.json(), strict=True):
        yield start, of, head + json[1:]


def by_day(found: Sequence[Free]) -> list[dict[str, object]]:
    """The local days that have anything free, in order: how many starts, and of how many providers."""
    counts: dict[int, dict[UUID, int]] = {}
    for free in found:
        for second, this in zip(free.plan.wall, free.free, strict=True):
            if this:
                of = counts.setdefault(second // DAY_S, {})
                of[free.plan.provider_id] = of.get(free.plan.provider_id, 0) + 1
    return [
        {"date": _EPOCH + timedelta(days=day), "free": sum(of.values()), "providers": len(of)}
        for day, of in sorted(counts.items())
    ]
