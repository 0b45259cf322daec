"""Exceptions from a provider's weekly schedule: time off and extra sessions. Providers ask, the desk decides.

Every change holds the provider FOR UPDATE first, as a change of the weekly set does (invariant 2).
"""

from datetime import datetime
from uuid import UUID

from frontdesk import clock, db, ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.availability import freed, stranded
from frontdesk.clinics.models import Row
from frontdesk.clinics.service import check_versions, found
from frontdesk.db import Connection
from frontdesk.errors import Conflict, Forbidden, InvalidRequest
from frontdesk.providers import hours, schedules, service
from frontdesk.providers.models import LONGEST_SESSION, LONGEST_TIME_OFF, ExceptionPatch, NewException
from frontdesk.sql import load
from frontdesk.web import pages

q = load(__package__, "exceptions.sql")


async def list_exceptions(
    conn: Connection,
    actor: Actor,
    provider_id: UUID,
    *,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    cursor: str | None,
) -> Row:
    """A page of those that overlap `since` to `until` (instants, exclusive; None: no limit). Raises NotFound."""
    await schedules.refuse_unseen(conn, actor, provider_id)
    if since and until and since >= until:
        raise InvalidRequest("from lies before to.")
    rows = await db.many(
        conn, q.exceptions, provider_id=provider_id, since=since, until=until, rows=limit + 1, **pages.after_id(cursor)
    )
    return pages.page(rows, limit, "id")


async def requested(conn: Connection, provider_ids: list[UUID]) -> dict[UUID, int]:
    """How many requests ahead wait for the desk, by the provider who has any."""
    rows = await db.many(conn, q.requested, provider_ids=provider_ids, now=clock.now())
    return {row["provider_id"]: row["count"] for row in rows}


async def add(conn: Connection, actor: Actor, provider_id: UUID, body: NewException) -> Row:
    """Enter time off or an extra session: approved when the desk enters it, requested when the provider asks.

    Raises NotFound, InvalidRequest, Forbidden (a provider who approves, a clinic that is not the caller's), Conflict
    with `exception_id` for exactly the time off that is there already and not declined, and AppointmentsStranded when
    visits stand in approved time off and no override_reason is given. Time off may overlap other time off.
    """
    clinics = await lock(conn, actor, provider_id)
    status = body.status or ("approved" if actor.is_desk else "requested")
    if not actor.is_desk and (status != "requested" or body.override_reason):
        raise Forbidden("A provider asks for an exception; the front desk decides.")
    refuse_elsewhere(actor, body.clinic_id, clinics)
    if body.kind == "time_off":
        refuse_twice(await same_time_off(conn, provider_id, body.clinic_id, body.start, body.end))
    await schedules.refuse_unknown_visit_types(conn, body.visit_type_ids or [])
    fields = body.model_dump(exclude={"status", "override_reason"})
    fields["visit_type_ids"] = sorted(set(body.visit_type_ids or ())) or None
    row = await db.one(
        conn, q.insert_exception, id=ids.new_id(), provider_id=provider_id, status=status, **fields, **actor.stamp
    )
    if body.kind == "extra_session" and body.clinic_id:
        await db.run(conn, service.q.add_clinics, provider_id=provider_id, ids=[body.clinic_id], **actor.stamp)
    if body.kind == "time_off" and status == "approved":
        await _settle(conn, actor, provider_id, body.start, body.end, body.override_reason)
    if status == "approved":
        await hours.changed(conn, actor, provider_id, {*clinics, *([body.clinic_id] if body.clinic_id else [])})
        if body.kind == "extra_session":
            await freed.tell(conn, actor, freed.by_hours(provider_id, (body.start, body.end)))
    return found(row, "exception")


