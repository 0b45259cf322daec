"""When a clinic is closed: single spans, whole local days and the public holidays of its country."""

from datetime import date, datetime
from uuid import UUID

import holidays

from frontdesk import db, ids
from frontdesk.auth.permissions import Actor
from frontdesk.availability import freed, stranded
from frontdesk.clinics import hours, service
from frontdesk.clinics.models import HolidayYear, NewClosure, Row
from frontdesk.db import Connection
from frontdesk.errors import Conflict, Forbidden, InvalidRequest, NotFound
from frontdesk.sql import load
from frontdesk.web import pages

q = load(__package__, "closures.sql")


async def list_closures(
    conn: Connection, clinic_id: UUID, *, since: datetime | None, until: datetime | None, limit: int, cursor: str | None
) -> Row:
    """A page of the closures that overlap `since` to `until` (instants, exclusive; None: no limit). Raises NotFound."""
    await service.get_clinic(conn, clinic_id)
    if since and until and since >= until:
        raise InvalidRequest("from lies before to.")
    rows = await db.many(
        conn, q.closures, clinic_id=clinic_id, since=since, until=until, rows=limit + 1, **pages.after_id(cursor)
    )
    return pages.page(rows, limit, "id")


async def close(conn: Connection, actor: Actor, clinic_id: UUID, body: NewClosure) -> Row:
    """Close the clinic for a time.

    Raises NotFound, Forbidden for another clinic's desk, Conflict when exactly this time is closed already, and
    AppointmentsStranded without an override_reason when visits stand in that time.
    """
    await _lock(conn, actor, clinic_id)
    start, end = body.start, body.end
    if days := body.days():
        start, end = await _whole_days(conn, clinic_id, *days)
    assert start is not None
    assert end is not None
    row = await _insert(conn, actor, clinic_id, start, end, body.reason)
    if row is None:
        raise Conflict("The clinic is closed at exactly this time already.")
    await stranded.settle(conn, actor, clinic_id=clinic_id, within=(start, end), override_reason=body.override_reason)
    await hours.changed_at(conn, actor, clinic_id)
    return row


async def close_on_holidays(conn: Connection, actor: Actor, clinic_id: UUID, body: HolidayYear) -> Row:
    """Close the clinic on each public holiday of its country and region in a year; those closed already are skipped.

    Idempotent. Raises InvalidRequest when the country is not set or not known, and what `close` raises.
    """
    clinic = await _lock(conn, actor, clinic_id)
    added: list[Row] = []
    days = public_holidays(clinic["country"], clinic["region"], body.year)
    for day, name in sorted(days.items()):
        start, end = await _whole_days(conn, clinic_id, day, day)
        row = await _insert(conn, actor, clinic_id, start, end, name[:500])
        if row is not None:
            added.append(row)
    if added:
        span = (added[0]["start"], added[-1]["end"])
        await stranded.settle(conn, actor, clinic_id=clinic_id, within=span, override_reason=body.override_reason)
        await hours.changed_at(conn, actor, clinic_id)
    return {"items": added, "skipped": len(days) - len(added)}


async def holidays_of(conn: Connection, clinic_id: UUID, year: int) -> list[Row]:
    """The public holidays of a year where the clinic is: `on`, `name`, and whether it is `closed` all that local day.

    Raises NotFound, and InvalidRequest when the country is not set or not known.
    """
    clinic = await service.get_clinic(conn, clinic_id)
    days = sorted(public_holidays(clinic["country"], clinic["region"], year).items())
    closed = await db.many(conn, q.closed_days, clinic_id=clinic_id, days=[day for day, _ in days])
    all_day = {row["day"] for row in closed}
    return [{"on": day, "name": name, "closed": day in all_day} for day, name in days]


async def reopen(conn: Connection, actor: Actor, clinic_id: UUID, closure_id: UUID) -> None:
    """Take a closure back. Raises NotFound, and Forbidden for another clinic's desk."""
    await _lock(conn, actor, clinic_id)
    await db.run(conn, q.say_who, **actor.stamp)
    gone = await db.one(conn, q.delete_closure, clinic_id=clinic_id, closure_id=closure_id)
    if gone is None:
        raise NotFound("There is no such closure.")
    for provider_id in await hours.changed_at(conn, actor, clinic_id):
        await freed.tell(conn, actor, freed.by_hours(provider_id, (gone["start"], gone["end"])))


def public_holidays(country: str | None, region: str | None, year: int) -> dict[date, str]:
    """Day and name of each. Raises InvalidRequest for a country that is not set or not known.

    The library lists only regions with holidays of their own; in any other the country's holidays hold.
    """
    if country is None:
        raise InvalidRequest("Set the clinic's country first.")
    supported = holidays.list_supported_countries(include_aliases=False)
    if country not in supported:
        raise InvalidRequest("The public holidays of the clinic's country are not known; add closures one by one.")
    known = holidays.country_holidays(country, subdiv=region if region in supported[country] else None, years=year)
    return dict(known.items())


async def _lock(conn: Connection, actor: Actor, clinic_id: UUID) -> Row:
    """The clinic, held FOR UPDATE: a booking there holds it FOR SHARE, so none slips in between change and check."""
    clinic = service.found(await db.one(conn, service.q.lock_clinic, clinic_id=clinic_id), "clinic")
    allowed = actor.only["only_clinics"]
    if allowed is not None and clinic_id not in allowed:
        raise Forbidden("This clinic is not one of yours.")
    return clinic


async def _whole_days(conn: Connection, clinic_id: UUID, first: date, last: date) -> tuple[datetime, datetime]:
    row = service.found(await db.one(conn, q.whole_days, clinic_id=clinic_id, first=first, last=last), "clinic")
    return row["start"], row["end"]


async def _insert(
    conn: Connection, actor: Actor, clinic_id: UUID, start: datetime, end: datetime, reason: str | None
) -> Row | None:
    return await db.one(
        conn, q.insert_closure, id=ids.new_id(), clinic_id=clinic_id, start=start, end=end, reason=reason, **actor.stamp
    )
