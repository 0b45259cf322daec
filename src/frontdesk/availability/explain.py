"""Why a time cannot be booked: every reason, not only the first."""

from datetime import datetime
from typing import Any
from uuid import UUID

from frontdesk import clock, db
from frontdesk.availability import limits, rules
from frontdesk.availability.rules import q
from frontdesk.db import Connection

_TAKEN = {
    "provider": "The provider is booked at this time.",
    "patient": "The patient has another appointment at this time.",
    "room": "Every room that would do is booked at this time.",
}


async def explain(
    conn: Connection,
    *,
    provider_id: UUID,
    visit_type_id: UUID,
    clinic_id: UUID,
    start: datetime,
    patient_id: UUID | None,
    self_booking: bool,
) -> dict[str, Any]:
    """Whether `start` (aware) can be booked, and why not: broken rules, then limits, then what is in the way.

    Raises NotFound when provider, clinic or visit type does not exist.
    """
    at = clock.now()
    asked: dict[str, Any] = {
        "provider_id": provider_id,
        "visit_type_id": visit_type_id,
        "clinic_id": clinic_id,
        "start": start,
    }
    verdict = await rules.judge(conn, **asked, patient_id=patient_id, self_booking=self_booking, at=at)
    blockers = await db.many(
        conn,
        q.blockers,
        provider_id=provider_id,
        clinic_id=clinic_id,
        patient_id=patient_id,
        room_kind=verdict.room_kind,
        during=verdict.during,
        claims=verdict.claims,
        now=at,
    )
    broken = await limits.broken(conn, **asked, patient_id=patient_id)
    reached = [{"code": code, "detail": limits.DETAILS[code]} for code in broken]
    taken = [{"code": f"{b['resource']}-taken", "detail": _TAKEN[b["resource"]]} for b in blockers]
    reasons = verdict.reasons + reached + taken
    return {"start": start, "bookable": not reasons, "reasons": reasons}
