"""Worlds, drawn by Hypothesis: small, near the days on which something special happens, and such that they shrink.

The first choice of every draw is the plain one (no carve-out, no buffer, nothing booked), so that what is left of a
failing world after shrinking is what matters.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from frontdesk import clock
from tests.proof.oracle import DAY, first_instant, local_day
from tests.proof.world import (
    Away,
    Booking,
    Clinic,
    Closure,
    Extra,
    Patient,
    Provider,
    Question,
    Room,
    VisitType,
    Weekly,
    World,
)

T = TypeVar("T")

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Sydney",
    "Australia/Lord_Howe",  # changes by half an hour
    "America/Santiago",  # changes at midnight, in the other half of the year
    "Asia/Beirut",  # changes at midnight
    "Africa/Cairo",  # changes at midnight, between Thursday and Friday
    "America/Havana",  # midnight becomes one o'clock, and one o'clock midnight
    "Atlantic/Azores",  # the same, west of Greenwich
    "America/Nuuk",  # changes on the evening before
    "Antarctica/Troll",  # changes by two hours
    "Pacific/Chatham",  # an offset of 12:45 or 13:45
    "Asia/Kathmandu",  # never changes
)
HORIZON = 730
LONG_AGO = date(2000, 1, 3)
OPENS = [
    time(h, m) for h, m in ((9, 0), (0, 0), (0, 30), (1, 0), (1, 45), (2, 0), (2, 30), (13, 0), (21, 30), (23, 15))
]
LENGTHS_MIN = (180, 300, 45, 120, 480, 735)


@dataclass(frozen=True, slots=True)
class Case:
    """A world, what it is asked, and what happens to its hours afterwards."""

    world: World
    question: Question
    later: tuple[Away | Closure, ...]


@cache
def change_days(zone: str, today: date) -> list[date]:
    """The local days within the longest horizon on which the clocks change."""
    noons = [datetime.combine(today + n * DAY, time(12), ZoneInfo(zone)) for n in range(HORIZON - 3)]
    return [b.date() for a, b in pairwise(noons) if a.utcoffset() != b.utcoffset()]


def maybe(strategy: st.SearchStrategy[T], plain: T, *, one_in: int = 4) -> st.SearchStrategy[T]:
    """`plain`, and once in a while something of `strategy`: by a place in a list, because `one_of` weighs nothing."""
    return st.sampled_from(range(one_in)).flatmap(lambda n: strategy if n == one_in - 1 else st.just(plain))


def mostly(plain: bool, *, one_in: int = 12) -> st.SearchStrategy[bool]:
    return maybe(st.just(not plain), plain, one_in=one_in)


rooms = st.builds(Room, kind=st.sampled_from(("consultation", "consultation", "lab")), active=mostly(True))
clinics = st.builds(
    Clinic,
    zone=st.sampled_from(ZONES),
    active=mostly(True, one_in=15),
    rooms=maybe(st.just([]), [Room()], one_in=8)
    .flatmap(lambda some: st.lists(rooms, min_size=len(some), max_size=3))
    .map(tuple),
)
visit_types = st.builds(
    VisitType,
    duration_min=st.sampled_from((30, 15, 20, 45, 60, 90, 120, 25)),
    step_min=st.sampled_from((30, 60, 15, 20, 45, 120)),
    before_min=maybe(st.sampled_from((5, 15, 30)), 0),
    after_min=maybe(st.sampled_from((10, 15, 60)), 0),
    notice_min=maybe(st.sampled_from((120, 1440, 60, 4000)), 0),
    horizon_days=maybe(st.sampled_from((90, 30, 7, 1)), HORIZON),
    room_kind=maybe(st.just("consultation"), None, one_in=3),
    max_per_day=maybe(st.integers(1, 3), None),
    one_future=mostly(False),
    self_bookable=mostly(True, one_in=16),
    active=mostly(True, one_in=15),
    seats=maybe(st.just(8), 1, one_in=30),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A world whose hours lie on and beside the days that it is asked about."""
    today = clock.now().date()
    places = tuple(draw(st.lists(clinics, min_size=1, max_size=2)))
    types = (draw(visit_types), draw(visit_types))
    first, last = draw(windows(places[0].zone, types[0].horizon_days, today))
    offers = maybe(st.sampled_from(((0, 1), (0,), (1,))), (), one_in=8)
    only = maybe(st.lists(st.integers(0, len(types) - 1), min_size=1, unique=True).map(tuple), ())
    clinic = st.integers(0, len(places) - 1)
    moment = moments(places[0].zone, first, last)
    closures = draw(maybe(st.lists(closed(clinic, moment), min_size=1, max_size=2, unique=True), []))
    world = World(
        clinics=places,
        providers=(
            Provider(active=draw(mostly(True, one_in=15)), accepting=draw(mostly(True, one_in=8)), offers=draw(offers)),
            Provider(),
        ),
        patients=(Patient(active=draw(mostly(True, one_in=15))), Patient()),
        visit_types=types,
        weekly=tuple(draw(st.lists(weekly(clinic, only, first, last), min_size=1, max_size=5))),
        extra=tuple(draw(maybe(st.lists(extra(clinic, only, moment), min_size=1, max_size=2), []))),
        away=tuple(draw(maybe(st.lists(away(clinic, moment), min_size=1, max_size=2), []))),
        closures=tuple(closures),
    )
    for booking in draw(st.lists(bookings(world, first, last), max_size=5)):
        if not any(collide(booking, other) for other in world.book):
            world = world.with_booking(booking)
    later = draw(st.lists(away(clinic, moment) | closed(clinic, moment), min_size=1, max_size=2, unique=True))
    question = Question(0, 0, 0, draw(st.booleans()), first, last)
    return Case(world, question, tuple(change for change in later if change not in closures))


