"""Holds: a time kept for somebody for some minutes. A hold is a row of the book, so it blocks like a booking."""

import contextlib
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from frontdesk import clock, db
from frontdesk.auth.permissions import Actor, Role
from frontdesk.availability import freed
from frontdesk.booking import claims, service
from frontdesk.booking.claims import q
from frontdesk.booking.events import AppointmentHeld, AppointmentScheduled, AppointmentStepped
from frontdesk.booking.service import at_the_desk, bookable_patient, judged_claim
from frontdesk.db import Connection
from frontdesk.errors import Conflict, InvalidRequest, NotFound, Problem, Unauthenticated
from frontdesk.events import outbox
from frontdesk.settings import settings

LATE_REASONS = frozenset({"patient-inactive", "not-accepting-new-patients", "provider-inactive", "clinic-inactive"})
"""What still stands in the way of a hold. The rest was judged when it was made; a notice that ran out while the patient
typed is no reason."""


class HoldGone(Conflict):
    """The hold was used, dropped or has expired, or it is somebody else's."""

    slug, title = "hold-gone", "This hold no longer stands"


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
    if verdict.limited:
        await claims.keep_limits(conn, actor, claim)
    token = secrets.token_urlsafe(32) if actor.role is Role.ANONYMOUS else None
    await _show(conn, token)
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
    hold = await find(conn, actor, hold_id, token)
    await claims.lock(conn, [hold["provider_id"], hold["patient_id"], hold["room_id"]])
    hold = await find(conn, actor, hold_id, token)
    await give_back(conn, actor, hold, "dropped by the holder")
    await freed.tell(conn, actor, claims.freed_by(hold))


async def give_back(
    conn: Connection, actor: Actor, hold: dict[str, Any], reason: str, *, status: str = "cancelled"
) -> None:
    """End a hold that stands and whose keys are locked. Its time is free: the caller tells of it."""
    await db.run(conn, q.step, id=hold["id"], status=status, status_reason=reason, **actor.stamp)
    dropped = claims.event_fields(hold) | {"version": hold["version"] + 1}
    await outbox.record(conn, actor, AppointmentStepped(**dropped, status=status, old_status="held"))


async def book(
    conn: Connection,
    actor: Actor,
    hold_id: UUID,
    *,
    token: str | None = None,
    patient_id: UUID | None = None,
    reason: str | None = None,
    mode: str | None = None,
    asked: dict[str, Any],
) -> dict[str, Any]:
    """Turn a hold into an appointment. Of rivals for one hold exactly one succeeds.

    `asked` may repeat provider_id, visit_type_id, clinic_id and start; what it says must be what is held.
    Raises HoldGone (409) when the hold no longer stands, SlotTaken when the patient is busy elsewhere.
    """
    patient_id = await bookable_patient(conn, actor, patient_id)
    look = partial(find, conn, actor, hold_id, token)
    hold = await look()
    if any(hold[name] != value for name, value in asked.items() if value is not None):
        raise InvalidRequest(
            "The hold is for another provider, visit type, clinic or start; leave these out or repeat them."
        )
    return await take(conn, actor, look, patient_id, reason=reason, mode=mode)


