"""Other times for the visits that a time off would displace: the three best for each, all to be had at once.

A time costs its distance from the visit, and more with somebody else or elsewhere: of equal distance, the same provider
comes before a colleague at the clinic, and that one before another clinic. Every visit is dealt its best time that is
left before any is dealt a second.
"""

import heapq
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import clock, db
from frontdesk.db import Connection
from frontdesk.errors import InvalidRequest
from frontdesk.sickday import facts
from frontdesk.sickday.disjoint import Promised
from frontdesk.sickday.facts import Candidate, Facts, Starts, q
from frontdesk.sickday.models import Kind

MOST_OFFERED = 3

MOST_VISITS = 100
"""Each costs some 40 ms when it is entered, all in one transaction. A longer leave is entered in parts."""

_REACHES = (timedelta(days=14), timedelta(days=56))
"""How far beyond the last visit to look; further only for those who find too little."""

_TOGETHER = timedelta(days=28)
"""Visits of so many days share a question about availability, which has a limit."""

_DAY_S = 86_400
_COLLEAGUE_S, _ELSEWHERE_S = _DAY_S, 3 * _DAY_S
"""A colleague is as good as the same provider a day later, and another clinic as three days later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A provider's time off, from one aware instant to another; no clinic: wherever they work."""

    provider_id: UUID
    clinic_id: UUID | None
    start: datetime
    end: datetime

    @property
    def span(self) -> TimestamptzRange:
        """Half-open, as every range."""
        return TimestamptzRange(self.start, self.end)

    def takes(self, start: datetime, end: datetime, clinic_id: UUID) -> bool:
        """Whether it takes any of this time at the clinic away."""
        return start < self.end and self.start < end and self.clinic_id in (None, clinic_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A time for one visit, and how long it would be held. Instants are aware, UTC."""

    kind: Kind
    provider_id: UUID
    clinic_id: UUID
    time_zone: str
    start: datetime
    end: datetime
    expires_at: datetime
    rooms: frozenset[UUID] | None
    limited: bool  # the visit type has limits that depend on the book


@dataclass(frozen=True, slots=True)
class Stranded:
    """A visit (a row of `at_risk`) and what it could have instead, best first."""

    visit: dict[str, Any]
    alternatives: list[Alternative] = field(default_factory=list)


Refused = tuple[UUID, datetime]
"""A provider and a start that turned out not to be had."""


async def find(conn: Connection, away: Away, refused: Collection[Refused] = ()) -> list[Stranded]:
    """The visits that the time off would displace, by start, each with its alternatives. Reads only.

    As if the time off were not entered yet: the caller's transaction has not changed working time. Raises
    InvalidRequest for more visits than one request can look after.
    """
    now = clock.now()
    of = {"provider_id": away.provider_id, "clinic_id": away.clinic_id, "span": away.span}
    found = [Stranded(visit) for visit in await db.many(conn, q.at_risk, **of, now=now)]
    if len(found) > MOST_VISITS:
        text = f"{len(found)} visits are in it, and at most {MOST_VISITS} at once: enter it in parts."
        raise InvalidRequest(text, why="parts", visits=len(found), most=MOST_VISITS)
    promised = Promised()
    for reach in _REACHES:
        lacking = [one for one in found if one.visit["movable"] and len(one.alternatives) < MOST_OFFERED]
        for together in _spans(lacking):
            known = await facts.read(conn, [one.visit for one in together], away.provider_id, reach, now)
            best = {one.visit["id"]: _best(one.visit, away, known, refused, promised) for one in together}
            _deal(together, best, promised)
    return found


def _spans(found: list[Stranded]) -> Iterator[list[Stranded]]:
    """The same, in parts of so many days as may be asked for together."""
    rest = found
    while rest:
        first: date = rest[0].visit["day"]
        together = [one for one in rest if one.visit["day"] - first < _TOGETHER]
        yield together
        rest = [one for one in rest if one.visit["day"] - first >= _TOGETHER]


Offered = tuple[Candidate, Alternative]


def _deal(together: list[Stranded], best: dict[UUID, Iterator[Offered]], promised: Promised) -> None:
    for having in range(MOST_OFFERED):
        for one in together:
            if len(one.alternatives) == having:
                # What could not be taken before cannot be taken later, so each stream is read once.
                for candidate, alternative in best[one.visit["id"]]:
                    if promised.take(candidate.wish):
                        one.alternatives.append(alternative)
                        break


def _best(
    visit: dict[str, Any], away: Away, known: Facts, refused: Collection[Refused], promised: Promised
) -> Iterator[Offered]:
    """All times that the visit could have, whatever others are promised, cheapest first."""
    streams = []
    occupied: set[int] = set()  # starts at which the patient is busy: mostly asked once for each provider
    for starts in known.starts[visit["visit_type_id"]]:
        reached = visit["mode"] == "telehealth" or starts.clinic_id in visit["near"]
        if reached and (visit["id"], starts.provider_id) not in known.not_with:
            kind, extra = _kind(visit, starts, away)
            streams.append(_nearest(starts, visit, extra, kind))
    for _, second, kind, starts in heapq.merge(*streams, key=itemgetter(0, 1)):
        if second in occupied:
            continue
        span = (second, second + starts.plan.visit.duration_s)
        if known.has_patient(visit, span) or promised.has_patient(visit["patient_id"], span):
            occupied.add(second)
            continue
        of = starts.plan.visit
        if promised.has_provider(starts.provider_id, (span[0] - of.before_s, span[1] + of.after_s)):
            continue  # and will not be had later either
        candidate = known.candidate(visit, starts, second)
        if candidate is None or (starts.provider_id, candidate.start) in refused:
            continue
        if kind == "same_provider" and away.takes(candidate.start, candidate.end, starts.clinic_id):
            continue
        yield (
            candidate,
            Alternative(
                kind=kind,
                provider_id=starts.provider_id,
                clinic_id=starts.clinic_id,
                time_zone=starts.time_zone,
                start=candidate.start,
                end=candidate.end,
                expires_at=candidate.expires_at,
                rooms=candidate.wish.rooms,
                limited=starts.plan.visit.limited,
            ),
        )


def _kind(visit: dict[str, Any], starts: Starts, away: Away) -> tuple[Kind, int]:
    """Whose time this is, and what it costs more, in seconds. Who is seen by telehealth travels nowhere."""
    here = starts.clinic_id == visit["clinic_id"]
    near = here or visit["mode"] == "telehealth"
    if starts.provider_id == away.provider_id:
        return "same_provider", 0 if near else _COLLEAGUE_S
    return "same_clinic" if here else "other_clinic", _COLLEAGUE_S if near else _ELSEWHERE_S


def _nearest(
    starts: Starts, visit: dict[str, Any], extra: int, kind: Kind
) -> Iterator[tuple[float, int, Kind, Starts]]:
    """Starts on the visit's day and later, cheapest first; seconds since 1970."""
    second = visit["start"].timestamp()
    first = bisect_left(starts.days, (visit["day"] - date(1970, 1, 1)).days)
    after = max(first, bisect_left(starts.starts, second))
    before = after - 1
    while before >= first or after < len(starts.starts):
        earlier = second - starts.starts[before] if before >= first else float("inf")
        later = starts.starts[after] - second if after < len(starts.starts) else float("inf")
        nearest = before if earlier < later else after
        yield min(earlier, later) + extra, starts.starts[nearest], kind, starts
        if nearest == before:
            before -= 1
        else:
            after += 1