@st.composite
def windows(draw: st.DrawFn, zone: str, horizon_days: int, today: date) -> tuple[date, date]:
    """Local days [first, last): at a change of clocks, around now, at the edge of the horizon, or anywhere."""
    changes = [day for day in change_days(zone, today) if day < today + horizon_days * DAY]
    if changes and draw(mostly(True, one_in=3)):
        first = draw(st.sampled_from(changes)) - draw(st.sampled_from((0, 1))) * DAY
    else:
        anywhere, now, edge = (1, horizon_days), (-1, 2), (horizon_days - 1, horizon_days + 1)
        first = today + draw(st.integers(*draw(st.sampled_from((anywhere, now, edge))))) * DAY
    return first, first + draw(st.integers(1, 3)) * DAY


@st.composite
def weekly(
    draw: st.DrawFn, clinic: st.SearchStrategy[int], only: st.SearchStrategy[tuple[int, ...]], first: date, last: date
) -> Weekly:
    """A session on one of the days asked about, or on the day before."""
    days = (last - first).days
    day = first + draw(st.sampled_from((*range(days), *range(-1, days)))) * DAY
    opens = draw(st.sampled_from(OPENS))
    closes = (datetime.combine(day, opens) + timedelta(minutes=draw(st.sampled_from(LENGTHS_MIN)))).time()
    if draw(mostly(False, one_in=10)):
        opens = closes = time(0)
    reserved = draw(only)
    since = draw(maybe(st.integers(-20, 1).map(lambda n: first + n * DAY), LONG_AGO, one_in=6))
    return Weekly(
        provider=draw(mostly(False, one_in=6).map(int)),
        clinic=draw(clinic),
        weekday=day.isoweekday(),
        opens=opens,
        closes=closes,
        since=since,
        until=draw(maybe(st.integers(0, 3).map(lambda n: max(since, first + n * DAY)), None, one_in=6)),
        every_weeks=draw(maybe(st.integers(2, 4), 1, one_in=8)),
        only=reserved,
        release_hours=draw(maybe(st.sampled_from((24, 48, 0, 1, 8760)), None, one_in=2)) if reserved else None,
    )


