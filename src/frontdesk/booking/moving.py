"""Moving a visit to another time, provider, clinic or room. Beside that the desk changes its length, and its reason."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from frontdesk import db
from frontdesk.auth.permissions import Actor
from frontdesk.availability import freed
from frontdesk.booking import claims, resizing, service
from frontdesk.booking.claims import Claim, StepRefused, q
from frontdesk.db import Connection
from frontdesk.errors import Forbidden, InvalidRequest

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(hours=24)
"""The rules look at the working time of a start's day and the next, so no visit is longer than a day."""


async def reschedule(
    conn: Connection,
    actor: Actor,
    appointment_id: UUID,
    *,
    expected: int | None,
    change: dict[str, Any],
    length: timedelta | None = None,
) -> dict[str, Any]:
    """Move or edit an appointment: the old time is released and the new one claimed, or nothing changes (invariant 4).

    `change` holds any of start and end (aware), provider_id, clinic_id, room_id, reason, override_reason. Without an
    end the visit stays as long as it is, or gets the `length` of the time that was kept for it. A move sets
    confirmed back to scheduled. Writes AppointmentMoved if time, provider, clinic or room was asked to
    change. Raises StaleVersion, SlotTaken, NotBookable, StepRefused, NotFound, InvalidRequest.
    """
    old = await service.find_locked(conn, actor, appointment_id)
    if old["status"] == "held":
        raise StepRefused("This is a hold: drop it and hold another time.")
    override = change.get("override_reason")
    clinic_id = change.get("clinic_id") or old["clinic_id"]
    service.at_the_desk(actor, clinic_id, override)
    if not actor.is_desk and not change.keys().isdisjoint(("room_id", "end")):
        raise Forbidden("The desk assigns rooms, and says how long a visit is.")
    service.still_theirs(actor, old)
    start, provider_id = change.get("start") or old["start"], change.get("provider_id") or old["provider_id"]
    length = _length(old, start, change.get("end"), length)
    moves = (start, provider_id, clinic_id) != (old["start"], old["provider_id"], old["clinic_id"])
    chosen = change.get("room_id")
    if not moves and start + length != old["end"]:
        if chosen is not None:
            raise InvalidRequest("Change the room and the length one after the other.")
        return await resizing.resize(conn, actor, old, start + length, expected=expected, change=change)
    if not moves and chosen is None:
        return await _edit(conn, actor, old, expected, change)
    claim, verdict = await service.judged_claim(
        conn,
        actor,
        provider_id=provider_id,
        clinic_id=clinic_id,
        visit_type_id=old["visit_type_id"],
        start=start,
        patient_id=old["patient_id"],
        length=length,
    )
    if not moves:  # only another room: buffers and lane stay what they were, whatever the visit type says today
        claim = claims.in_lane(replace(claim, during=old["during"], claims=old["claims"]), old["lane"])
    # Locks first, in their order; what they guard is looked at when the version is known to be the right one.
    if moves and verdict.limited:
        await claims.lock_limits(conn, claim)
    if moves and override is not None:
        await service.lock_overrides(conn, claim)
    await claims.lock_and_clear(conn, actor, claim, old["provider_id"], old["room_id"], room_id=chosen)
    await service.check_unchanged(conn, old, expected)
    if old["status"] not in ("scheduled", "confirmed"):
        raise StepRefused(f"A visit that is {old['status']} cannot be moved.")
    override_reason, overridden = old["override_reason"], old["overridden"]
    if moves:
        known = {"not-accepting-new-patients"} if provider_id == old["provider_id"] else set()
        verdict.enforce(override=override is not None, exempt=known)
        broken = verdict.codes
        if verdict.limited:
            of_this = {"override": override is not None, "except_id": old["id"]}
            broken += await claims.keep_limits(conn, actor, claim, **of_this)
        if override and broken:
            await service.limit_overrides(conn, claim, except_id=old["id"])
        # Only what was overridden this time counts; and an overbooked visit moves to an ordinary time.
        override_reason, overridden = (override, broken) if override and broken else (None, [])
    room_id = await _room(conn, actor, claim, old, chosen, override=override is not None)
    conflicts = await claims.in_the_way(conn, claim, room_id=room_id, except_id=appointment_id)
    if conflicts:
        raise await claims.slot_taken(conn, actor, claim, conflicts)
    row = await service.claim_anew(
        conn,
        actor,
        old,
        claim,
        room_id=room_id,
        reason=change.get("reason", old["reason"]),
        override_reason=override_reason,
        overridden=overridden,
    )
    if moves:
        await freed.tell(conn, actor, claims.freed_by(old))
    return row


def _length(old: dict[str, Any], start: datetime, end: datetime | None, kept: timedelta | None) -> timedelta:
    """How long the visit will be. Raises InvalidRequest for an `end` that makes no visit of it."""
    present: timedelta = old["end"] - old["start"]
    if end is None:
        return kept or present
    length = end - start
    if length != present and (not SHORTEST <= length <= LONGEST or length % timedelta(minutes=1)):
        raise InvalidRequest("A visit ends 5 minutes to 24 hours after its start, a whole number of minutes.")
    return length


async def _edit(
    conn: Connection, actor: Actor, old: dict[str, Any], expected: int | None, change: dict[str, Any]
) -> dict[str, Any]:
    """Change what claims nothing: the reason of the visit. Nothing to change makes no new version."""
    await claims.lock(conn, [old["provider_id"], old["patient_id"], old["room_id"]])
    await service.check_unchanged(conn, old, expected)
    if change.get("reason", old["reason"]) == old["reason"]:
        return old
    await db.run(conn, q.edit, id=old["id"], reason=change["reason"], **actor.stamp)
    return await service.find(conn, actor, old["id"])


async def _room(
    conn: Connection, actor: Actor, claim: Claim, old: dict[str, Any], chosen: UUID | None, *, override: bool
) -> UUID | None:
    """The room of a changed appointment: the chosen one, else its present one if it can stay, else any that is free.

    Raises InvalidRequest for a chosen room that is not in use at the clinic, or (without override) of another kind.
    """
    if chosen is None:
        return await claims.room_for(conn, actor, claim, old)
    kind = None if override else claim.room_kind
    found = await db.one(conn, q.room_fits, room_id=chosen, clinic_id=claim.clinic_id, room_kind=kind)
    if not (found and found["fits"]):
        raise InvalidRequest("Choose a room that is in use at this clinic and of the kind the visit needs.")
    return chosen
