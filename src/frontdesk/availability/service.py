"""Free slots of providers, and why a time is not among them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import compress
from typing import Any, Self
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import clock, db
from frontdesk.availability import plan as plans
from frontdesk.availability import rules
from frontdesk.availability.copies import Copies
from frontdesk.availability.plan import DAY_S, Busy, Plan, Weeks, q
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

    def holds(self, second: int) -> bool:
        """Whether this second of the day lies in it."""
        after, before = (edge and edge.hour * 3600 for edge in _PARTS_OF_DAY[self])
        return (after or 0) <= second < (before or DAY_S)


_PARTS_OF_DAY: dict[TimeOfDay, tuple[time, time | None]] = {
    TimeOfDay.NIGHT: (time(0), time(6)),
    TimeOfDay.MORNING: (time(6), time(12)),
    TimeOfDay.AFTERNOON: (time(12), time(17)),
    TimeOfDay.EVENING: (time(17), None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """A visit that is to move: nowhere is it in its own way, and where it stands it need not go."""

    id: UUID
    provider_id: UUID
    room_id: UUID | None
    during: TimestamptzRange
    claims: TimestamptzRange

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """That of an appointment's row."""
        return cls(**{name: row[name] for name in ("id", "provider_id", "room_id", "during", "claims")})

    def spared(self, busy: Busy) -> Busy:
        """`busy` without what the visit claims; once, for an overbooked one beside it may claim just the same."""
        assert self.claims.lower is not None
        assert self.claims.upper is not None
        rest, own = list(busy), (self.claims.lower.timestamp(), self.claims.upper.timestamp())
        if own in rest:
            rest.remove(own)
        return rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to know.

    `from_on` to `to_on` (exclusive) are local days of each clinic. `self_booking`: as a patient would see it, without
    visit types that only staff book. `patient_id`: only what this patient can take; `known`, when the provider has
    accepted them already, as when a visit moves. `length`: of a visit that may be longer or shorter than its type says.
    `moving`: the patient's visit that the time is for.
    """

    visit_type_id: UUID
    from_on: date
    to_on: date
    clinic_id: UUID | None = None
    time_of_day: TimeOfDay | None = None
    self_booking: bool = True
    patient_id: UUID | None = None
    known: bool = False
    length: timedelta | None = None
    moving: Moving | None = None

    @property
    def weeks(self) -> Weeks:
        """The weeks concerned."""
        monday = self.from_on - timedelta(days=self.from_on.weekday())
        return monday, ((self.to_on - monday).days + 6) // 7


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

    @classmethod
    def all_of(cls, plan: Plan) -> Self:
        """Nothing is taken yet."""
        return cls(plan, bytearray(b"\1" * len(plan.starts)))

    def block(self, first: int, end: int) -> None:
        """The starts from number `first` to before `end` are not free."""
        if first < end:
            self.free[first:end] = bytes(end - first)

    def take(self, busy: Iterable[tuple[float, float]]) -> None:
        """Starts whose claims would overlap any of these [opens, closes), seconds since 1970, are not free."""
        starts, visit = self.plan.starts, self.plan.visit
        reach = visit.duration_s + visit.after_s
        for opens, closes in busy:
            self.block(bisect_right(starts, opens - reach), bisect_left(starts, closes + visit.before_s))

    def keep(self, wanted: Iterable[object]) -> None:
        """Of all starts, only those that are wanted stay free; a truth value each."""
        self.free[:] = bytes(free and bool(this) for free, this in zip(self.free, wanted, strict=True))


async def of_provider(conn: Connection, provider_id: UUID, asked: Asked) -> list[Free]:
    """The free starts of one provider, none or one set of them. Raises NotFound for what does not exist."""
    found = await of_providers(conn, [provider_id], asked)
    if not any(any(free.free) for free in found):
        await must_exist(conn, provider_id, asked)
    return found


async def must_exist(conn: Connection, provider_id: UUID, asked: Asked) -> None:
    """Raise NotFound when there is no such provider, visit type or clinic."""
    of = {"provider_id": provider_id, "visit_type_id": asked.visit_type_id, "clinic_id": asked.clinic_id}
    known = await db.one(conn, q.known, **of)
    if not all((known or {}).values()):
        raise await rules.unknown(
            conn, provider_id=provider_id, visit_type_id=asked.visit_type_id, clinic_id=asked.clinic_id
        )


async def of_providers(
    conn: Connection, provider_ids: Sequence[UUID], asked: Asked, copies: Copies | None = None, *, kept: bool = True
) -> list[Free]:
    """The free starts of these providers; those without working time are left out. `copies`, `kept`: `plans.read`."""
    now = clock.now()
    questions = [(of, asked.visit_type_id, asked.weeks) for of in provider_ids]
    read = await plans.read(conn, questions, now, copies, kept=kept)
    if asked.length and any(one and one[0].visit.duration_s != asked.length.total_seconds() for one in read):
        read = await plans.read_of_length(conn, questions, now, asked.length)
    found = [free for one in read if one and (free := free_of(*one, asked, now))]
    if found and needs_more(found[0], asked):
        await narrow(conn, found, asked, now)
    return found


def free_of(plan: Plan, busy: Busy, asked: Asked, now: datetime) -> Free | None:
    """What is free of a plan as far as working time and the provider's book tell; None without any start."""
    if not plan.starts or (asked.self_booking and not plan.visit.self_bookable):
        return None
    free = Free.all_of(plan)
    _keep_asked(free, asked, now)
    if asked.moving is None or asked.moving.provider_id != plan.provider_id:
        free.take(busy)
        return free
    free.take(asked.moving.spared(busy))
    assert asked.moving.during.lower is not None
    start = asked.moving.during.lower.timestamp()
    free.block(bisect_left(plan.starts, start), bisect_right(plan.starts, start))
    return free


