"""The weekly schedule of a provider: one set, replaced as a whole (DESIGN §4).

Local times are read in the clinic's zone; dates are local dates, `effective_until` inclusive.
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

from frontdesk import db, ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.availability import freed, stranded
from frontdesk.clinics.models import Row
from frontdesk.clinics.service import found
from frontdesk.db import Connection
from frontdesk.errors import Forbidden, InvalidRequest, NotFound, StaleVersion, register
from frontdesk.providers import hours, service
from frontdesk.providers.models import WeeklySet
from frontdesk.sql import load

q = load(__package__, "schedules.sql")

register("schedule_dates_in_order", InvalidRequest, "effective_until is not before effective_from.", why="dates")

_DAY_MIN = 24 * 60
_COMPARED = (
    "clinic_id",
    "weekday",
    "start_time",
    "end_time",
    "effective_from",
    "effective_until",
    "interval_weeks",
    "visit_type_ids",
    "release_hours",
)

_NAMED = ("clinic_id", "weekday", "start_time", "end_time")
"""By which a reader finds a session again."""

_MOST_PAIRS = 20


async def get_schedules(conn: Connection, actor: Actor, provider_id: UUID) -> Row:
    """The weekly set. Raises NotFound when there is no such provider, or none whose schedule the caller may see."""
    await refuse_unseen(conn, actor, provider_id)
    return {"items": await db.many(conn, q.schedules, provider_id=provider_id)}


async def replace_schedules(
    conn: Connection,
    actor: Actor,
    provider_id: UUID,
    body: WeeklySet,
    seen: str | None = None,
    known: Collection[UUID] | None = None,
) -> Row:
    """Make `body` the weekly set and answer it. Idempotent: a session that is in both sets stays as it is.

    Holds the provider FOR UPDATE, so no booking is judged by the old set once this commits (invariant 2). `seen`: the
    `mark` of the set that the caller has read; `known`: the visits that the override_reason is about, None for
    whichever stand outside. Raises NotFound; StaleVersion when the set is another by now;
    InvalidRequest for sessions that overlap or name what does not exist; Forbidden when a clinic whose sessions change
    is not one of the caller's; AppointmentsStranded without an
    override_reason, and for visits that are not `known`.
    """
    gone, fresh = await put(conn, actor, provider_id, body, seen)
    if not gone and not fresh:  # sending the set as it is asks for nothing at the caller's clinics, and is answered it
        await refuse_unseen(conn, actor, provider_id)
    if gone or fresh:
        await stranded.settle(conn, actor, provider_id=provider_id, override_reason=body.override_reason, known=known)
        await hours.changed(conn, actor, provider_id, {row["clinic_id"] for row in gone + fresh})
    if fresh:
        await freed.tell(conn, actor, freed.by_hours(provider_id))
    return {"items": await db.many(conn, q.schedules, provider_id=provider_id)}


async def put(
    conn: Connection, actor: Actor, provider_id: UUID, body: WeeklySet, seen: str | None = None
) -> tuple[list[Row], list[Row]]:
    """Only the rows: those that go and those that are new. Whoever commits them answers for the visits in them.

    Raises what `replace_schedules` raises, except AppointmentsStranded.
    """
    found(await db.one(conn, service.q.lock_provider, provider_id=provider_id), "provider")
    old = await db.many(conn, q.schedules, provider_id=provider_id)
    if seen is not None and seen != mark(old):
        raise StaleVersion("Read the set again and repeat the change on top of that.")
    new = [item.model_dump() for item in body.items]
    await refuse_unknown_visit_types(conn, [id_ for item in new for id_ in item["visit_type_ids"] or ()])
    kept, fresh = _match(old, await _with_dates(conn, old, new))
    refuse_overlaps(kept + fresh)
    gone = [row for row in old if row not in kept]
    refuse_other_clinics(actor, {row["clinic_id"] for row in gone + fresh})
    await db.run(conn, service.q.say_who, **actor.stamp)
    await db.run(conn, q.delete_schedules, provider_id=provider_id, ids=[row["id"] for row in gone])
    for row in fresh:
        await db.run(conn, q.insert_schedule, **row, id=ids.new_id(), provider_id=provider_id, **actor.stamp)
    worked_at = list({row["clinic_id"] for row in fresh})
    await db.run(conn, service.q.add_clinics, provider_id=provider_id, ids=worked_at, **actor.stamp)
    return gone, fresh


def mark(sessions: Iterable[Row]) -> str:
    """What tells a set of sessions from any other, whatever their order."""
    keys = sorted(repr(_key(session)) for session in sessions)
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:32]


async def refuse_unseen(conn: Connection, actor: Actor, provider_id: UUID) -> list[UUID]:
    """The clinics in use where the provider works. Raises NotFound when the caller may not see their schedule.

    A provider sees their own; the desk those of providers who work at one of its clinics (one out of
    use, too), or nowhere yet.
    """
    row = await db.one(conn, q.clinics_of, provider_id=provider_id)
    clinics = actor.only["only_clinics"]
    hidden = (
        row is None
        or (actor.role is Role.PROVIDER and actor.provider_id != provider_id)
        or (clinics is not None and row["clinic_ids"] and not set(clinics) & set(row["clinic_ids"]))
    )
    if row is None or hidden:
        raise NotFound("There is no such provider, or none whose schedule you may see.")
    return list(row["in_use"])


def is_elsewhere(actor: Actor, concerned: set[UUID]) -> bool:
    """Whether working time at these clinics is not, or not alone, the caller's to change."""
    allowed = actor.only["only_clinics"]
    return allowed is not None and not concerned <= set(allowed)