@st.composite
def moments(draw: st.DrawFn, zone: str, first: date, last: date) -> datetime:
    """An instant on a quarter of an hour, on the days asked about or the day before."""
    day = first + draw(st.integers(-1, (last - first).days)) * DAY
    return first_instant(datetime.combine(day, time(0)), zone) + timedelta(minutes=15 * draw(st.integers(0, 95)))


LASTING = st.sampled_from([timedelta(minutes=m) for m in (60, 30, 120, 100, 240, 600, 1440)])
STATUSES = maybe(st.sampled_from(("requested", "declined")), "approved", one_in=6)


def extra(
    clinic: st.SearchStrategy[int], only: st.SearchStrategy[tuple[int, ...]], moment: st.SearchStrategy[datetime]
) -> st.SearchStrategy[Extra]:
    return st.builds(
        lambda clinic, start, lasting, status, only: Extra(0, clinic, start, start + lasting, status, only),
        *(clinic, moment, LASTING, STATUSES, only),
    )


def away(clinic: st.SearchStrategy[int], moment: st.SearchStrategy[datetime]) -> st.SearchStrategy[Away]:
    return st.builds(
        lambda provider, clinic, start, lasting, status: Away(provider, clinic, start, start + lasting, status),
        *(mostly(False).map(int), clinic | st.none(), moment, LASTING, STATUSES),
    )


def closed(clinic: st.SearchStrategy[int], moment: st.SearchStrategy[datetime]) -> st.SearchStrategy[Closure]:
    return st.builds(lambda clinic, start, lasting: Closure(clinic, start, start + lasting), clinic, moment, LASTING)


@st.composite
def bookings(draw: st.DrawFn, world: World, first: date, last: date) -> Booking:
    """A row of the book on these days: of this provider or another, this patient or another, live or over."""
    clinic = draw(st.integers(0, len(world.clinics) - 1))
    visit_type = draw(st.integers(0, len(world.visit_types) - 1))
    visit, zone = world.visit_types[visit_type], world.clinics[clinic].zone
    start = draw(moments(zone, first, last))
    sessions = [session for session in world.weekly if session.clinic == clinic]
    if sessions and draw(mostly(True, one_in=3)):  # on the grid of a session of that day, if there is one
        opens = draw(st.sampled_from(sessions)).opens
        begin = first_instant(datetime.combine(local_day(world, clinic, start), opens), zone)
        start = begin + timedelta(minutes=visit.step_min * draw(st.integers(0, 8)))
    status = draw(
        st.sampled_from(("scheduled", "held", "confirmed", "checked_in", "completed", "cancelled", "no_show"))
    )
    fitting = [n for n, room in enumerate(world.clinics[clinic].rooms) if room.kind == visit.room_kind]
    return Booking(
        provider=draw(maybe(st.just(1), 0)),
        clinic=clinic,
        visit_type=visit_type,
        patient=draw(st.sampled_from((1, 0, None) if status == "held" else (1, 0))),
        start=start,
        end=start + visit.duration,
        before=timedelta(minutes=visit.before_min),
        after=timedelta(minutes=visit.after_min),
        room=draw(st.sampled_from(fitting)) if fitting else None,
        status=status,
        hold_until=clock.now() + draw(st.sampled_from((DAY, -DAY))) if status == "held" else None,
    )


def collide(one: Booking, other: Booking) -> bool:
    """Whether the book refuses to have both. Overdue holds count: nobody has expired them yet."""
    once = datetime.min.replace(tzinfo=UTC)
    if not (one.live(once) and other.live(once)):
        return False
    taken = one.taken_from < other.taken_until and other.taken_from < one.taken_until
    same_room = one.room is not None and (one.clinic, one.room) == (other.clinic, other.room)
    same_patient = one.patient is not None and one.patient == other.patient
    visits = one.start < other.end and other.start < one.end
    return (taken and (one.provider == other.provider or same_room)) or (visits and same_patient)
