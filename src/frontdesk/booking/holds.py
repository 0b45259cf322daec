"""Holds: a time kept for somebody for some minutes. A hold is a row of the book, so it blocks like a booking."""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from frontdesk import clock, db
from frontdesk.auth.permissions import Actor, Role
from frontdesk.booking import claims
from frontdesk.booking.claims import q
from frontdesk.booking.events import AppointmentHeld, AppointmentStepped
from frontdesk.booking.service import at_the_desk, bookable_patient, find_hold, hash_token, judged_claim
from frontdesk.db import Connection
from frontdesk.errors import Problem, Unauthenticated
from frontdesk.events import outbox
from frontdesk.settings import settings


class TooManyHolds(Problem):
    """One client keeps only so many times at once."""

    status, slug, title = 429, "too-many-holds", "Too many holds at once"


async def make(
    conn: Connection,
    actor: Actor,
    *,
    provider_id: UUID,
    visit_type_id: UUID,
    clinic_id: UUID,
    start: datetime,
    patient_id: UUID | None = None,
) -> dict[str, Any]:
    """Hold a time for `settings.hold_ttl`. Answers the hold, for an anonymous caller with the `token` that proves it.

    Raises TooManyHolds, SlotTaken, NotBookable, NotFound.
    """
    if patient_id is not None and actor.role is Role.ANONYMOUS:
        raise Unauthenticated("Without a log-in a hold is for nobody yet: leave patient_id out, or log in.")
    if patient_id is not None or actor.role is Role.PATIENT:
        patient_id = await bookable_patient(conn, actor, patient_id)
    at_the_desk(actor, clinic_id, None)
    await db.run(conn, q.lock_client, client=actor.client)
    held = await db.one(conn, q.count_holds, client=actor.client, now=clock.now())
    if held and held["holds"] >= settings().holds_per_client and not actor.is_desk:
        raise TooManyHolds("Book or drop one of your holds first.", headers={"Retry-After": "60"})
    claim, verdict = await judged_claim(
        conn,
        actor,
        provider_id=provider_id,
        clinic_id=clinic_id,
        visit_type_id=visit_type_id,
        start=start,
        patient_id=patient_id,
    )
    verdict.enforce()
    token = secrets.token_urlsafe(32) if actor.role is Role.ANONYMOUS else None
    row = await claims.claim_time(
        conn,
        actor,
        claim,
        status="held",
        mode=verdict.mode,
        reason=None,
        hold_expires_at=clock.now() + settings().hold_ttl,
        hold_token_hash=hash_token(token) if token else None,
        hold_client=actor.client,
    )
    event = AppointmentHeld(**claims.event_fields(row), hold_expires_at=row["hold_expires_at"])
    await outbox.record(conn, actor, event)
    kept = ("id", "provider_id", "visit_type_id", "clinic_id", "start", "end")
    hold = {name: row[name] for name in kept} | {"expires_at": row["hold_expires_at"]}
    return hold | ({"token": token} if token else {})


async def drop(conn: Connection, actor: Actor, hold_id: UUID, token: str | None) -> None:
    """Give a held time back. Raises HoldGone when it no longer stands, NotFound when it is not the caller's."""
    hold = await find_hold(conn, actor, hold_id, token)
    await claims.lock(conn, [hold["provider_id"], hold["patient_id"], hold["room_id"]])
    hold = await find_hold(conn, actor, hold_id, token)
    await db.run(conn, q.step, id=hold_id, status="cancelled", status_reason="dropped by the holder", **actor.stamp)
    dropped = claims.event_fields(hold) | {"version": hold["version"] + 1}
    await outbox.record(conn, actor, AppointmentStepped(**dropped, status="cancelled", old_status="held"))