def refuse_other_clinics(actor: Actor, concerned: set[UUID]) -> None:
    """Raise Forbidden when the desk of some clinics would change working time at another."""
    if is_elsewhere(actor, concerned):
        raise Forbidden("This concerns working time at a clinic that is not one of yours.")


async def refuse_unknown_visit_types(conn: Connection, named: list[UUID]) -> None:
    """Raise InvalidRequest when one of the ids is no visit type."""
    if named and await db.one(conn, q.unknown_visit_types, ids=list(set(named))):
        raise InvalidRequest("visit_type_ids names a visit type that does not exist.")


def refuse_overlaps(sessions: list[Row]) -> None:
    """Raise InvalidRequest, with all pairs as `overlaps`, for sessions at one clinic open at the same local time.

    Two that both skip weeks may take turns, and are left to the caller.
    """
    pairs = [
        (one, other)
        for one, other in combinations(sessions, 2)
        if one["clinic_id"] == other["clinic_id"]
        and not (one["interval_weeks"] > 1 and other["interval_weeks"] > 1)
        and _overlap(one, other)
    ]
    if pairs:
        one, other = pairs[0]
        raise InvalidRequest(
            f"Two sessions overlap at one clinic: weekday {one['weekday']} {one['start_time']}-{one['end_time']} "
            f"and weekday {other['weekday']} {other['start_time']}-{other['end_time']}.",
            overlaps=[[{name: row[name] for name in _NAMED} for row in pair] for pair in pairs[:_MOST_PAIRS]],
        )


async def _with_dates(conn: Connection, old: list[Row], new: list[Row]) -> list[Row]:
    """The new sessions with `effective_from`: left out, it is that of an equal session, or else today at the clinic."""
    rows = await db.many(conn, q.today_at, clinic_ids=[item["clinic_id"] for item in new])
    today = {row["id"]: row["today"] for row in rows}
    since = {_key(row, dated=False): row["effective_from"] for row in old}
    for item in new:
        if item["clinic_id"] not in today:
            raise InvalidRequest("clinic_id names a clinic that does not exist.")
        item["visit_type_ids"] = sorted(set(item["visit_type_ids"] or ())) or None
        if item["effective_from"] is None:
            item["effective_from"] = since.get(_key(item, dated=False), today[item["clinic_id"]])
    return new


def _match(old: list[Row], new: list[Row]) -> tuple[list[Row], list[Row]]:
    """The old sessions that are in the new set, and the new sessions that are not in the old one."""
    left = {_key(row): row for row in old}
    kept, fresh = [], []
    for item in new:
        same = left.pop(_key(item), None)
        if same is None:
            fresh.append(item)
        else:
            kept.append(same)
    return kept, fresh


def _key(row: Row, *, dated: bool = True) -> tuple[Any, ...]:
    """What makes a session the same as another."""
    return tuple(
        tuple(sorted(row[name])) if name == "visit_type_ids" and row[name] else row[name]
        for name in _COMPARED
        if dated or name != "effective_from"
    )


def _overlap(one: Row, other: Row) -> bool:
    """Whether two weekly sessions share a local minute on any pair of days on which both are held."""
    (start, end), (from_, until) = _minutes(one), _minutes(other)
    return any(
        start < until + shift * _DAY_MIN
        and from_ + shift * _DAY_MIN < end
        and (one["weekday"] - 1 + shift) % 7 == other["weekday"] - 1
        and _day_in_common(one, other, timedelta(days=shift))
        for shift in (-1, 0, 1)
    )


def _minutes(session: Row) -> tuple[int, int]:
    """Start and end in minutes after the midnight before the start; the end may be on the next day."""
    start, end = (int(text[:2]) * 60 + int(text[3:]) for text in (session["start_time"], session["end_time"]))
    return start, end if end > start else end + _DAY_MIN


def _day_in_common(one: Row, other: Row, shift: timedelta) -> bool:
    """Whether some day of `one`, by its dates and weekday, has the day `shift` later within the dates of `other`."""
    # date.max is left alone: moving it would overflow.
    other_until = other["effective_until"]
    first: date = max(one["effective_from"], other["effective_from"] - shift)
    last: date = min(one["effective_until"] or date.max, other_until - shift if other_until else date.max)
    return first + timedelta(days=(one["weekday"] - first.isoweekday()) % 7) <= last