async def take(
    conn: Connection,
    actor: Actor,
    look: Callable[[], Awaitable[dict[str, Any]]],
    patient_id: UUID,
    *,
    reason: str | None,
    mode: str | None,
) -> dict[str, Any]:
    """Turn the hold that `look` finds into an appointment of the patient; it is looked at again under its locks.

    Raises what `look` raises when it no longer stands, NotBookable, SlotTaken.
    """
    hold = await look()
    hold_id = hold["id"]
    at_the_desk(actor, hold["clinic_id"], None)
    claim, verdict = await judged_claim(
        conn,
        actor,
        provider_id=hold["provider_id"],
        clinic_id=hold["clinic_id"],
        visit_type_id=hold["visit_type_id"],
        start=hold["start"],
        patient_id=patient_id,
    )
    verdict.enforce(only=LATE_REASONS)
    if verdict.limited:
        await claims.keep_limits(conn, actor, claim, except_id=hold_id)
    # What is held is what is booked, whatever the visit type says by now and whoever was overbooked beside it.
    claim = claims.in_lane(replace(claim, during=hold["during"], claims=hold["claims"]), 0)
    await claims.lock_and_clear(conn, actor, claim, room_id=hold["room_id"])
    await look()  # once more, now that nobody else can change it
    conflicts = await claims.in_the_way(conn, claim, except_id=hold_id)
    if conflicts:
        raise await claims.slot_taken(conn, actor, claim, conflicts)
    try:
        async with conn.transaction():
            await db.run(conn, q.take_hold, id=hold_id, patient_id=patient_id, reason=reason, mode=mode, **actor.stamp)
    except psycopg.errors.ExclusionViolation:
        raise await claims.slot_taken(
            conn, actor, claim, await claims.in_the_way(conn, claim, except_id=hold_id)
        ) from None
    row = await service.find(conn, actor, hold_id)
    await outbox.record(conn, actor, AppointmentScheduled(**claims.event_fields(row)))
    return row


async def find(conn: Connection, actor: Actor, hold_id: UUID, token: str | None) -> dict[str, Any]:
    """A hold that stands and that the caller may use: their own, or one whose secret `token` they have.

    Raises HoldGone when it was used, dropped or has expired; NotFound when there is none for this caller.
    """
    row = await seen(conn, actor, hold_id, token)
    if not stands(row):
        raise _gone()
    return row


async def seen(conn: Connection, actor: Actor, hold_id: UUID, token: str | None) -> dict[str, Any]:
    """The same, whatever became of it: for those who may see what that is.

    Raises HoldGone when it became a visit that only its patient sees.
    """
    await _show(conn, token)
    row = await db.one(conn, q.find, id=hold_id, **dict.fromkeys(actor.only, None))
    if row is None and token is not None:  # a hold that became a visit is nobody's but the patient's to see
        was = await db.one(conn, q.was_held, id=hold_id, digest=hash_token(token))
        if was and was["yes"]:
            raise _gone()
    if row is None or not _may_use(actor, row, token):
        raise NotFound("There is no such hold of yours.")
    return row


def stands(hold: dict[str, Any]) -> bool:
    """Whether the time is still kept."""
    return bool(hold["status"] == "held" and hold["hold_expires_at"] > clock.now())


async def standing(conn: Connection, actor: Actor, tokens: Mapping[UUID, str]) -> list[dict[str, Any]]:
    """All holds that stand and that the caller may use: their own, and those of these secrets; the oldest first."""
    own = (
        []
        if actor.role is Role.ANONYMOUS
        else await db.many(conn, q.holds_of_client, client=actor.client, now=clock.now())
    )
    rows = {row["id"]: row for row in own}
    for hold_id, token in tokens.items():
        with contextlib.suppress(HoldGone, NotFound):
            rows[hold_id] = await find(conn, actor, hold_id, token)
    return sorted(rows.values(), key=lambda row: row["hold_expires_at"])


def _gone() -> HoldGone:
    return HoldGone("It was used, dropped or has expired; choose a time again.")


def _may_use(actor: Actor, hold: dict[str, Any], token: str | None) -> bool:
    if token is not None:
        return bool(hold["hold_token_hash"] == hash_token(token))
    if actor.is_desk:
        return service.within(actor, hold["clinic_id"])
    return actor.role is not Role.ANONYMOUS and hold["hold_client"] == actor.client


async def _show(conn: Connection, token: str | None) -> None:
    """Let this transaction see the hold of this secret."""
    if token is not None:
        await db.run(conn, q.show_token, digest=hash_token(token).hex())


def hash_token(token: str) -> bytes:
    """What is kept of a holder's secret: it has 256 random bits, so a plain SHA-256 cannot be searched."""
    return hashlib.sha256(token.encode()).digest()
