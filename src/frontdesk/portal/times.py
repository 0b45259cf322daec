"""When one provider is free: a day, a week or a month of it, in the zones of their clinics."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import Locale

from frontdesk import clock
from frontdesk.availability.service import Asked, Free, TimeOfDay
from frontdesk.availability.shared import SharedAvailability
from frontdesk.portal.book.choosing import Why
from frontdesk.portal.search import Query
from frontdesk.web.fields import Day, Instant

_AHEAD_DAYS = 70
"""How far one question looks: the month that is shown, and what comes first after it."""

_DAY = timedelta(days=1)


class View(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Look(Query):
    """`on` is a local day; without it the page opens where the first free time is.

    `gone`: a start at the clinic `at` that was not to be had, and why. `waiting`: they have just joined the waitlist.
    """

    visit: UUID | None = None
    view: View = View.WEEK
    on: Day | None = None
    gone: Instant | None = None
    at: UUID | None = None
    why: Why | None = None
    waiting: bool = False

    def where(self, clinics: Iterable[dict[str, Any]]) -> Self:
        """The same, opened on the day of what is gone."""
        zone = next((one["time_zone"] for one in clinics if one["id"] == str(self.at)), None)
        if not (self.gone and zone) or self.on:
            return self
        return self.model_copy(update={"on": self.gone.astimezone(ZoneInfo(zone)).date()})


@dataclass(frozen=True, slots=True)
class OneDay:
    """A local day and its free times, in order, by clinic."""

    on: date
    clinics: tuple[tuple[str, str, tuple[dict[str, Any], ...]], ...] = ()  # id, zone, times
    outside: bool = False  # of the month that is shown

    @property
    def free(self) -> int:
        """How many."""
        return sum(len(times) for _, _, times in self.clinics)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows. `first` is the first free time of all, `later` the first after these days."""

    view: View
    anchor: date
    days: tuple[OneDay, ...]
    before: date | None
    after: date
    first: dict[str, Any] | None
    later: dict[str, Any] | None

    @property
    def free(self) -> int:
        """How many times are shown."""
        return sum(day.free for day in self.days)


async def of(
    availability: SharedAvailability, look: Look, locale: Locale, *, provider_id: UUID, visit_type_id: UUID
) -> Shown:
    """Free times as a visitor without a log-in sees them."""
    yesterday = clock.now().date() - _DAY  # somewhere it still is
    since = min(max(_window(look.view, look.on)[0], yesterday), look.on) if look.on else yesterday
    asked = Asked(visit_type_id=visit_type_id, from_on=since, to_on=since + timedelta(days=_AHEAD_DAYS))
    slots = _local(await availability.of_provider(provider_id, asked))
    anchor = look.on or (slots[0]["day"] if slots else clock.now().date())
    first, last = _window(look.view, anchor)
    by_day = {on: tuple(of) for on, of in groupby(slots, key=lambda slot: slot["day"])}
    grid = _grid(first, last, locale) if look.view is View.MONTH else _days(first, last)
    return Shown(
        view=look.view,
        anchor=anchor,
        days=tuple(_day(on, by_day.get(on, ()) if first <= on < last else (), not first <= on < last) for on in grid),
        before=max(_earlier(look.view, first), clock.now().date()) if first > clock.now().date() else None,
        after=last,
        first=slots[0] if slots else None,
        later=next((slot for slot in slots if slot["day"] >= last), None),
    )


def part(slot: dict[str, Any]) -> TimeOfDay:
    """The part of the local day."""
    local = slot["start"].astimezone(ZoneInfo(slot["time_zone"]))
    second = local.hour * 3600 + local.minute * 60
    return next(one for one in TimeOfDay if one.holds(second))


def _local(free: Free | None) -> list[dict[str, Any]]:
    """By local day, then by instant: with clinics in several zones these differ."""
    slots = free.slots() if free else ()
    found = [slot | {"day": slot["start"].astimezone(ZoneInfo(slot["time_zone"])).date()} for slot in slots]
    return sorted(found, key=lambda slot: (slot["day"], slot["start"]))


def _day(on: date, slots: Iterable[dict[str, Any]], outside: bool) -> OneDay:
    by_clinic: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for slot in slots:
        by_clinic.setdefault((str(slot["clinic_id"]), slot["time_zone"]), []).append(slot | {"part": part(slot)})
    return OneDay(on, tuple((*place, tuple(of)) for place, of in by_clinic.items()), outside)


def _window(view: View, on: date) -> tuple[date, date]:
    """First day, and the day after the last."""
    if view is View.DAY:
        return on, on + _DAY
    if view is View.WEEK:  # from the day itself: nobody can take what lies before the first free time
        return on, on + 7 * _DAY
    first = on.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def _earlier(view: View, first: date) -> date:
    return (first - _DAY).replace(day=1) if view is View.MONTH else first - _DAY * (7 if view is View.WEEK else 1)


def _grid(first: date, last: date, locale: Locale) -> list[date]:
    """Whole weeks around a month."""
    before, after = ((day.weekday() - locale.first_week_day) % 7 for day in (first, last))
    return _days(first - before * _DAY, last + (-after % 7) * _DAY)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days)]
