"""Which starts suit somebody who waits: what is free and bookable, and what they asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import compress
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import clock
from frontdesk.availability import service as availability
from frontdesk.availability.plan import DAY_S, Plan
from frontdesk.availability.service import MOST_DAYS, Asked, Free, TimeOfDay
from frontdesk.db import Connection
from frontdesk.settings import settings

_EPOCH = date(1970, 1, 1)
_DAY = timedelta(days=1)

FURTHEST = timedelta(days=MOST_DAYS - 3)
"""A question of availability covers no more; a day on either side is for the zones of clinics."""

SHORTEST = timedelta(minutes=2)
"""Nobody answers faster than that; a time that could be kept no longer is not offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suiting:
    """A start that suits, and how long it can be kept. Instants are aware, UTC."""

    provider_id: UUID
    clinic_id: UUID
    start: datetime
    expires_at: datetime


def edges(span: TimestamptzRange) -> tuple[datetime, datetime]:
    """Both edges of a bounded span."""
    assert span.lower is not None
    assert span.upper is not None
    return span.lower, span.upper


async def starts(
    conn: Connection, provider_ids: Sequence[UUID], entry: Mapping[str, Any], span: TimestamptzRange, *, kept: bool
) -> list[Suiting]:
    """The starts of these providers that suit `entry` and whose claim touches `span`, earliest first.

    `entry` is a row with what was asked for; `offered`: starts not to be offered again; `before`: the start of the
    visit that they have, if any. `kept`: as `plans.read` says.
    """
    lower, upper = edges(span)
    first = max(lower.date() - _DAY, entry["earliest"] or date.min)
    last = min(upper.date() + _DAY, entry["latest"] or date.max)
    if first > last:
        return []
    asked = Asked(
        visit_type_id=entry["visit_type_id"],
        from_on=first,
        to_on=last + _DAY,
        self_booking=False,
        # What they have with this provider does not stand in the way of an earlier time in its place.
        patient_id=None if entry["appointment_id"] else entry["patient_id"],
    )
    found = await availability.of_providers(conn, provider_ids, asked, kept=kept)
    return sorted((s for free in found for s in _of(free, entry, lower, upper)), key=lambda s: (s.start, s.provider_id))


def _of(free: Free, entry: Mapping[str, Any], lower: datetime, upper: datetime) -> Iterator[Suiting]:
    plan, now = free.plan, clock.now()
    visit = plan.visit
    for second, wall, place in compress(zip(plan.starts, plan.wall, plan.place, strict=True), free.free):
        start = datetime.fromtimestamp(second, UTC)
        opens = start - timedelta(seconds=visit.before_s)
        closes = start + timedelta(seconds=visit.duration_s + visit.after_s)
        if opens >= upper or closes <= lower or not _asked_for(entry, plan, wall, place):
            continue
        if start in entry["offered"] or (entry["before"] is not None and start >= entry["before"]):
            continue
        until = expiry(start, now, timedelta(seconds=visit.notice_s), settings().offer_ttl)
        if until - now >= SHORTEST:
            yield Suiting(provider_id=plan.provider_id, clinic_id=plan.clinics[place][0], start=start, expires_at=until)


def expiry(start: datetime, now: datetime, notice: timedelta, ttl: timedelta) -> datetime:
    """Until when a time is kept: for `ttl`, but no longer than half the time left before the visit.

    And not beyond the notice of its visit type, because then nobody could be asked after.
    """
    return min(now + ttl, now + (start - now) / 2, start - notice)


def _asked_for(entry: Mapping[str, Any], plan: Plan, wall: int, place: int) -> bool:
    """Whether a start at this time of the clinic's wall clock (seconds since 1970) is what was asked for."""
    day = _EPOCH + timedelta(days=wall // DAY_S)
    return (
        (entry["clinic_ids"] is None or plan.clinics[place][0] in entry["clinic_ids"])
        and (entry["earliest"] is None or entry["earliest"] <= day)
        and (entry["latest"] is None or day <= entry["latest"])
        and (entry["weekdays"] is None or day.isoweekday() in entry["weekdays"])
        and (
            entry["times_of_day"] is None or any(TimeOfDay(part).holds(wall % DAY_S) for part in entry["times_of_day"])
        )
    )
