"""What is known about times that displaced visits might have: working time, the book, rooms, limits, the patients."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import compress
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.range import TimestamptzRange

from frontdesk import db
from frontdesk.availability import plan as plans
from frontdesk.availability import service as availability
from frontdesk.availability.plan import DAY_S, Plan
from frontdesk.availability.service import Asked, Free
from frontdesk.db import Connection
from frontdesk.settings import settings
from frontdesk.sickday.disjoint import Span, Wish, among, overlap
from frontdesk.sql import load
from frontdesk.waitlist import suiting

q = load(__package__)

MOST_PROVIDERS = 40
"""So many are asked for one visit type and clinic: the nearest, who are the most welcome."""

_DAY = timedelta(days=1)
_EPOCH = date(1970, 1, 1)

Visit = Mapping[str, Any]
"""A row of `at_risk`."""


@dataclass(frozen=True, slots=True)
class Starts:
    """The free starts of one provider at one clinic for one visit type, in seconds since 1970, and their local days."""

    plan: Plan
    clinic_id: UUID
    time_zone: str
    starts: Sequence[int]
    days: Sequence[int]

    @property
    def provider_id(self) -> UUID:
        return self.plan.provider_id


@dataclass(frozen=True, slots=True)
class Candidate:
    """A time that a visit could have, and what it would take. Instants are aware, UTC."""

    wish: Wish
    start: datetime
    end: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """As of `now`. `starts`: by visit type; `not_with`: visits and the providers they cannot be moved to."""

    now: datetime
    starts: Mapping[UUID, Sequence[Starts]]
    not_with: frozenset[tuple[UUID, UUID]]
    patient_busy: Mapping[UUID, Sequence[Span]]  # by visit, in order; nobody is at two places
    room_busy: Mapping[UUID, Sequence[Span]]
    on_day: Mapping[tuple[UUID, UUID, int], int]  # visits, by provider, visit type and local day
    rooms_at: dict[tuple[UUID, UUID, int], frozenset[UUID] | None] = field(default_factory=dict)
    """Those free for a visit type at a clinic and a start, once they were looked for: the same for every provider."""

    def candidate(self, visit: Visit, starts: Starts, second: int) -> Candidate | None:
        """This start for this visit, whose patient is free then; None when nobody could answer in time."""
        of, plan = starts.plan.visit, starts.plan
        patient = (float(second), float(second + of.duration_s))
        claim = (patient[0] - of.before_s, patient[1] + of.after_s)
        start = datetime.fromtimestamp(second, UTC)
        notice, ttl = timedelta(seconds=of.notice_s), settings().alternatives_ttl
        # Once the visit itself begins there is nothing left to move.
        expires_at = min(suiting.expiry(start, self.now, notice, ttl), visit["start"])
        if expires_at - self.now < suiting.SHORTEST:
            return None
        at = (visit["visit_type_id"], starts.clinic_id, second)
        if at not in self.rooms_at:
            self.rooms_at[at] = self._rooms(plan, starts.clinic_id, claim)
        day = starts.days[bisect_left(starts.starts, second)]
        left = None
        if of.max_per_day is not None:
            left = of.max_per_day - self.on_day.get((plan.provider_id, visit["visit_type_id"], day), 0)
        wish = Wish(
            patient_id=visit["patient_id"],
            provider_id=plan.provider_id,
            clinic_id=starts.clinic_id,
            visit_type_id=visit["visit_type_id"],
            visit=patient,
            claim=claim,
            day=day,
            rooms=self.rooms_at[at],
            day_left=left,
            once=of.one_future_per_provider,
        )
        return Candidate(wish, start, start + timedelta(seconds=of.duration_s), expires_at)

    def has_patient(self, visit: Visit, span: Span) -> bool:
        """Whether the patient of this visit has something that overlaps this time."""
        return among(self.patient_busy.get(visit["id"], ()), span)

    def _rooms(self, plan: Plan, clinic_id: UUID, claim: Span) -> frozenset[UUID] | None:
        if plan.visit.rooms is None:
            return None
        return frozenset(
            room
            for room, place in plan.visit.rooms
            if place is not None
            and plan.clinics[place][0] == clinic_id
            and not any(overlap(claim, busy) for busy in self.room_busy.get(room, ()))
        )


async def read(conn: Connection, visits: Sequence[Visit], away_id: UUID, reach: timedelta, now: datetime) -> Facts:
    """All that has to be known to move these visits of one provider up to `reach` beyond the last of them.

    A few statements for each of their visit types and clinics, however many visits there are.
    """
    first, last = min(visit["day"] for visit in visits), max(visit["day"] for visit in visits)
    span = TimestamptzRange(_midnight(first, -1), _midnight(last, 2) + reach)
    starts: dict[UUID, list[Starts]] = {}
    on_day: dict[tuple[UUID, UUID, int], int] = {}
    for visit_type_id in sorted({visit["visit_type_id"] for visit in visits}):
        clinics = {visit["clinic_id"] for visit in visits if visit["visit_type_id"] == visit_type_id}
        who = await _providers(conn, away_id, visit_type_id, sorted(clinics))
        asked = Asked(visit_type_id=visit_type_id, from_on=first, to_on=last + reach, self_booking=False)
        found = await availability.of_providers(conn, who, asked)
        starts[visit_type_id] = [one for free in found for one in _by_clinic(free)]
        if found and found[0].plan.visit.max_per_day is not None:
            rows = await db.many(conn, q.day_counts, provider_ids=who, visit_type_id=visit_type_id, span=span, now=now)
            for row in rows:
                on_day[row["provider_id"], visit_type_id, (row["day"] - _EPOCH).days] = row["visits"]
    plans_found = [one.plan for of_type in starts.values() for one in of_type]
    asked_visits = orjson.dumps(
        [{name: visit[name] for name in ("id", "patient_id", "visit_type_id")} for visit in visits]
    ).decode()
    who = list({plan.provider_id for plan in plans_found})
    refused = await db.many(conn, q.not_with, visits=asked_visits, provider_ids=who, away_id=away_id, now=now)
    return Facts(
        now=now,
        starts=starts,
        not_with=frozenset((row["id"], row["provider_id"]) for row in refused),
        patient_busy=_spans(await db.many(conn, q.patients_busy, visits=asked_visits, span=span, now=now)),
        room_busy=await _room_busy(conn, plans_found, span, now),
        on_day=on_day,
    )


async def _providers(conn: Connection, away_id: UUID, visit_type_id: UUID, clinics: Iterable[UUID]) -> list[UUID]:
    found: dict[UUID, None] = {}
    for clinic_id in clinics:
        of = {"provider_id": away_id, "visit_type_id": visit_type_id, "clinic_id": clinic_id}
        found |= dict.fromkeys(row["id"] for row in await db.many(conn, q.colleagues, **of, most=MOST_PROVIDERS))
    return list(found)


def _by_clinic(free: Free) -> Iterable[Starts]:
    plan = free.plan
    at: defaultdict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for second, wall, place in compress(zip(plan.starts, plan.wall, plan.place, strict=True), free.free):
        at[place][0].append(second)
        at[place][1].append(wall // DAY_S)
    for place, (starts, days) in at.items():
        yield Starts(plan, *plan.clinics[place], starts, days)


async def _room_busy(
    conn: Connection, found: Iterable[Plan], span: TimestamptzRange, now: datetime
) -> dict[UUID, Sequence[Span]]:
    rooms = list({room for plan in found for room, place in plan.visit.rooms or () if place is not None})
    if not rooms:
        return {}
    rows = await db.many(conn, plans.q.rooms_booked, rooms=rooms, span=span, now=now)
    return {row["room_id"]: list(zip(row["opens"], row["closes"], strict=True)) for row in rows}


def _spans(rows: Iterable[Mapping[str, Any]]) -> dict[UUID, Sequence[Span]]:
    spans: defaultdict[UUID, list[Span]] = defaultdict(list)
    for row in rows:
        spans[row["id"]].append((row["start"].timestamp(), row["end"].timestamp()))
    return dict(spans)


def _midnight(day: date, plus: int) -> datetime:
    """Midnight UTC, `plus` days after a day: those more on either side are for the zones of clinics."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + plus * _DAY
