"""A sick day: look at what it would displace, enter it with other times held for all, and see who has answered."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import orjson

from frontdesk import clock, db, ids
from frontdesk.auth.permissions import Actor
from frontdesk.availability import limits
from frontdesk.availability.stranded import AppointmentsStranded
from frontdesk.booking import claims, holds
from frontdesk.booking.claims import q as book
from frontdesk.clinics.models import Row
from frontdesk.clinics.service import found
from frontdesk.db import Connection
from frontdesk.errors import Busy, Conflict, Forbidden, InvalidRequest, register
from frontdesk.events import outbox
from frontdesk.providers import exceptions, schedules
from frontdesk.providers.models import ExceptionPatch
from frontdesk.settings import settings
from frontdesk.sickday import alternatives
from frontdesk.sickday.alternatives import Alternative, Away, Refused, Stranded
from frontdesk.sickday.facts import q
from frontdesk.sickday.models import AlternativeTime, NewTimeAway, State
from frontdesk.waitlist import filling
from frontdesk.waitlist.events import WaitlistJoined
from frontdesk.waitlist.suiting import Keepable

register(
    "waitlist_entry_exception_id_fkey",
    Conflict,
    "It has displaced visits; decline it instead, and call their patients.",
    why="has-displaced",
)

KEPT = "The provider is away; other times were offered."
"""The reason with which displaced visits stand where nobody works, unless the desk gives another."""

_MOST_TRIES = 5
"""After so many looks at times that rivals took meanwhile, somebody is taking everything."""


class _Lost(Exception):
    """These times were not to be had after all; roll back and look again without them."""

    def __init__(self, times: set[Refused]) -> None:
        self.times = times


async def preview(conn: Connection, actor: Actor, provider_id: UUID, body: NewTimeAway) -> Row:
    """The visits that this time off would displace, and their alternatives. Changes nothing.

    Raises NotFound, Forbidden (a clinic that is not the caller's), InvalidRequest for what is no time off, and of time
    off that offers alternatives Conflict as `enter` does.
    """
    if body.kind != "time_off":
        raise InvalidRequest("Only time off displaces visits.")
    exceptions.refuse_elsewhere(actor, body.clinic_id, await schedules.refuse_unseen(conn, actor, provider_id))
    if body.offer_alternatives:
        await _request(conn, provider_id, body)
    stranded = await alternatives.find(conn, _away(provider_id, body))
    return {"appointments": [_told(one) for one in stranded]}


def _told(one: Stranded) -> Row:
    names = ("id", "patient_id", "visit_type_id", "clinic_id", "start", "end", "status")
    times = [
        {name: getattr(alternative, name) for name in AlternativeTime.model_fields} for alternative in one.alternatives
    ]
    return {name: one.visit[name] for name in names} | {"alternatives": times}


async def _request(conn: Connection, provider_id: UUID, body: NewTimeAway) -> UUID | None:
    """The provider's request for exactly this time off. Raises Conflict when it is approved already."""
    there = await exceptions.same_time_off(conn, provider_id, body.clinic_id, body.start, body.end)
    if there and there["status"] == "requested":
        return there["id"]  # type: ignore[no-any-return]
    exceptions.refuse_twice(there)
    return None


def _away(provider_id: UUID, body: NewTimeAway) -> Away:
    return Away(provider_id=provider_id, clinic_id=body.clinic_id, start=body.start, end=body.end)


async def enter(
    conn: Connection, actor: Actor, provider_id: UUID, body: NewTimeAway, known: Collection[UUID] | None = None
) -> Row:
    """Enter approved time off, keep the visits in it, and hold up to three other times for each.

    What is held of the time off by others is given back. All in the caller's transaction: whoever may not be moved now
    is on the call list. A request for exactly this time off is approved by it. Raises NotFound, Forbidden, Conflict
    with `exception_id` when it is approved already, AppointmentsStranded when others would be displaced than those
    `known` to whoever enters it (None: whichever), and Busy when rivals take whatever is found.
    """
    if not actor.is_desk:
        raise Forbidden("A provider asks for time off; the front desk offers other times.")
    await db.run(conn, q.one_at_a_time)
    exceptions.refuse_elsewhere(actor, body.clinic_id, await exceptions.lock(conn, actor, provider_id))
    request_id = await _request(conn, provider_id, body)
    away, lost = _away(provider_id, body), set[Refused]()
    for _ in range(_MOST_TRIES):
        stranded = await alternatives.find(conn, away, lost)
        if known is not None and (unknown := [one.visit for one in stranded if one.visit["id"] not in known]):
            names = ("id", "start", "end", "clinic_id", "status")
            raise AppointmentsStranded(
                "It would displace visits that have not been looked at.",
                appointments=[{name: visit[name] for name in names} for visit in unknown],
            )
        try:
            async with conn.transaction():
                return await _displace(conn, actor, away, body, request_id, stranded)
        except _Lost as gone:
            lost |= gone.times
    raise Busy("The other times are fought over at the moment; nothing was changed.")


async def _displace(
    conn: Connection, actor: Actor, away: Away, body: NewTimeAway, request_id: UUID | None, stranded: list[Stranded]
) -> dict[str, Any]:
    await _lock(conn, away, stranded)
    held = {"provider_id": away.provider_id, "clinic_id": away.clinic_id, "span": away.span}
    for hold in await db.many(conn, q.holds_within, **held):
        await holds.give_back(conn, actor, hold, "the provider is away")
    why = body.override_reason or KEPT
    if request_id:
        noted = {"reason": body.reason} if body.reason else {}
        approved = ExceptionPatch(status="approved", override_reason=why, **noted)
        row = await exceptions.change(conn, actor, away.provider_id, request_id, approved)
    else:
        row = await exceptions.add(conn, actor, away.provider_id, body.model_copy(update={"override_reason": why}))
    entries = await _entries(conn, actor, row["id"], stranded)
    lost: set[Refused] = set()
    for one in stranded:
        if (entry := entries.get(one.visit["id"])) is not None:
            lost |= await _offer(conn, actor, entry, one.alternatives)
    if lost:
        raise _Lost(lost)
    return row


async def _lock(conn: Connection, away: Away, stranded: list[Stranded]) -> None:
    """Take every lock that the claims to come will take, in the order in which a booking takes them."""
    times = [(one.visit, alternative) for one in stranded for alternative in one.alternatives]
    provider_ids = {alternative.provider_id for _, alternative in times} - {away.provider_id}
    clinic_ids = {alternative.clinic_id for _, alternative in times}
    await db.run(conn, book.hold_schedules, provider_ids=list(provider_ids), clinic_ids=list(clinic_ids))
    limited = [(visit, alternative) for visit, alternative in times if alternative.limited]
    for visit, alternative in sorted(limited, key=lambda time: (time[1].provider_id, time[1].start)):
        await limits.lock(
            conn,
            visit_type_id=visit["visit_type_id"],
            provider_id=alternative.provider_id,
            patient_id=visit["patient_id"],
            clinic_id=alternative.clinic_id,
            start=alternative.start,
        )
    rooms = {room for _, alternative in times for room in alternative.rooms or ()}
    patients = {one.visit["patient_id"] for one in stranded}
    await claims.lock(conn, [away.provider_id, *provider_ids, *patients, *rooms])


async def _entries(
    conn: Connection, actor: Actor, exception_id: UUID, stranded: list[Stranded]
) -> dict[UUID, dict[str, Any]]:
    """A place on the waitlist for each visit, by the visit. Those cancelled in this moment get none."""
    visits = [
        {
            "id": ids.new_id(),
            "appointment_id": one.visit["id"],
            # The desks of all these clinics see it.
            "clinic_ids": sorted({one.visit["clinic_id"], *(time.clinic_id for time in one.alternatives)}),
            "status": "waiting" if one.alternatives else "expired",
        }
        for one in stranded
    ]
    rows = await db.many(
        conn, q.displace, visits=orjson.dumps(visits).decode(), exception_id=exception_id, **actor.stamp
    )
    told = ("patient_id", "visit_type_id", "provider_id", "specialty_id", "clinic_ids", "urgency")
    joined = [WaitlistJoined(entry_id=row["id"], **{name: row[name] for name in told}) for row in rows]
    await outbox.record_all(conn, [(actor, event) for event in joined])
    return {row["appointment_id"]: row for row in rows}


async def _offer(conn: Connection, actor: Actor, entry: dict[str, Any], times: list[Alternative]) -> set[Refused]:
    """Hold these times for the patient; those that could not be had."""
    system, now = filling.as_system(actor), clock.now()
    lost = set[Refused]()
    for choice, time in enumerate(times, 1):
        kept_for = Keepable(
            provider_id=time.provider_id, clinic_id=time.clinic_id, start=time.start, expires_at=time.expires_at
        )
        known = time.kind == "same_provider"
        _, kept = await filling.offer(conn, system, [entry], kept_for, now, choice=choice, known=known)
        if not kept:
            lost.add((time.provider_id, time.start))
    return lost


async def call_list(conn: Connection, actor: Actor, provider_id: UUID, exception_id: UUID) -> Row:
    """Whose visits a time off displaced, and who has to be called. Raises NotFound."""
    await schedules.refuse_unseen(conn, actor, provider_id)
    of = {"provider_id": provider_id, "exception_id": exception_id}
    exception = found(await db.one(conn, exceptions.q.exception, **of), "exception")
    look = {"now": clock.now(), "by_topic": settings().push_url is not None, **actor.only}
    rows = await db.many(conn, q.displaced, exception_id=exception_id, **look)
    states: tuple[State, ...] = ("offered", "accepted", "needs_call", "cancelled")
    counts = {state: sum(row["state"] == state for row in rows) for state in states}
    return {"status": exception["status"], "items": rows, "counts": counts}


async def displacing(conn: Connection, exception_ids: list[UUID]) -> set[UUID]:
    """Those of these exceptions that have displaced visits: they are declined, never deleted."""
    return {row["exception_id"] for row in await db.many(conn, q.displacing, exception_ids=exception_ids)}
