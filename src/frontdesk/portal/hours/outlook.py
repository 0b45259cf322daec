"""What a changed week would come to, as a page tells it: the free times of chosen weeks, now and then."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from frontdesk import clock
from frontdesk.availability.service import Asked
from frontdesk.providers.preview import Preview, Slots
from frontdesk.web.fields import Day

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_FIELD: TypeAdapter[date] = TypeAdapter(Day)


@dataclass(frozen=True, slots=True)
class Times:
    """Of one local day at one clinic, in order: each time, and whether it is only on this side."""

    clinic_id: UUID
    zone: str
    now: list[tuple[datetime, bool]]
    then: list[tuple[datetime, bool]]


@dataclass(frozen=True, slots=True)
class Week:
    """Seven local days. `clocks_change`: on one of them, at one of the clinics."""

    monday: date
    clocks_change: bool
    days: list[tuple[date, list[Times]]]
    counts: tuple[int, int]


def mondays(first: str, second: str, zones: Iterable[str], horizon_days: int) -> list[date]:
    """The weeks to look at: the two that were chosen, else this one and the next; and that in which clocks change next,
    if anything can be booked so far ahead.
    """
    today = clock.now().date()
    chosen = {_monday(_day(first) or today), _monday(_day(second) or _monday(_day(first) or today) + _WEEK)}
    ahead = (today + n * _DAY for n in range(horizon_days))
    changing = next((on for on in ahead if _clocks_change(on, zones)), None)
    return sorted(chosen | ({_monday(changing)} if changing else set()))


def asked(visit_type_id: UUID, monday: date) -> Asked:
    """All that the desk can book in this week."""
    return Asked(visit_type_id=visit_type_id, from_on=monday, to_on=monday + _WEEK, self_booking=False)


def weeks(preview: Preview, days: Sequence[date], zones: Sequence[str]) -> list[Week]:
    """The slots by week, day and clinic; `days` are the Mondays that were asked for."""
    return [_week(*of, zones) for of in zip(days, preview.now, preview.then, strict=True)]


def _week(monday: date, now: Slots, then: Slots, zones: Sequence[str]) -> Week:
    days = [monday + n * _DAY for n in range(7)]
    changes = any(_clocks_change(on, zones) for on in days)
    sides = [{(slot["clinic_id"], slot["time_zone"], slot["start"]) for slot in side} for side in (now, then)]
    told: dict[tuple[date, UUID, str], Times] = {}
    for clinic_id, zone, start in sorted(sides[0] | sides[1], key=lambda one: (one[2], str(one[0]))):
        place = (start.astimezone(ZoneInfo(zone)).date(), clinic_id, zone)
        times = told.setdefault(place, Times(clinic_id, zone, [], []))
        is_now, is_then = ((clinic_id, zone, start) in side for side in sides)
        if is_now:
            times.now.append((start, not is_then))
        if is_then:
            times.then.append((start, not is_now))
    by_day: dict[date, list[Times]] = {}
    for (on, _, _), times in sorted(told.items(), key=lambda one: (one[0][0], str(one[0][1]))):
        by_day.setdefault(on, []).append(times)
    return Week(monday, changes, [(on, by_day.get(on, [])) for on in days], (len(now), len(then)))


def _day(text: Any) -> date | None:
    try:
        return _FIELD.validate_python(text)
    except ValidationError:
        return None


def _monday(on: date) -> date:
    return on - on.weekday() * _DAY


def _clocks_change(on: date, zones: Iterable[str]) -> bool:
    """Whether the local day has more or fewer than 24 hours in one of the zones."""
    return any(_midnight(on, zone).utcoffset() != _midnight(on + _DAY, zone).utcoffset() for zone in zones)


def _midnight(on: date, zone: str) -> datetime:
    return datetime(on.year, on.month, on.day, tzinfo=ZoneInfo(zone))
