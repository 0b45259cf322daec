"""Which starts suit somebody who waits: what is free and bookable, and what they asked for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import compress
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import clock
from frontdesk.availability import service as availability
from frontdesk.availability.plan import DAY_S
from frontdesk.availability.service import MOST_DAYS, Asked, Free, TimeOfDay
from frontdesk.db import Connection
from frontdesk.settings import settings

_EPOCH = date(1970, 1, 1)
_DAY = timedelta(days=1)

FURTHEST = timedelta(days=MOST_DAYS - 3)
"""One question covers no more; a day on either side is for the zones of clinics."""

SHORTEST = timedelta(minutes=2)
"""Nobody answers faster than that; a time that could be kept no longer is not offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keepable:
    """A time to be kept for somebody, and until when. Instants are aware, UTC."""

    provider_id: UUID
    clinic_id: UUID
    start: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Suiting(Keepable):
    """A start that is free."""

    end: datetime
    wall: int
    """The start on the clinic's wall clock, in seconds since 1970."""


def edges(span: TimestamptzRange) -> tuple[datetime, datetime]:
    """Both edges of a bounded span."""
    assert span.lower is not None
    assert span.upper is not None
    return span.lower, span.upper


async def starts(
    conn: Connection, provider_ids: Sequence[UUID], entry: Mapping[str, Any], span: TimestamptzRange
) -> list[Suiting]:
    """The starts of these providers that suit `entry` and whose claim touches `span`, earliest first.

    `entry` is a row with what was asked for; `before`: the start of the visit that they have, if any.
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
    found = await availability.of_providers(conn, provider_ids, asked)
    return [s for s in _touching(found, lower, upper) if suits(s, entry)]


async def free_of(
    conn: Connection, provider_id: UUID, visit_type_id: UUID, span: TimestamptzRange, *, kept: bool
) -> list[Suiting]:
    """The starts of one provider that are free and whose claim touches `span`, earliest first, whoever takes them.

    `kept`: as `plans.read` says.
    """
    lower, upper = edges(span)
    asked = Asked(
        visit_type_id=visit_type_id, from_on=lower.date() - _DAY, to_on=upper.date() + 2 * _DAY, self_booking=False
    )
    return _touching(await availability.of_providers(conn, [provider_id], asked, kept=kept), lower, upper)


def _touching(found: Iterable[Free], lower: datetime, upper: datetime) -> list[Suiting]:
    now = clock.now()
    return sorted((s for free in found for s in _of(free, lower, upper, now)), key=lambda s: (s.start, s.provider_id))


def _of(free: Free, lower: datetime, upper: datetime, now: datetime) -> Iterator[Suiting]:
    plan, visit = free.plan, free.plan.visit
    first, last = lower.timestamp() - visit.duration_s - visit.after_s, upper.timestamp() + visit.before_s
    for second, wall, place in compress(zip(plan.starts, plan.wall, plan.place, strict=True), free.free):
        if not first < second < last:
            continue
        start = datetime.fromtimestamp(second, UTC)
        until = expiry(start, now, timedelta(seconds=visit.notice_s), settings().offer_ttl)
        if until - now >= SHORTEST:
            yield Suiting(
                provider_id=plan.provider_id,
                clinic_id=plan.clinics[place][0],
                start=start,
                end=start + timedelta(seconds=visit.duration_s),
                expires_at=until,
                wall=wall,
            )


def expiry(start: datetime, now: datetime, notice: timedelta, ttl: timedelta) -> datetime:
    """Until when a time is kept: for `ttl`, but no longer than half the time left before the visit.

    And not beyond the notice of its visit type, because then nobody could be asked after.
    """
    return min(now + ttl, now + (start - now) / 2, start - notice)


def suits(time: Suiting, entry: Mapping[str, Any]) -> bool:
    """Whether a free time is what was asked for, earlier than the visit that they have, and not offered before.

    `entry` may tell what was `offered` with this provider, and when they are `busy`.
    """
    day, second = _EPOCH + timedelta(days=time.wall // DAY_S), time.wall % DAY_S
    return (
        (entry["clinic_ids"] is None or time.clinic_id in entry["clinic_ids"])
        and (entry["earliest"] is None or entry["earliest"] <= day)
        and (entry["latest"] is None or day <= entry["latest"])
        and (entry["weekdays"] is None or day.isoweekday() in entry["weekdays"])
        and (entry["times_of_day"] is None or any(TimeOfDay(part).holds(second) for part in entry["times_of_day"]))
        and time.start not in entry.get("offered", ())
        and (entry["before"] is None or time.start < entry["before"])
        and not any(span.lower < time.end and time.start < span.upper for span in entry.get("busy", ()))
    )
