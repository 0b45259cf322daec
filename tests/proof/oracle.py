"""What can be booked, reckoned slowly and obviously from the written rules (ADR-0008), without SQL.

Local times become instants by looking for them on a wall clock (tests/availability/clocks.py); everything else compares
instants. Nothing here is shared with the code under test.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from tests.availability import clocks
from tests.proof.world import Booking, Question, World

DAY = timedelta(days=1)
Start = tuple[datetime, int]
"""An instant, UTC, and a clinic."""

first_instant = cache(clocks.first_instant)


@dataclass(frozen=True, slots=True)
class Session:
    """One stretch of working time; `reserved`: not for the visit type in question, at this moment."""

    start: datetime
    end: datetime
    reserved: bool

    def has(self, start: datetime) -> bool:
        return self.start <= start < self.end


def local_day(world: World, clinic: int, instant: datetime) -> date:
    """The day on the clinic's wall."""
    return instant.astimezone(ZoneInfo(world.clinics[clinic].zone)).date()


def sessions(world: World, q: Question, clinic: int, first: date, last: date, now: datetime) -> list[Session]:
    """The provider's sessions at the clinic that begin on the local days from `first` to `last`, both inclusive."""
    if not world.clinics[clinic].active:
        return []
    zone, found = world.clinics[clinic].zone, []
    days = [first + n * DAY for n in range((last - first).days + 1)]
    for weekly in world.weekly:
        if (weekly.provider, weekly.clinic) != (q.provider, clinic):
            continue
        for day in days:
            if day.isoweekday() != weekly.weekday or day < weekly.since or (weekly.until and day > weekly.until):
                continue
            weeks = (_monday(day) - _monday(weekly.since)).days // 7
            if weeks % weekly.every_weeks != 0:
                continue
            ends_on = day + DAY if weekly.closes <= weekly.opens else day
            start, end = _at(day, weekly.opens, zone), _at(ends_on, weekly.closes, zone)
            if start < end:
                released = weekly.release_hours is not None and now >= start - timedelta(hours=weekly.release_hours)
                found.append(
                    Session(start, end, bool(weekly.only) and q.visit_type not in weekly.only and not released)
                )
    for extra in world.extra:
        held = (extra.provider, extra.clinic, extra.status) == (q.provider, clinic, "approved")
        if held and first <= local_day(world, clinic, extra.start) <= last:
            found.append(Session(extra.start, extra.end, bool(extra.only) and q.visit_type not in extra.only))
    return found


def offered(world: World, q: Question, now: datetime) -> list[Start]:
    """Every (start, clinic) that can be booked on the days asked for, in order."""
    return sorted(
        (start, clinic) for start, clinic in grid(world, q, now) if not any(reasons(world, q, clinic, start, now))
    )


def grid(world: World, q: Question, now: datetime, *, reserved_too: bool = False) -> set[Start]:
    """Every (start, clinic) on the grids of the sessions, on the days asked for, bookable or not."""
    step = timedelta(minutes=world.visit_types[q.visit_type].step_min)
    found = set()
    for clinic in range(len(world.clinics)):
        for session in sessions(world, q, clinic, q.first - DAY, q.last, now):
            start = session.start
            while start < session.end:
                if q.first <= local_day(world, clinic, start) < q.last and (reserved_too or not session.reserved):
                    found.add((start, clinic))
                start += step
    return found


def reasons(world: World, q: Question, clinic: int, start: datetime, now: datetime) -> tuple[set[str], set[str]]:
    """Why a start cannot be booked: the rules it breaks, and what the book has against it. Both empty: it can."""
    return set(broken(world, q, clinic, start, now)), set(taken(world, q, clinic, start, now))


