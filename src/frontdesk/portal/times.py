"""When one provider is free: a day, a week or a month of it, in the zones of their clinics."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import Locale

from frontdesk import clock
from frontdesk.availability.service import MOST_DAYS, Asked, Free, TimeOfDay
from frontdesk.availability.shared import SharedAvailability
from frontdesk.portal.book.choosing import Why
from frontdesk.portal.search import Query
from frontdesk.web.fields import Day, Instant

_DAY = timedelta(days=1)

_NEAR = MOST_DAYS * _DAY
"""How far each page looks from today, so that it knows the first free time of all: the usual horizon, and more."""

_AHEAD = 70 * _DAY
"""How far it looks from the days that are shown, where these lie further ahead: a month, and what comes after."""


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
    """What the page shows. `first` is the first free time of all, `later` the first after these days.

    `beyond`: none of the days can be booked yet. `after`: where the next days begin, if any of them can be.
    """

    view: View
    anchor: date
    days: tuple[OneDay, ...]
    before: date | None
    after: date | None
    beyond: bool
    first: dict[str, Any] | None
    later: dict[str, Any] | None

    @property
    def free(self) -> int:
        """How many times are shown."""
        return sum(day.free for day in self.days)


async def of(
    availability: SharedAvailability, look: Look, locale: Locale, who: dict[str, Any], kind: dict[str, Any]
) -> Shown:
    """Free times of a provider (`finding.profile`) as a visitor without a log-in sees them."""
    now = clock.now()
    zones = [ZoneInfo(one["time_zone"]) for one in who["clinics"]] or [ZoneInfo("UTC")]
    today = min(now.astimezone(zone).date() for zone in zones)
    end = max((now + kind["horizon_days"] * _DAY).astimezone(zone).date() for zone in zones) + _DAY
    on = look.on and max(look.on, today)
    slots = await _slots(availability, who["id"], UUID(kind["id"]), today, end, _window(look.view, on or today)[0])
    anchor = on or (slots[0]["day"] if slots else today)
    first, last = _window(look.view, anchor)
    by_day = {on: tuple(of) for on, of in groupby(slots, key=lambda slot: slot["day"])}
    grid = _grid(first, last, locale) if look.view is View.MONTH else _days(first, last)
    return Shown(
        view=look.view,
        anchor=anchor,
        days=tuple(_day(on, by_day.get(on, ()) if first <= on < last else (), not first <= on < last) for on in grid),
        before=max(_earlier(look.view, min(first, end)), today) if first > today else None,
        after=last if last < end else None,
        beyond=first >= end,
        first=slots[0] if slots else None,
        later=next((slot for slot in slots if slot["day"] >= last), None),
    )


def part(slot: dict[str, Any]) -> TimeOfDay:
    """The part of the local day."""
    local = slot["start"].astimezone(ZoneInfo(slot["time_zone"]))
    second = local.hour * 3600 + local.minute * 60
    return next(one for one in TimeOfDay if one.holds(second))


async def _slots(
    availability: SharedAvailability, provider_id: UUID, visit_type_id: UUID, today: date, end: date, first: date
) -> list[dict[str, Any]]:
    """What is free soon, and from `first` on; where nothing is soon, all that is free before `end`.

    That is one more question, for the few who are booked up so far ahead: asked always, it would cost everybody up to
    two years of working time.
    """
    soon = min(today + _NEAR, end)
    near = Asked(visit_type_id=visit_type_id, from_on=today, to_on=soon)
    far = replace(near, from_on=max(first, soon), to_on=min(first + _AHEAD, end))
    spans = [near, far] if far.from_on < far.to_on else [near]
    slots = _local(await availability.of_spans(provider_id, spans))
    if soon < end and (not slots or slots[0]["day"] >= soon):
        slots = _local(await availability.of_spans(provider_id, [replace(near, from_on=soon, to_on=end)]))
    return slots


def _local(spans: Iterable[Free]) -> list[dict[str, Any]]:
    """By local day, then by instant: with clinics in several zones these differ."""
    slots = (slot for free in spans for slot in free.slots())
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
