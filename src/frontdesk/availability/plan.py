"""Plans: the bookable starts of a provider's working time, in whole weeks, before anything is booked.

Working them out costs PostgreSQL milliseconds and their content changes a few times a month, so each process keeps a
copy. It is never trusted by age: whoever changes working time raises a number in the same transaction
(schema/35_plan_version.sql), and a reader compares that number in the very statement that reads the book. An answer is
therefore never older than a committed change, whichever worker gives it (ADR-0014).
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.range import TimestamptzRange

from frontdesk import clock, db, errors
from frontdesk.availability.copies import Copies
from frontdesk.db import Connection, Pool, borrow
from frontdesk.sql import load

q = load(__package__)

DAY_S = 86_400
WEEK = timedelta(days=7)
PLAN_ITSELF = 6
"""What a plan costs beside its slots, counted in slots: an empty one is 1.2 kB."""
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
    one_future_per_provider: bool
    mode: str
    rooms: tuple[tuple[UUID, int | None], ...] | None
    """Rooms that would do, each with the index of its clinic; None: the visit needs no room."""

    @property
    def limited(self) -> bool:
        """Whether there are limits that depend on the book (limits.py)."""
        return self.max_per_day is not None or self.one_future_per_provider


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
    owners: tuple[str, ...]
    version: int  # the sum of theirs
    good_until: float  # when the next carve-out opens to all: seconds since 1970

    @property
    def span(self) -> tuple[int, int]:
        """First and last second that any claim of these starts could touch."""
        return self.starts[0] - self.visit.before_s, self.starts[-1] + self.visit.duration_s + self.visit.after_s

    def offers(self, start: float, clinic_id: UUID, now: float, *, self_booking: bool) -> bool:
        """Whether this start (seconds since 1970) is a slot of the clinic, as long as nothing is booked."""
        visit = self.visit
        if not now + visit.notice_s <= start <= now + visit.horizon_s or (self_booking and not visit.self_bookable):
            return False
        return any(
            self.clinics[self.place[n]][0] == clinic_id
            for n in range(bisect_left(self.starts, start), bisect_right(self.starts, start))
        )

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
        self.slots += len(plan.starts) + PLAN_ITSELF
        while self.slots > MOST_SLOTS_KEPT:
            self.drop(next(iter(self.plans)))

    def drop(self, key: Key) -> None:
        old = self.plans.pop(key, None)
        if old is not None:
            self.slots -= len(old.starts) + PLAN_ITSELF


_kept = _Kept()

_TRIES_WITH_COPIES = 2
_MOST_TRIES = 20
"""Each further try means that somebody's change of working time was committed in between."""


async def of_start(
    pool: Pool, provider_id: UUID, visit_type_id: UUID, clinic_id: UUID, start: datetime, *, self_booking: bool
) -> Plan | None:
    """The plan that offers this start (aware), or None. Borrows a connection only for a plan that is not kept yet.

    The plan may be outdated: whoever relies on it compares its version under the provider's lock.
    """
    now = clock.now()
    # The week is that of the clinic's wall clock, which differs from UTC by less than 15 hours.
    for monday in dict.fromkeys(_monday(start + edge) for edge in (-_ZONE_MOST, _ZONE_MOST)):
        weeks = (monday, 1)
        plan = _kept.get((pool.name, provider_id, visit_type_id, weeks), now.timestamp())
        if plan is None:
            async with borrow(pool) as conn:
                (plan,) = await _plans(conn, [(provider_id, visit_type_id, weeks)], now)
        if plan and plan.offers(start.timestamp(), clinic_id, now.timestamp(), self_booking=self_booking):
            return plan
    return None


def forget(pool: Pool, provider_id: UUID, visit_type_id: UUID, start: datetime) -> None:
    """Read the plans of this start (aware) anew next time: what they offered was not to be had."""
    for monday in {_monday(start - _ZONE_MOST), _monday(start + _ZONE_MOST)}:
        _kept.drop((pool.name, provider_id, visit_type_id, (monday, 1)))


def _monday(instant: datetime) -> date:
    day = instant.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


_ZONE_MOST = timedelta(hours=15)

Busy = Sequence[tuple[float, float]]
"""What the book takes: [opens, closes) in seconds since 1970, in no order."""


Question = tuple[UUID, UUID, Weeks]
"""Provider, visit type, weeks."""

_NONE: Mapping[Question, int] = {}


async def read(
    conn: Connection, asked: Sequence[Question], now: datetime, copies: Copies | None = None, *, kept: bool = True
) -> list[tuple[Plan, Busy] | None]:
    """The plans asked for, each with what is booked of it, both of one moment; None where something does not exist.

    In the order of `asked`. `now` is aware. `copies`: where other processes may have a plan that this one lacks; only
    for a connection without changes of its own, which would be copied before they are committed. Not `kept`: for a
    transaction that has changed working time; if it is rolled back, its version becomes another change's.
    """
    if not kept:
        return await read_of_length(conn, asked, now, None)
    outdated: dict[Question, int] = {}
    for attempt in range(_MOST_TRIES):
        # A copy may be old once more. Who was told so twice asks the database alone.
        plans = await _plans(conn, asked, now, copies if attempt < _TRIES_WITH_COPIES else None, outdated)
        booked = await _booked(conn, plans, now)
        stale = [n for n, plan in enumerate(plans) if plan and plan.version != booked[n][0]]
        if not stale:
            return [(plan, booked[n][1]) if plan else None for n, plan in enumerate(plans)]
        for n in stale:
            _kept.drop((conn.info.dbname, *asked[n]))
        outdated = {asked[n]: plan.version for n in stale if (plan := plans[n])}
    raise errors.Busy("Working time changes faster than it can be read; nothing is wrong with the request.")


