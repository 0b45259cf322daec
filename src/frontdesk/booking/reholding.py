"""A kept time changes whom it is for: given back and kept anew in one transaction."""

from dataclasses import replace
from uuid import UUID

from frontdesk.auth.permissions import Actor
from frontdesk.booking import claims, holds
from frontdesk.booking.events import AppointmentHeld
from frontdesk.booking.service import judged_claim
from frontdesk.db import Connection
from frontdesk.errors import InvalidRequest
from frontdesk.events import outbox


async def keep_for(conn: Connection, actor: Actor, hold_id: UUID, token: str | None) -> UUID:
    """Keep the time of this hold, until when it was kept, for whom the caller acts now; the new hold.

    An appointment keeps its patient, so another row takes its place. Rivals for the time wait for this transaction
    and find it kept; the waitlist does not hear that it was free, because it never was. A hold that is for nobody yet,
    or for this patient already, stays.
    Raises HoldGone, NotFound, SlotTaken when the patient is busy, NotBookable, AlreadyBooked.
    """
    if actor.patient_id is None:
        raise InvalidRequest("A time is kept for a patient.")
    hold = await holds.find(conn, actor, hold_id, token)
    if hold["patient_id"] in (None, actor.patient_id):
        return hold_id
    claim, verdict = await judged_claim(
        conn,
        actor,
        provider_id=hold["provider_id"],
        clinic_id=hold["clinic_id"],
        visit_type_id=hold["visit_type_id"],
        start=hold["start"],
        patient_id=actor.patient_id,
    )
    verdict.enforce(only=holds.LATE_REASONS)
    if verdict.limited:
        await claims.keep_limits(conn, actor, claim, except_id=hold_id)
    claim = claims.in_lane(replace(claim, during=hold["during"], claims=hold["claims"]), 0)
    await claims.lock_and_clear(conn, actor, claim, hold["patient_id"], room_id=hold["room_id"])
    hold = await holds.find(conn, actor, hold_id, token)  # once more, now that nobody else can change it
    await holds.give_back(conn, actor, hold, "kept for another of the family")
    row = await claims.claim_time(
        conn,
        actor,
        claim,
        status="held",
        mode=hold["mode"],
        reason=None,
        hold_expires_at=hold["hold_expires_at"],
        hold_client=actor.client,
    )
    event = AppointmentHeld(**claims.event_fields(row), hold_expires_at=row["hold_expires_at"])
    await outbox.record(conn, actor, event)
    kept: UUID = row["id"]
    return kept