def broken(world: World, q: Question, clinic: int, start: datetime, now: datetime) -> Iterator[str]:
    """The rules that a start breaks, whatever is booked."""
    visit, provider = world.visit_types[q.visit_type], world.providers[q.provider]
    end = start + visit.duration
    if not provider.active:
        yield "provider-inactive"
    if not world.clinics[clinic].active:
        yield "clinic-inactive"
    if not visit.active:
        yield "visit-type-inactive"
    if q.patient is not None and not world.patients[q.patient].active:
        yield "patient-inactive"
    if provider.offers and q.visit_type not in provider.offers:
        yield "visit-type-not-offered"
    if visit.room_kind is not None and not _rooms(world, clinic, visit.room_kind):
        yield "no-such-room"
    if visit.seats > 1:
        yield "group-visit"
    if q.self_booking and not visit.self_bookable:
        yield "staff-only"
    if not provider.accepting and q.patient is not None and not _was_seen(world, q):
        yield "not-accepting-new-patients"

    day = local_day(world, clinic, start)
    working = sessions(world, q, clinic, day - 2 * DAY, day + 2 * DAY, now)
    open_ = [session for session in working if not session.reserved]
    if not _covered(start, end, working):
        yield "outside-working-time"
    elif not _covered(start, end, open_):
        yield "reserved-session"
    if any(start < till and since < end for since, till in _closed(world, q.provider, clinic)):
        yield "time-off-or-closure"
    around = [session for session in open_ if session.has(start)]
    step = timedelta(minutes=visit.step_min)
    if around and not any((start - session.start) % step == timedelta(0) for session in around):
        yield "off-grid"

    if start < now:
        yield "in-the-past"
    elif start < now + timedelta(minutes=visit.notice_min):
        yield "short-notice"
    if start > now + timedelta(days=visit.horizon_days):
        yield "beyond-horizon"


def taken(world: World, q: Question, clinic: int, start: datetime, now: datetime) -> Iterator[str]:
    """What stands in the book against a start: who or what is busy, and the limits that are reached."""
    visit = world.visit_types[q.visit_type]
    end = start + visit.duration
    opens, closes = start - timedelta(minutes=visit.before_min), end + timedelta(minutes=visit.after_min)
    live = [booking for booking in world.book if booking.live(now)]
    around = [booking for booking in live if booking.taken_from < closes and opens < booking.taken_until]
    if any(booking.provider == q.provider for booking in around):
        yield "provider-taken"
    if q.patient is not None and any(b.patient == q.patient and b.start < end and start < b.end for b in live):
        yield "patient-taken"
    if visit.room_kind is not None:
        rooms = set(_rooms(world, clinic, visit.room_kind))
        if rooms and rooms <= {booking.room for booking in around if booking.clinic == clinic}:
            yield "room-taken"
    if visit.max_per_day is not None:
        day = local_day(world, clinic, start)
        same = [b for b in live if (b.provider, b.visit_type) == (q.provider, q.visit_type)]
        if sum(local_day(world, b.clinic, b.start) == day for b in same) >= visit.max_per_day:
            yield "daily-limit"
    if visit.one_future and q.patient is not None and start > now:
        theirs = [b for b in live if (b.provider, b.patient) == (q.provider, q.patient)]
        if any(b.start > now and b.status not in ("in_progress", "completed") for b in theirs):
            yield "one-future"


def _covered(start: datetime, end: datetime, working: list[Session]) -> bool:
    """Whether the sessions together hold the whole visit: at every moment of it one of them is on."""
    at = start
    while at < end:
        ends = [session.end for session in working if session.has(at)]
        if not ends:
            return False
        at = max(ends)
    return True


def _closed(world: World, provider: int, clinic: int) -> list[tuple[datetime, datetime]]:
    away = [
        (away.start, away.end)
        for away in world.away
        if away.provider == provider and away.clinic in (None, clinic) and away.status == "approved"
    ]
    return away + [(closure.start, closure.end) for closure in world.closures if closure.clinic == clinic]


def _rooms(world: World, clinic: int, kind: str) -> list[int]:
    return [n for n, room in enumerate(world.clinics[clinic].rooms) if room.active and room.kind == kind]


def _was_seen(world: World, q: Question) -> bool:
    """Whether the patient was in this provider's room before, or is there now."""

    def seen(booking: Booking) -> bool:
        return booking.status in ("checked_in", "in_progress", "completed")

    return any(seen(b) and (b.provider, b.patient) == (q.provider, q.patient) for b in world.book)


def _at(day: date, at: time, zone: str) -> datetime:
    return first_instant(datetime.combine(day, at), zone)


def _monday(day: date) -> date:
    return day - (day.isoweekday() - 1) * DAY