async def read_of_length(
    conn: Connection, asked: Sequence[Question], now: datetime, length: timedelta | None
) -> list[tuple[Plan, Busy] | None]:
    """As `read` tells it, worked out for this once: for visits of this length, or as their type says."""
    length_s = int(length.total_seconds()) if length else None
    found: list[Plan | None] = []
    for provider_id, visit_type_id, weeks in asked:
        rows = await _rows(conn, [provider_id], visit_type_id, weeks, now, length_s)
        found.append(next((_plan(row, length_s) for row in rows), None))
    booked = await _booked(conn, found, now)
    return [(plan, booked[n][1]) if plan else None for n, plan in enumerate(found)]


async def _plans(
    conn: Connection,
    asked: Sequence[Question],
    now: datetime,
    copies: Copies | None = None,
    outdated: Mapping[Question, int] = _NONE,
) -> list[Plan | None]:
    """The plans kept here; those that are not from the copies; and the rest from the database."""
    database, instant = conn.info.dbname, now.timestamp()
    plans = [_kept.get((database, *question), instant) for question in asked]
    unknown = [question for question, plan in zip(asked, plans, strict=True) if plan is None]
    if not unknown:
        return plans
    copied = await copies.find(conn, unknown, now, outdated) if copies else {}
    found = {question: _plan(row) for question, row in copied.items()}
    for question, plan in found.items():
        _kept.put((database, *question), plan)
    missing: dict[tuple[UUID, Weeks], list[UUID]] = {}
    for question in unknown:
        if question not in found:
            missing.setdefault(question[1:], []).append(question[0])
    for (visit_type_id, weeks), provider_ids in missing.items():
        rows = await _rows(conn, provider_ids, visit_type_id, weeks, now)
        for plan in map(_plan, rows):
            found[plan.provider_id, visit_type_id, weeks] = plan
            _kept.put((database, plan.provider_id, visit_type_id, weeks), plan)
        if copies:
            await copies.keep(conn, [((row["provider_id"], visit_type_id, weeks), row) for row in rows])
    return [plan or found.get(question) for question, plan in zip(asked, plans, strict=True)]


async def _rows(
    conn: Connection,
    provider_ids: Sequence[UUID],
    visit_type_id: UUID,
    weeks: Weeks,
    now: datetime,
    length_s: int | None = None,
) -> list[dict[str, Any]]:
    monday, count = weeks
    asked = {"from_on": monday, "to_on": monday + count * WEEK, "length_s": length_s, "now": now}
    return await db.many(conn, q.plans, provider_ids=provider_ids, visit_type_id=visit_type_id, **asked)


async def _booked(conn: Connection, plans: list[Plan | None], now: datetime) -> dict[int, tuple[int, Busy]]:
    """Version and busy time of each plan's provider, by the plan's place in the list."""
    asked = [
        # As one JSON text: to dump arrays and ranges costs this process more than the rest of the statement.
        {"n": n, "provider_id": plan.provider_id, "owners": plan.owners, "span": _range(plan)}
        for n, plan in enumerate(plans)
        if plan
    ]
    rows = await db.many(conn, q.booked, asked=orjson.dumps(asked).decode(), now=now) if asked else []
    return {row["n"]: _version_and_busy(row) for row in rows}


def _version_and_busy(row: dict[str, Any]) -> tuple[int, Busy]:
    return row["version"], list(zip(row["opens"], row["closes"], strict=True)) if row["opens"] else ()


def instants(opens: int, closes: int) -> TimestamptzRange:
    """[opens, closes), seconds since 1970, as PostgreSQL takes it."""
    return TimestamptzRange(datetime.fromtimestamp(opens, UTC), datetime.fromtimestamp(closes, UTC))


def _plan(row: dict[str, Any], length_s: int | None = None) -> Plan:
    needs_room = row["room_kind"] is not None
    visit = Visit(
        duration_s=length_s or row["duration_min"] * 60,
        before_s=row["buffer_before_min"] * 60,
        after_s=row["buffer_after_min"] * 60,
        notice_s=row["min_notice_min"] * 60,
        horizon_s=row["horizon_days"] * DAY_S,
        self_bookable=row["self_bookable"],
        max_per_day=row["max_per_day"],
        one_future_per_provider=row["one_future_per_provider"],
        mode=row["mode"],
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
        owners=tuple(map(str, row["owners"])),
        version=row["version"],
        good_until=row["next_release"].timestamp() if row["next_release"] else float("inf"),
    )


def _range(plan: Plan) -> str:
    """The plan's span in the text form of PostgreSQL."""
    return "[{},{})".format(*map(_iso, plan.span)) if plan.starts else "empty"


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()
