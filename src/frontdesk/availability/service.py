"""Free slots of providers, and why a time is not among them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import compress
from math import ceil
from typing import Any
from uuid import UUID

from frontdesk import clock, db
from frontdesk.availability import plan, rules
from frontdesk.availability.plan import DAY_S, WEEK, Plan, q
from frontdesk.db import Connection
from frontdesk.errors import InvalidRequest

DEFAULT_DAYS = 14
ALTERNATIVES = 5
MOST_DAYS = 100  # one question covers a default horizon (90 days) with room to spare
_EPOCH = date(1970, 1, 1)


class TimeOfDay(StrEnum):
    """A part of the day in the clinic's zone, by the start of the visit."""

    NIGHT = "night"
    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


_PARTS_OF_DAY: dict[TimeOfDay, tuple[time, time | None]] = {
    TimeOfDay.NIGHT: (time(0), time(6)),
    TimeOfDay.MORNING: (time(6), time(12)),
    TimeOfDay.AFTERNOON: (time(12), time(17)),
    TimeOfDay.EVENING: (time(17), None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to know.

    `from_on` to `to_on` (exclusive) are local days of each clinic. `self_booking`: as a patient would see it, without
    visit types that only staff book. `patient_id`: only what this patient can take; `known`, when the provider has
    accepted them already, as when a visit moves.
    """

    visit_type_id: UUID
    from_on: date
    to_on: date
    clinic_id: UUID | None = None
    time_of_day: TimeOfDay | None = None
    self_booking: bool = True
    patient_id: UUID | None = None
    known: bool = False

    @property
    def weeks(self) -> list[date]:
        """The Mondays of the weeks concerned."""
        monday = self.from_on - timedelta(days=self.from_on.weekday())
        return [monday + n * WEEK for n in range(((self.to_on - monday).days + 6) // 7)]


def days(from_on: date | None, to_on: date | None) -> dict[str, Any]:
    """The span of a question: 14 days when left out. Raises InvalidRequest for one that is empty or too long."""
    today = clock.now().date()
    # A day early when left out: somewhere it is still yesterday, and what has passed is not offered anyway.
    first = from_on or (today - timedelta(days=1))
    last = to_on or (from_on or today) + timedelta(days=DEFAULT_DAYS)
    if not timedelta(0) < last - first <= timedelta(days=MOST_DAYS):
        raise InvalidRequest(f"`to` is exclusive, after `from`, and at most {MOST_DAYS} days later.")
    return {"from_on": first, "to_on": last}


@dataclass(frozen=True, slots=True)
class Free:
    """Which starts of a plan are free: a byte each, 1 or 0."""

    plan: Plan
    free: bytearray

    def json(self) -> Iterator[bytes]:
        """The free slots as they are answered."""
        return compress(self.plan.json, self.free)

    def slots(self) -> Iterator[dict[str, Any]]:
        """The free slots as rows, instants in UTC."""
        for start, place in compress(zip(self.plan.starts, self.plan.place, strict=True), self.free):
            clinic_id, time_zone = self.plan.clinics[place]
            yield {
                "provider_id": self.plan.provider_id,
                "start": datetime.fromtimestamp(start, UTC),
                "end": datetime.fromtimestamp(start + self.plan.visit.duration_s, UTC),
                "clinic_id": clinic_id,
                "time_zone": time_zone,
            }

    def block(self, taken: slice) -> None:
        """These starts are not free."""
        if taken.start < taken.stop:
            self.free[taken] = bytes(taken.stop - taken.start)

    def keep(self, wanted: Iterable[object]) -> None:
        """Of all starts, only those that are wanted stay free; a truth value each."""
        self.free[:] = bytes(free and bool(this) for free, this in zip(self.free, wanted, strict=True))


async def of_provider(conn: Connection, provider_id: UUID, asked: Asked) -> list[Free]:
    """The free starts of one provider, week by week. Raises NotFound for what does not exist."""
    found = await of_providers(conn, [provider_id], asked)
    if not any(any(week.free) for week in found):
        ids: dict[str, Any] = {
            "provider_id": provider_id,
            "visit_type_id": asked.visit_type_id,
            "clinic_id": asked.clinic_id,
        }
        known = await db.one(conn, q.known, **ids)
        if not all((known or {}).values()):
            raise await rules.unknown(conn, **ids)
    return found


async def of_providers(conn: Connection, provider_ids: Sequence[UUID], asked: Asked) -> list[Free]:
    """The free starts of these providers in all weeks asked for; weeks without working time are left out."""
    now = clock.now()
    read = await plan.read(conn, provider_ids, asked.visit_type_id, asked.weeks, now)
    found: list[Free] = []
    for plans, busy in read.values():
        for week in plans:
            if week.starts and (week.visit.self_bookable or not asked.self_booking):
                free = Free(week, bytearray(b"\1" * len(week.starts)))
                _keep_asked(free, asked, now)
                for opens, closes in busy:
                    free.block(week.touched(opens, closes))
                found.append(free)
    if found:
        visit = found[0].plan.visit
        if visit.rooms is not None:
            await _keep_with_room(conn, found, now)
        if visit.max_per_day is not None:
            await _drop_full_days(conn, found, asked.visit_type_id, now)
        if asked.patient_id is not None:
            await _keep_for_patient(conn, found, asked, now)
    return found


def _keep_asked(free: Free, asked: Asked, now: datetime) -> None:
    """Keep what lies within notice, horizon and the days asked for, at the clinic and in the part of the day."""
    week = free.plan
    instant = now.timestamp()
    free.block(slice(0, bisect_left(week.starts, ceil(instant + week.visit.notice_s))))
    free.block(slice(bisect_right(week.starts, instant + week.visit.horizon_s), len(week.starts)))
    first, last = (asked.from_on - _EPOCH).days, (asked.to_on - _EPOCH).days
    if week.wall[0] // DAY_S < first or max(week.wall) // DAY_S >= last:
        free.keep(first <= day < last for day in week.days())
    if asked.clinic_id is not None:
        free.keep(week.clinics[place][0] == asked.clinic_id for place in week.place)
    if asked.time_of_day is not None:
        after, before = (edge and edge.hour * 3600 for edge in _PARTS_OF_DAY[asked.time_of_day])
        free.keep((after or 0) <= second % DAY_S < (before or DAY_S) for second in week.wall)


async def _keep_with_room(conn: Connection, found: list[Free], now: datetime) -> None:
    """Keep starts at which a room that would do is free at their clinic."""
    rooms = {room: place for free in found for room, place in free.plan.visit.rooms or ()}
    rows = await db.many(conn, q.rooms_booked, rooms=list(rooms), span=_span(found), now=now)
    busy = {row["room_id"]: list(zip(row["opens"], row["closes"], strict=True)) for row in rows}
    for free in found:
        roomy: dict[int, int] = {}  # by clinic: a byte a start, as one number
        for room, place in free.plan.visit.rooms or ():
            if place is not None:
                this = replace(free, free=bytearray(b"\1" * len(free.free)))
                for opens, closes in busy.get(room, ()):
                    this.block(free.plan.touched(opens, closes))
                roomy[place] = roomy.get(place, 0) | int.from_bytes(this.free, "little")
        masks = {place: number.to_bytes(len(free.free), "little") for place, number in roomy.items()}
        free.keep(place in masks and masks[place][n] for n, place in enumerate(free.plan.place))


async def _drop_full_days(conn: Connection, found: list[Free], visit_type_id: UUID, now: datetime) -> None:
    """Drop the days on which a provider has as many visits of the type as are allowed."""
    asked = {"provider_ids": list({free.plan.provider_id for free in found}), "visit_type_id": visit_type_id}
    most = found[0].plan.visit.max_per_day
    rows = await db.many(conn, q.full_days, **asked, most=most, span=_span(found), now=now)
    full = {(row["provider_id"], (row["day"] - _EPOCH).days) for row in rows}
    if full:
        for free in found:
            free.keep((free.plan.provider_id, day) not in full for day in free.plan.days())


async def _keep_for_patient(conn: Connection, found: list[Free], asked: Asked, now: datetime) -> None:
    """Keep what this patient can take: they are free themselves, accepted, and not at a limit of the visit type.

    Only the visits count against them: buffers are the provider's and the room's.
    """
    rows = await db.many(
        conn,
        q.patient_side,
        provider_ids=list({free.plan.provider_id for free in found}),
        visit_type_id=asked.visit_type_id,
        patient_id=asked.patient_id,
        span=_span(found),
        now=now,
    )
    sides = {row["provider_id"]: row for row in rows}
    for free in found:
        side = sides[free.plan.provider_id]
        if not asked.known and not (side["accepted"] and side["within_limit"]):
            free.block(slice(0, len(free.free)))
        week, length = free.plan, free.plan.visit.duration_s
        for span in side["busy"]:
            opens, closes = int(span.lower.timestamp()), ceil(span.upper.timestamp())
            free.block(slice(bisect_left(week.starts, opens - length + 1), bisect_left(week.starts, closes)))


def _span(found: list[Free]) -> Any:
    return plan.instants(min(free.plan.span[0] for free in found), max(free.plan.span[1] for free in found))


async def nearest(
    conn: Connection,
    *,
    start: datetime,
    provider_ids: Sequence[UUID],
    visit_type_id: UUID,
    clinic_id: UUID,
    patient_id: UUID | None,
    self_booking: bool,
) -> list[dict[str, Any]]:
    """Up to five free slots nearest to `start`, of these providers at the same clinic, within a week either way.

    With `patient_id`, without those at which the patient is busy: else the time just refused may be among them.
    """
    today = clock.now().date()
    slots: list[dict[str, Any]] = []
    for reach in (1, 7):  # nearly always the day itself and its neighbours have enough, and every loser of a race asks
        asked = Asked(
            visit_type_id=visit_type_id,
            clinic_id=clinic_id,
            from_on=max(start.date() - timedelta(days=reach), today - timedelta(days=1)),
            to_on=max(start.date(), today) + timedelta(days=reach + 1),
            self_booking=self_booking,
            patient_id=patient_id,
            known=True,
        )
        slots = [slot for free in await of_providers(conn, provider_ids, asked) for slot in free.slots()]
        slots.sort(key=lambda slot: abs(slot["start"] - start))
        if len(slots) >= ALTERNATIVES and abs(slots[ALTERNATIVES - 1]["start"] - start) <= timedelta(days=reach):
            break
    return sorted(slots[:ALTERNATIVES], key=lambda slot: slot["start"])