def needs_more(free: Free, asked: Asked) -> bool:
    """Whether rooms, limits or a patient have a say too."""
    return free.plan.visit.rooms is not None or free.plan.visit.limited or asked.patient_id is not None


async def narrow(conn: Connection, found: list[Free], asked: Asked, now: datetime) -> None:
    """Leave what rooms, limits and the patient leave of these."""
    visit = found[0].plan.visit
    if visit.rooms is not None:
        await _keep_with_room(conn, found, asked.moving, now)
    if visit.max_per_day is not None:
        await _drop_full_days(conn, found, asked, now)
    if asked.patient_id is not None:
        await _keep_for_patient(conn, found, asked, now)


def _keep_asked(free: Free, asked: Asked, now: datetime) -> None:
    """Keep what lies within notice, horizon and the days asked for, at the clinic and in the part of the day."""
    plan = free.plan
    instant = now.timestamp()
    free.block(0, bisect_left(plan.starts, instant + plan.visit.notice_s))
    free.block(bisect_right(plan.starts, instant + plan.visit.horizon_s), len(plan.starts))
    first, last = (asked.from_on - _EPOCH).days, (asked.to_on - _EPOCH).days
    if min(plan.wall) // DAY_S < first or max(plan.wall) // DAY_S >= last:
        free.keep(first <= day < last for day in plan.days())
    if asked.clinic_id is not None:
        free.keep(plan.clinics[place][0] == asked.clinic_id for place in plan.place)
    if asked.time_of_day is not None:
        free.keep(asked.time_of_day.holds(second % DAY_S) for second in plan.wall)


async def _keep_with_room(conn: Connection, found: list[Free], moving: Moving | None, now: datetime) -> None:
    """Keep starts at which a room that would do is free at their clinic."""
    rooms = {room: place for free in found for room, place in free.plan.visit.rooms or ()}
    rows = await db.many(conn, q.rooms_booked, rooms=list(rooms), span=_span(found), now=now)
    busy: dict[UUID, Busy] = {row["room_id"]: list(zip(row["opens"], row["closes"], strict=True)) for row in rows}
    if moving and moving.room_id in busy:
        busy[moving.room_id] = moving.spared(busy[moving.room_id])
    for free in found:
        roomy: dict[int, int] = {}  # by clinic: a byte a start, as one number
        for room, place in free.plan.visit.rooms or ():
            if place is not None:
                this = Free.all_of(free.plan)
                this.take(busy.get(room, ()))
                roomy[place] = roomy.get(place, 0) | int.from_bytes(this.free, "little")
        masks = {place: number.to_bytes(len(free.free), "little") for place, number in roomy.items()}
        free.keep(place in masks and masks[place][n] for n, place in enumerate(free.plan.place))


async def _drop_full_days(conn: Connection, found: list[Free], asked: Asked, now: datetime) -> None:
    """Drop the days on which a provider has as many visits of the type as are allowed."""
    of = {"provider_ids": list({free.plan.provider_id for free in found}), "visit_type_id": asked.visit_type_id}
    but = asked.moving and asked.moving.id
    most = found[0].plan.visit.max_per_day
    rows = await db.many(conn, q.full_days, **of, but=but, most=most, span=_span(found), now=now)
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
        own=asked.moving and asked.moving.during,
        span=_span(found),
        now=now,
    )
    sides = {row["provider_id"]: row for row in rows}
    for free in found:
        side = sides[free.plan.provider_id]
        if not asked.known and not (side["accepted"] and side["within_limit"]):
            free.block(0, len(free.free))
        starts, length = free.plan.starts, free.plan.visit.duration_s
        for span in side["busy"]:
            opens, closes = span.lower.timestamp(), span.upper.timestamp()
            free.block(bisect_right(starts, opens - length), bisect_left(starts, closes))


def _span(found: list[Free]) -> Any:
    return plans.instants(min(free.plan.span[0] for free in found), max(free.plan.span[1] for free in found))


async def nearest(
    conn: Connection,
    *,
    start: datetime,
    provider_ids: Sequence[UUID],
    visit_type_id: UUID,
    clinic_id: UUID,
    patient_id: UUID | None,
    self_booking: bool,
    length: timedelta | None = None,
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
            length=length,
        )
        slots = [slot for free in await of_providers(conn, provider_ids, asked) for slot in free.slots()]
        slots.sort(key=lambda slot: abs(slot["start"] - start))
        if len(slots) >= ALTERNATIVES and abs(slots[ALTERNATIVES - 1]["start"] - start) <= timedelta(days=reach):
            break
    return sorted(slots[:ALTERNATIVES], key=lambda slot: slot["start"])
