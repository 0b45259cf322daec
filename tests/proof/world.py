"""A small clinic group as plain values: what the oracle reckons with and what a test writes into the database.

Things name each other by their place in the world's tuples, so that a world has no ids, can be compared and shrinks.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

OVER = ("cancelled", "no_show", "expired")
"""The statuses in which an appointment takes nothing any more."""


@dataclass(frozen=True, slots=True)
class Room:
    kind: str = "consultation"
    active: bool = True


@dataclass(frozen=True, slots=True)
class Clinic:
    zone: str  # IANA
    active: bool = True
    rooms: tuple[Room, ...] = ()


@dataclass(frozen=True, slots=True)
class VisitType:
    duration_min: int
    step_min: int
    before_min: int = 0
    after_min: int = 0
    notice_min: int = 0
    horizon_days: int = 730
    room_kind: str | None = None
    max_per_day: int | None = None
    one_future: bool = False
    self_bookable: bool = True
    active: bool = True
    seats: int = 1

    @property
    def duration(self) -> timedelta:
        return timedelta(minutes=self.duration_min)


@dataclass(frozen=True, slots=True)
class Provider:
    active: bool = True
    accepting: bool = True
    offers: tuple[int, ...] = ()  # visit types; none: all


@dataclass(frozen=True, slots=True)
class Patient:
    active: bool = True


@dataclass(frozen=True, slots=True)
class Weekly:
    """A session of the weekly schedule, in local time; `closes` at or before `opens` is on the next day."""

    provider: int
    clinic: int
    weekday: int  # ISO: 1 = Monday
    opens: time
    closes: time
    since: date
    until: date | None = None  # inclusive
    every_weeks: int = 1
    only: tuple[int, ...] = ()  # a carve-out for these visit types
    release_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Extra:
    """An extra session."""

    provider: int
    clinic: int
    start: datetime
    end: datetime
    status: str = "approved"
    only: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Away:
    """Time off, at one clinic or (None) everywhere."""

    provider: int
    clinic: int | None
    start: datetime
    end: datetime
    status: str = "approved"


@dataclass(frozen=True, slots=True)
class Closure:
    clinic: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Booking:
    """A row of the book. It takes `before` and `after` the visit too, of its provider and its room."""

    provider: int
    clinic: int
    visit_type: int
    patient: int | None
    start: datetime
    end: datetime
    before: timedelta = timedelta(0)
    after: timedelta = timedelta(0)
    room: int | None = None  # of the clinic's
    status: str = "scheduled"
    hold_until: datetime | None = None

    @property
    def taken_from(self) -> datetime:
        return self.start - self.before

    @property
    def taken_until(self) -> datetime:
        return self.end + self.after

    def live(self, now: datetime) -> bool:
        """Whether it takes its time: not over, and no hold that ran out."""
        return self.status not in OVER and not (self.hold_until is not None and self.hold_until <= now)


@dataclass(frozen=True, slots=True)
class World:
    """Everything that decides what can be booked, but the clock."""

    clinics: tuple[Clinic, ...]
    providers: tuple[Provider, ...]
    patients: tuple[Patient, ...]
    visit_types: tuple[VisitType, ...]
    weekly: tuple[Weekly, ...] = ()
    extra: tuple[Extra, ...] = ()
    away: tuple[Away, ...] = ()
    closures: tuple[Closure, ...] = ()
    book: tuple[Booking, ...] = ()

    def with_booking(self, booking: Booking) -> "World":
        return replace(self, book=(*self.book, booking))


@dataclass(frozen=True, slots=True)
class Question:
    """What a world is asked: one provider's times for one visit type on local days [first, last), as one caller."""

    provider: int
    visit_type: int
    patient: int | None  # whose visit it would be
    self_booking: bool  # asked by the patient, not by the desk
    first: date
    last: date
