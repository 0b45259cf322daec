"""Booking "any provider" of a specialty: the least-loaded one that can, at a given start or at the first free time."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from frontdesk import clock, db
from frontdesk.auth.permissions import Actor
from frontdesk.availability import across, limits
from frontdesk.availability import service as availability
from frontdesk.availability.rules import NotBookable, Verdict
from frontdesk.booking import claims, service
from frontdesk.booking.claims import AlreadyBooked, Claim, SlotTaken, q
from frontdesk.booking.events import AppointmentScheduled
from frontdesk.db import Connection
from frontdesk.errors import Busy
from frontdesk.events import outbox

ASKED = ("specialty_id", "visit_type_id", "clinic_id", "start", "patient_id", "reason", "mode")
"""What a request for any provider tells."""

_MOST_TRIES = 50
"""Each further try at a first free time means that rivals took all that was free at the one before."""


class _Lost(Exception):
    """This provider cannot; roll back to before the attempt, its locks included, and try the next."""


async def book(
    conn: Connection,
    actor: Actor,
    *,
    specialty_id: UUID,
    visit_type_id: UUID,
    clinic_id: UUID,
    start: datetime | None = None,
    patient_id: UUID | None = None,
    reason: str | None = None,
    mode: str | None = None,
) -> dict[str, Any]:
    """Book one visit with whichever provider of the specialty can: at `start` (aware), or at the first free time.

    Of several, the one with the fewest minutes booked on that day. Writes AppointmentScheduled. Raises SlotTaken when
    all who work then are busy, NotBookable (with the reasons of all) when the rules allow none, NotFound.
    """
    patient_id = await service.bookable_patient(conn, actor, patient_id)
    service.at_the_desk(actor, clinic_id, None)
    await across.specialty(conn, str(specialty_id))
    of: dict[str, Any] = {"visit_type_id": visit_type_id, "clinic_id": clinic_id}
    who = await across.candidates(conn, specialty_id=specialty_id, **of)
    if not who:
        raise NotBookable("Choose another clinic or visit type.", reasons=[_NOBODY])
    columns = {"status": "scheduled", "reason": reason, "mode": mode}
    if start is not None:
        return await _book_at(conn, actor, who, start, patient_id, of, columns)
    asked = availability.Asked(
        **of, **availability.days(None, None), self_booking=actor.is_patient_side, patient_id=patient_id
    )
    for _ in range(_MOST_TRIES):
        first = await across.first_free(conn, who, asked, limit=1)
        if not first:
            raise SlotTaken("Nobody is free in the next two weeks; choose a start.", conflicts=[], alternatives=[])
        earliest = datetime.fromtimestamp(first[0][0][0], UTC)
        try:
            return await _book_at(conn, actor, who, earliest, patient_id, of, columns)
        except SlotTaken:
            continue
    raise Busy("These times are fought over at the moment; nothing was changed.")


async def _book_at(
    conn: Connection,
    actor: Actor,
    who: list[UUID],
    start: datetime,
    patient_id: UUID,
    of: dict[str, Any],
    columns: dict[str, Any],
) -> dict[str, Any]:
    """Try one provider after the other, the least loaded first, those who look busy last."""
    rows = await db.many(conn, q.by_load, provider_ids=who, start=start, now=clock.now(), **of)
    reasons: dict[str, dict[str, str]] = {}
    lost: set[str] = set()
    allowed: Claim | None = None
    for row in rows:
        if row["busy"] and allowed is not None:
            continue  # only to know whether the rules would allow anybody is a busy provider looked at
        try:
            async with conn.transaction():
                claim, verdict = await service.judged_claim(
                    conn, actor, provider_id=row["id"], start=start, patient_id=patient_id, **of
                )
                if verdict.broken:
                    reasons |= {reason["code"]: reason for reason in verdict.reasons}
                    raise _Lost
                allowed = claim
                return await _try(conn, actor, claim, verdict, columns, who, busy=row["busy"])
        except _Lost as loss:
            lost.update(loss.args)
    if allowed is None:
        raise NotBookable("Choose another time; GET /availability lists them.", reasons=[*reasons.values()])
    if lost == {"one-future"}:
        raise AlreadyBooked("Move or cancel that appointment, or choose another specialty.")
    busy = {"resource": "provider", "start": allowed.claims.lower, "end": allowed.claims.upper}
    raise await claims.slot_taken(conn, actor, allowed, [busy], who)


async def _try(
    conn: Connection,
    actor: Actor,
    claim: Claim,
    verdict: Verdict,
    columns: dict[str, Any],
    who: list[UUID],
    *,
    busy: bool,
) -> dict[str, Any]:
    """Book with this provider. Raises _Lost when they cannot, SlotTaken when nobody could: the patient is busy."""
    if busy:
        raise _Lost("busy")
    if verdict.limited:
        broken = await limits.broken(conn, **await claims.lock_limits(conn, claim))
        if broken:
            raise _Lost(*broken)
    row, conflicts = await claims.try_claim(conn, actor, claim, **columns | {"mode": columns["mode"] or verdict.mode})
    if row is None:
        if any(conflict["resource"] == "patient" for conflict in conflicts):
            raise await claims.slot_taken(conn, actor, claim, conflicts, who)
        raise _Lost("busy")
    await outbox.record(conn, actor, AppointmentScheduled(**claims.event_fields(row)))
    return row


_NOBODY = {"code": "no-provider", "detail": "No provider of this specialty offers the visit type at this clinic."}
