"""Writes clinics, rooms, specialties, visit types, providers and their hours."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import holidays

from frontdesk.demo.draw import Draw
from frontdesk.demo.hours import Away, exceptions, open_today
from frontdesk.demo.people import Provider
from frontdesk.demo.places import FIELDS, PLACES, VISIT_KINDS, Place
from frontdesk.demo.writer import Writer
from frontdesk.sql import load

q = load(__package__)

CLOSED_FROM_DAYS, CLOSED_UNTIL_DAYS = -60, 400  # holidays are entered a good year ahead

_ROOM_NAMES = {
    "consultation": "Consulting room {n}",
    "exam": "Examination room {n}",
    "procedure": "Procedure room {n}",
    "treatment": "Treatment room {n}",
    "therapy": "Therapy room {n}",
    "urgent": "Urgent care bay {n}",
}


@dataclass(frozen=True, slots=True)
class Directory:
    """The ids of what was written, by the keys of places.py."""

    clinics: dict[str, UUID]
    rooms: dict[tuple[str, str], list[UUID]]  # (clinic, kind of room)
    specialties: dict[str, UUID]
    kinds: dict[str, UUID]


async def write_directory(writer: Writer, draw: Draw, at: datetime) -> Directory:
    """Write what everybody may read: clinics, rooms, specialties and visit types, all made three years before `at`."""
    made = at - timedelta(days=1100)
    since = (made, made)
    clinics = {place.key: draw.id(made) for place in PLACES}
    await writer.copy(
        q.copy_clinic,
        (
            (
                clinics[p.key],
                p.name,
                p.time_zone,
                p.country,
                p.region,
                p.address,
                p.phone,
                p.latitude,
                p.longitude,
                *since,
            )
            for p in PLACES
        ),
    )
    rooms = {(p.key, kind): [draw.id(made) for _ in range(count)] for p in PLACES for kind, count in p.rooms.items()}
    await writer.copy(
        q.copy_room,
        (
            (room, clinics[clinic], _ROOM_NAMES[kind].format(n=n), kind, *since)
            for (clinic, kind), ids in rooms.items()
            for n, room in enumerate(ids, 1)
        ),
    )
    specialties = {name: draw.id(made) for name in FIELDS}
    await writer.copy(q.copy_specialty, ((id_, name, *since) for name, id_ in specialties.items()))
    kinds = {key: draw.id(made) for key in VISIT_KINDS}
    await writer.copy(
        q.copy_visit_type,
        (
            (
                kinds[key], k.name, k.duration_min, k.slot_step_min, k.buffer_before_min, k.buffer_after_min,
                k.min_notice_min, k.horizon_days, k.max_per_day, k.one_future_per_provider, k.mode, k.room_kind,
                k.self_bookable, *since,
            )
            for key, k in VISIT_KINDS.items()
        ),
    )  # fmt: skip
    return Directory(clinics, rooms, specialties, kinds)


async def write_providers(writer: Writer, directory: Directory, providers: list[Provider]) -> None:
    """Write providers with what they practise and where."""
    await writer.copy(
        q.copy_provider,
        (
            (p.id, p.first_name, p.last_name, p.gender, p.born_on, p.accepting, *p.columns, p.created_at, p.created_at)
            for p in providers
        ),
    )
    await writer.copy(q.copy_provider_specialty, ((p.id, directory.specialties[p.field.name]) for p in providers))
    await writer.copy(
        q.copy_provider_clinic, ((p.id, directory.clinics[clinic]) for p in providers for clinic in p.post.clinics)
    )
    await writer.copy(
        q.copy_provider_visit_type, ((p.id, directory.kinds[key]) for p in providers for key in p.field.mix)
    )


async def write_schedules(
    writer: Writer, draw: Draw, directory: Directory, providers: list[Provider], today: date
) -> None:
    """Write the weekly hours. Those without a start of their own began on a Monday about half a year before `today`."""
    monday = today - timedelta(days=today.weekday())
    made_at = providers[0].created_at

    def rows() -> list[tuple[object, ...]]:
        return [
            (
                draw.id(made_at), provider.id, directory.clinics[hours.clinic or provider.post.clinic], int(weekday),
                start, end, _since(hours.from_day, today, monday),
                None if hours.until_day is None else today + timedelta(days=hours.until_day), hours.interval_weeks,
                [directory.kinds[key] for key in hours.only] or None, hours.release_hours,
            )
            for provider in providers
            for hours in provider.post.hours
            for weekdays, start, end in hours.rules
            for weekday in weekdays
        ]  # fmt: skip

    await writer.copy(q.copy_schedule, rows())


def _since(from_day: int, today: date, monday: date) -> date:
    return today + timedelta(days=from_day) if from_day > 0 else monday + timedelta(weeks=from_day // 7)


async def write_exceptions(
    writer: Writer, draw: Draw, directory: Directory, providers: list[Provider], today: date, at: datetime
) -> None:
    """Write leave and extra sessions around `today` (UTC). The first provider takes no leave."""
    found: list[tuple[Provider, Away]] = []
    for provider in providers:
        post = provider.post
        listed = open_today(post, today) if provider.number == 0 else exceptions(draw, post, today)
        found += [(provider, item) for item in listed]
    await writer.conn.execute(
        q.insert_exceptions,
        {
            "ids": [draw.id(at) for _ in found],
            "providers": [provider.id for provider, _ in found],
            "clinics": [directory.clinics[item.clinic] for _, item in found],
            "kinds": [item.kind for _, item in found],
            "opens": [f"{item.first} {item.clock[0] if item.clock else '00:00'}" for _, item in found],
            "closes": [
                f"{item.last} {item.clock[1]}" if item.clock else f"{item.last + timedelta(days=1)} 00:00"
                for _, item in found
            ],
            "statuses": [item.status for _, item in found],
            "reasons": [item.reason for _, item in found],
            **writer.stamp,
        },
    )


async def write_closures(writer: Writer, draw: Draw, directory: Directory, today: date, at: datetime) -> None:
    """Write public holidays and a team day.

    No clinic is closed on the day that is today there, with `today` the day in UTC: a demo shows a day at work.
    """
    found: list[tuple[str, date, str, str, str]] = []
    for place in PLACES:
        found += [
            (place.key, closed, "00:00", "24:00", reason)
            for closed, reason in _holidays(place, today)
            if abs((closed - today).days) > 1
        ]
    training = today + timedelta(days=8 + (2 - today.weekday()) % 7)  # a Wednesday of the week after next
    if all((clinic, closed) != ("aus", training) for clinic, closed, *_ in found):
        found.append(("aus", training, "13:00", "18:00", "Team training"))
    await writer.conn.execute(
        q.insert_closures,
        {
            "ids": [draw.id(at) for _ in found],
            "clinics": [directory.clinics[clinic] for clinic, *_ in found],
            "opens": [f"{day} {opens}" for _, day, opens, *_ in found],
            "closes": [
                f"{day} {closes}" for _, day, _, closes, _ in found
            ],  # PostgreSQL reads 24:00 as the next midnight
            "reasons": [reason for *_, reason in found],
            **writer.stamp,
        },
    )


def _holidays(place: Place, today: date) -> list[tuple[date, str]]:
    """Public holidays of the clinic's region around `today`; clinics in the US close on federal ones only."""
    first, last = today + timedelta(days=CLOSED_FROM_DAYS), today + timedelta(days=CLOSED_UNTIL_DAYS)
    region = None if place.country == "US" else place.region
    kept = holidays.country_holidays(place.country, subdiv=region, years=range(first.year, last.year + 1))
    return [(day, name) for day, name in sorted(kept.items()) if first <= day <= last]
