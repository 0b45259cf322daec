"""Plans: the bookable starts of a provider's working time, in whole weeks, before anything is booked.

Working them out costs PostgreSQL milliseconds and their content changes a few times a month, so each process keeps a
copy. It is never trusted by age: whoever changes working time raises a number in the same transaction
(schema/35_plan_version.sql), and a reader compares that number in the very statement that reads the book. An answer is
therefore never older than a committed change, whichever worker gives it (ADR-0014).
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import db, errors
from frontdesk.db import Connection
from frontdesk.sql import load

q = load(__package__)

DAY_S = 86_400
WEEK = timedelta(days=7)
MOST_SLOTS_KEPT = 400_000
"""At about 250 bytes each: some 100 MB a process when full."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visit type asks of a start; seconds, days and places as in table `visit_type`."""

    duration_s: int
    before_s: int
    after_s: int
    notice_s: int
    horizon_s: int
    self_bookable: bool
    max_per_day: int | None
    rooms: tuple[tuple[UUID, int | None], ...] | None
    """Rooms that would do, each with the index of its clinic; None: the visit needs no room."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One provider's starts for one visit type whose local days lie in some ISO weeks. Parallel sequences, by start."""

    provider_id: UUID
    visit: Visit
    starts: Sequence[int]  # seconds since 1970, UTC
    wall: Sequence[int]  # the clinic's wall clock in the same measure
    place: Sequence[int]  # index into `clinics`
    clinics: Sequence[tuple[UUID, str]]  # id and time zone
    json: Sequence[bytes]  # the slots as they are answered
    owners: str  # an array in the text form of PostgreSQL
    version: int  # the sum of theirs
    good_until: float  # when the next carve-out opens to all: seconds since 1970

    @property
    def span(self) -> tuple[int, int]:
        """First and last second that any claim of these starts could touch."""
        return self.starts[0] - self.visit.before_s, self.starts[-1] + self.visit.duration_s + self.visit.after_s

    def days(self) -> Iterable[int]:
        """The local day of each start, counted from 1970-01-01."""
        return (second // DAY_S for second in self.wall)


Weeks = tuple[date, int]
"""The first Monday, and how many weeks."""

Key = tuple[str, UUID, UUID, Weeks]


class _Kept:
    """Plans of this process, the longest unused dropped first."""

    def __init__(self) -> None:
        self.plans: OrderedDict[Key, Plan] = OrderedDict()
        self.slots = 0

    def get(self, key: Key, now: float) -> Plan | None:
        plan = self.plans.get(key)
        if plan is None or now >= plan.good_until:
            return None
        self.plans.move_to_end(key)
        return plan

    def put(self, key: Key, plan: Plan) -> None:
        self.drop(key)
        self.plans[key] = plan
        self.slots += len(plan.starts) + 1
        while self.slots > MOST_SLOTS_KEPT:
            self.drop(next(iter(self.plans)))

    def drop(self, key: Key) -> None:
        old = self.plans.pop(key, None)
        if old is not None:
            self.slots -= len(old.starts) + 1


_kept = _Kept()

_MOST_TRIES = 20
"""Each further try means that somebody's change of working time was committed in between."""


Busy = Sequence[tuple[float, float]]
"""What the book takes: [opens, closes) in seconds since 1970, in no order."""


async def read(
    conn: Connection, provider_ids: Sequence[UUID], visit_type_id: UUID, weeks: Weeks, now: datetime
) -> list[tuple[Plan, Busy]]:
    """The plan of each of these providers, and what is booked of it: both of one moment.

    Providers that do not exist are left out. `now` is aware.
    """
    for _ in range(_MOST_TRIES):
        plans = await _plans(conn, provider_ids, visit_type_id, weeks, now)
        booked = await _booked(conn, plans, now)
        stale = [plan for plan in plans if booked[plan.provider_id][0] != plan.version]
        if not stale:
            return [(plan, booked[plan.provider_id][1]) for plan in plans]
        for plan in stale:
            _kept.drop(_key(conn, plan.provider_id, visit_type_id, weeks))
    raise errors.Busy("Working time changes faster than it can be read; nothing is wrong with the request.")


def _key(conn: Connection, provider_id: UUID, visit_type_id: UUID, weeks: Weeks) -> Key:
    return conn.info.dbname, provider_id, visit_type_id, weeks


async def _plans(
    conn: Connection, provider_ids: Sequence[UUID], visit_type_id: UUID, weeks: Weeks, now: datetime
) -> list[Plan]:
    instant = now.timestamp()
    plans = []
    missing = []
    for of in provider_ids:
        plan = _kept.get(_key(conn, of, visit_type_id, weeks), instant)
        if plan is None:
            missing.append(of)
        else:
            plans.append(plan)
    if missing:
        monday, count = weeks
        span = {"from_on": monday, "to_on": monday + count * WEEK}
        rows = await db.many(conn, q.plans, provider_ids=missing, visit_type_id=visit_type_id, now=now, **span)
        for plan in map(_plan, rows):
            plans.append(plan)
            _kept.put(_key(conn, plan.provider_id, visit_type_id, weeks), plan)
    return plans


async def _booked(conn: Connection, plans: list[Plan], now: datetime) -> dict[UUID, tuple[int, Busy]]:
    """Version and busy time of each plan's provider."""
    if not plans:
        return {}
    spans = [plan.span for plan in plans if plan.starts]
    # As text: these two parameters are most of what the statement costs this process otherwise.
    span = f"[{_iso(min(s[0] for s in spans))},{_iso(max(s[1] for s in spans))})" if spans else "empty"
    if len(plans) == 1:
        of = plans[0].provider_id
        row = await db.one(conn, q.booked, provider_id=str(of), owners=plans[0].owners, span=span, now=now)
        return {of: _version_and_busy(row)} if row else {}
    of_each = {"provider_ids": [plan.provider_id for plan in plans], "owners": [plan.owners for plan in plans]}
    rows = await db.many(conn, q.booked_of_several, **of_each, span=span, now=now)
    return {row["provider_id"]: _version_and_busy(row) for row in rows}


def _version_and_busy(row: dict[str, Any]) -> tuple[int, Busy]:
    return row["version"], list(zip(row["opens"], row["closes"], strict=True)) if row["opens"] else ()


def instants(opens: int, closes: int) -> TimestamptzRange:
    """[opens, closes), seconds since 1970, as PostgreSQL takes it."""
    return TimestamptzRange(datetime.fromtimestamp(opens, UTC), datetime.fromtimestamp(closes, UTC))


def _plan(row: dict[str, Any]) -> Plan:
    needs_room = row["room_kind"] is not None
    visit = Visit(
        duration_s=row["duration_min"] * 60,
        before_s=row["buffer_before_min"] * 60,
        after_s=row["buffer_after_min"] * 60,
        notice_s=row["min_notice_min"] * 60,
        horizon_s=row["horizon_days"] * DAY_S,
        self_bookable=row["self_bookable"],
        max_per_day=row["max_per_day"],
        rooms=tuple(zip(row["rooms"], (n and n - 1 for n in row["room_places"]), strict=True)) if needs_room else None,
    )
    clinics = tuple(zip(row["clinics"] or (), row["zones"] or (), strict=True))
    # Without any start the outer join leaves one NULL in each array.
    some = row["starts"] is not None and row["starts"][0] is not None
    starts, wall, place = (tuple(row[name]) if some else () for name in ("starts", "wall", "place"))
    ends = [f'","clinic_id":"{clinic_id}","time_zone":"{zone}"}}' for clinic_id, zone in clinics]
    return Plan(
        provider_id=row["provider_id"],
        visit=visit,
        starts=starts,
        wall=wall,
        place=place,
        clinics=clinics,
        json=tuple(
            f'{{"start":"{_iso(start)}","end":"{_iso(start + visit.duration_s)}{ends[at]}'.encode()
            for start, at in zip(starts, place, strict=True)
        ),
        owners=f"{{{','.join(map(str, row['owners']))}}}",
        version=row["version"],
        good_until=row["next_release"].timestamp() if row["next_release"] else float("inf"),
    )


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()
