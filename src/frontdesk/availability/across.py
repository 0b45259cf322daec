"""Availability across providers: the first free times of everybody who could be booked."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import compress
from uuid import UUID

from frontdesk import db
from frontdesk.availability import rules
from frontdesk.availability.copies import Copies
from frontdesk.availability.plan import DAY_S, WEEK, q
from frontdesk.availability.service import Asked, Free, of_providers
from frontdesk.db import Connection
from frontdesk.errors import NotFound

_EPOCH = date(1970, 1, 1)

Key = tuple[int, str, str]
"""Start in seconds since 1970, provider, clinic: the order of a list, and a place in it."""

Slot = tuple[Key, bytes]
"""With the slot as it is answered."""

_EASTERNMOST = 15 * 3600
"""No local day begins so many seconds before the same day of UTC."""


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
    after: Key | None = None,
    copies: Copies | None = None,
) -> list[Slot]:
    """The first `limit` free slots of these providers, in order; at most `each` of one provider.

    Looks at one week after the other and stops when it has enough. `after`: only what comes later in that order.
    `copies`: as `plans.read` says.
    """
    found: list[Slot] = []
    early: list[Slot] = []  # found, but where the sun rises first the next week may have begun before them
    left = dict.fromkeys(map(str, provider_ids), each or 1_000_000)
    for week in _weeks(asked):
        early += [slot for free in await of_providers(conn, provider_ids, week, copies) for slot in _slots(free)]
        early.sort()
        whole = float("inf") if week.to_on == asked.to_on else (week.to_on - _EPOCH).days * DAY_S - _EASTERNMOST
        ready = bisect_left(early, whole, key=lambda slot: slot[0][0])
        for slot in early[:ready]:
            if left[slot[0][1]]:
                left[slot[0][1]] -= 1
                if after is None or slot[0] > after:
                    found.append(slot)
        del early[:ready]
        if len(found) >= limit or not any(left.values()):
            break
    return found[:limit]


def _weeks(asked: Asked) -> Iterator[Asked]:
    """The same question, a week at a time."""
    monday, count = asked.weeks
    for begins in (monday + n * WEEK for n in range(count)):
        yield replace(asked, from_on=max(asked.from_on, begins), to_on=min(asked.to_on, begins + WEEK))


def _slots(free: Free) -> Iterator[Slot]:
    plan, of = free.plan, str(free.plan.provider_id)
    head = f'{{"provider_id":"{of}",'.encode()
    for start, place, json in compress(zip(plan.starts, plan.place, plan.json, strict=True), free.free):
        yield (start, of, str(plan.clinics[place][0])), head + json[1:]


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