async def change(
    conn: Connection,
    actor: Actor,
    provider_id: UUID,
    exception_id: UUID,
    body: ExceptionPatch,
    expected: int | None = None,
) -> Row:
    """Approve, decline or change an exception. Raises what `add` raises, and StaleVersion."""
    clinics = await lock(conn, actor, provider_id)
    row = found(await db.one(conn, q.exception, provider_id=provider_id, exception_id=exception_id), "exception")
    check_versions(row, body, expected)
    refuse_elsewhere(actor, row["clinic_id"], clinics)
    given = body.given()
    override_reason = given.pop("override_reason", None)
    new = row | given
    longest = LONGEST_SESSION if row["kind"] == "extra_session" else LONGEST_TIME_OFF
    if not 0 < (new["end"] - new["start"]).total_seconds() <= longest.total_seconds():
        raise InvalidRequest("end lies after start; an extra session lasts at most 24 hours, time off two years.")
    comes = any(new[name] != row[name] for name in ("start", "end", "status")) and new["status"] != "declined"
    if row["kind"] == "time_off" and comes:
        refuse_twice(
            await same_time_off(conn, provider_id, row["clinic_id"], new["start"], new["end"], but=exception_id)
        )
    changed = await db.one(conn, q.update_exception, **new | actor.stamp)
    if "approved" in (row["status"], new["status"]):
        start, end = min(row["start"], new["start"]), max(row["end"], new["end"])
        await _settle(conn, actor, provider_id, start, end, override_reason)
        await hours.changed(conn, actor, provider_id, clinics)
        await freed.tell(conn, actor, freed.by_hours(provider_id, (start, end)))
    return found(changed, "exception")


async def remove(
    conn: Connection, actor: Actor, provider_id: UUID, exception_id: UUID, override_reason: str | None = None
) -> None:
    """Take an exception back; a provider only what they asked for and nobody has approved.

    Raises NotFound, Forbidden, and AppointmentsStranded when visits stand in an extra session.
    """
    clinics = await lock(conn, actor, provider_id)
    row = found(await db.one(conn, q.exception, provider_id=provider_id, exception_id=exception_id), "exception")
    if not actor.is_desk and (row["status"] == "approved" or override_reason):
        raise Forbidden("It is approved; ask the front desk to take it back.")
    refuse_elsewhere(actor, row["clinic_id"], clinics)
    await db.run(conn, service.q.say_who, **actor.stamp)
    await db.run(conn, q.delete_exception, exception_id=exception_id)
    if row["kind"] == "extra_session" and row["status"] == "approved":
        await _settle(conn, actor, provider_id, row["start"], row["end"], override_reason)
    if row["status"] == "approved":
        await hours.changed(conn, actor, provider_id, clinics)
    if row["kind"] == "time_off" and row["status"] == "approved":
        await freed.tell(conn, actor, freed.by_hours(provider_id, (row["start"], row["end"])))


async def same_time_off(
    conn: Connection, provider_id: UUID, clinic_id: UUID | None, start: datetime, end: datetime, but: UUID | None = None
) -> Row | None:
    """`id` and `status` of the time off that is exactly this and not declined, approved before asked for."""
    of = {"clinic_id": clinic_id, "start": start, "end": end, "but": but}
    return await db.one(conn, q.same_time_off, provider_id=provider_id, **of)


def refuse_twice(there: Row | None) -> None:
    """Raise Conflict, with `exception_id`, for the time off that is there already."""
    if there:
        raise Conflict("Exactly this time off is there already.", exception_id=there["id"])


async def lock(conn: Connection, actor: Actor, provider_id: UUID) -> list[UUID]:
    """Hold the provider; the clinics in use where they work. Raises NotFound as `schedules.refuse_unseen` does."""
    found(await db.one(conn, service.q.lock_provider, provider_id=provider_id), "provider")
    return await schedules.refuse_unseen(conn, actor, provider_id)


def refuse_elsewhere(actor: Actor, clinic_id: UUID | None, works_at: list[UUID]) -> None:
    """Raise Forbidden when the desk would change time at a clinic not its own; no clinic means wherever they work."""
    if actor.role is not Role.PROVIDER:
        schedules.refuse_other_clinics(actor, {clinic_id} if clinic_id else set(works_at))


async def _settle(
    conn: Connection, actor: Actor, provider_id: UUID, start: datetime, end: datetime, override_reason: str | None
) -> None:
    await stranded.settle(conn, actor, provider_id=provider_id, within=(start, end), override_reason=override_reason)
