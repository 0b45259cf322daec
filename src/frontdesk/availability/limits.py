"""Limits that depend on the book: visits of a type on one provider's day, future visits with one provider.

Who books takes their lock first, then counts, then claims; a trigger counts once more (schema/65_limits.sql).
"""

from datetime import datetime
from uuid import UUID

from frontdesk import clock, db
from frontdesk.availability.rules import q
from frontdesk.db import Connection

DETAILS = {
    "daily-limit": "The provider has as many visits of this type on that day as are allowed.",
    "one-future": "The patient already has a future appointment with this provider, and this visit type allows one.",
}


async def lock(
    conn: Connection,
    *,
    visit_type_id: UUID,
    provider_id: UUID,
    patient_id: UUID | None,
    clinic_id: UUID,
    start: datetime,
) -> None:
    """Let those who might break the same limits wait until commit. To be called before any claim is locked."""
    await db.run(
        conn,
        q.lock_limits,
        visit_type_id=visit_type_id,
        provider_id=provider_id,
        patient_id=patient_id,
        clinic_id=clinic_id,
        start=start,
    )


async def broken(
    conn: Connection,
    *,
    visit_type_id: UUID,
    provider_id: UUID,
    patient_id: UUID | None,
    clinic_id: UUID,
    start: datetime,
    except_id: UUID | None = None,
) -> list[str]:
    """The codes of the limits that one more visit at `start` (aware) would break, `except_id` not counted."""
    row = await db.one(
        conn,
        q.broken_limits,
        visit_type_id=visit_type_id,
        provider_id=provider_id,
        patient_id=patient_id,
        clinic_id=clinic_id,
        start=start,
        except_id=except_id,
        now=clock.now(),
    )
    return list(row["broken"] or ()) if row else []
