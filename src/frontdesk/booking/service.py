"""Booking, and the steps of an appointment's life; moving.py moves. Every function runs in the caller's transaction."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from frontdesk import clock, db
from frontdesk.auth.permissions import Actor, Reach
from frontdesk.availability import freed, rules
from frontdesk.booking import claims
from frontdesk.booking.claims import Claim, StepRefused, q
from frontdesk.booking.events import AppointmentMoved, AppointmentScheduled, AppointmentStepped
from frontdesk.db import Connection
from frontdesk.errors import Conflict, Forbidden, InvalidRequest, NotFound
from frontdesk.events import outbox
from frontdesk.settings import settings
from frontdesk.web import versions

PRIVATE = ("during", "claims", "overridden", "hold_token_hash", "hold_client", "meeting")
"""Columns of `find` that no answer tells."""

_AHEAD = ("scheduled", "confirmed", "checked_in", "in_progress")


class OverrideLimit(Conflict):
    """So many visits of one provider's day may break a rule of the schedule, and as many do."""

    slug, title = "override-limit", "Too many exceptions on this day"


async def judged_claim(
    conn: Connection,
    actor: Actor,
    *,
    provider_id: UUID,
    clinic_id: UUID,
    visit_type_id: UUID,
    start: datetime,
    patient_id: UUID | None,
    length: timedelta | None = None,
) -> tuple[Claim, rules.Verdict]:
    """Keep the provider's schedule from changing until commit, then measure and judge the visit by it (invariant 2).

    `length`: of a visit that is not as long as its type says.
    """
    await db.run(conn, q.hold_schedule, provider_id=provider_id, clinic_id=clinic_id)
    verdict = await rules.judge(
        conn,
        provider_id=provider_id,
        clinic_id=clinic_id,
        visit_type_id=visit_type_id,
        start=start,
        patient_id=patient_id,
        self_booking=actor.is_patient_side,
        length=length,
    )
    claim = Claim(
        provider_id=provider_id,
        patient_id=patient_id,
        clinic_id=clinic_id,
        visit_type_id=visit_type_id,
        during=verdict.during,
        claims=verdict.claims,
        room_kind=verdict.room_kind,
    )
    return claim, verdict


async def book(
    conn: Connection,
    actor: Actor,
    *,
    provider_id: UUID,
    visit_type_id: UUID,
    clinic_id: UUID,
    start: datetime,
    patient_id: UUID | None = None,
    reason: str | None = None,
    mode: str | None = None,
    override_reason: str | None = None,
    overbook: bool = False,
) -> dict[str, Any]:
    """Book one visit from `start` (aware) for as long as its visit type says. Writes AppointmentScheduled.

    Raises SlotTaken if provider, patient or every room is busy at any moment of it, NotBookable if the rules forbid it
    and no `override_reason` of the desk allows it, NotFound for what the caller may not see.
    """
    patient_id = await bookable_patient(conn, actor, patient_id)
    at_the_desk(actor, clinic_id, override_reason, overbook=overbook)
    claim, verdict = await judged_claim(
        conn,
        actor,
        provider_id=provider_id,
        clinic_id=clinic_id,
        visit_type_id=visit_type_id,
        start=start,
        patient_id=patient_id,
    )
    override = override_reason is not None
    verdict.enforce(override=override)
    broken = verdict.codes
    if verdict.limited:
        broken += await claims.keep_limits(conn, actor, claim, override=override)
    if broken or overbook:
        await limit_overrides(conn, claim)
    columns = {
        "status": "scheduled",
        "mode": mode or verdict.mode,
        "reason": reason,
        "override_reason": override_reason if broken or overbook else None,
        "overridden": broken,
    }
    row = await (_overbook if overbook else claims.claim_time)(conn, actor, claim, **columns)
    await outbox.record(conn, actor, AppointmentScheduled(**claims.event_fields(row)))
    return row


async def lock_overrides(conn: Connection, claim: Claim) -> dict[str, Any]:
    """Count the exceptions of a provider's day one after the other, before any claim is locked; what they are of."""
    of = {"provider_id": claim.provider_id, "clinic_id": claim.clinic_id, "start": claim.start}
    await db.run(conn, q.lock_overrides, **of)
    return of


async def limit_overrides(conn: Connection, claim: Claim, *, except_id: UUID | None = None) -> None:
    """Raise OverrideLimit when the provider's day at the clinic has its `settings.overrides_per_day` exceptions."""
    of = await lock_overrides(conn, claim)
    row = await db.one(conn, q.count_overrides, **of, except_id=except_id)
    if row is None or row["overrides"] >= settings().overrides_per_day:
        raise OverrideLimit("Choose another day or provider, or a time that keeps the rules.")


async def _overbook(conn: Connection, actor: Actor, claim: Claim, **columns: Any) -> dict[str, Any]:
    """Claim the time in the first lane that is free, lane 0 included: an overbooking that is none stays ordinary."""
    most = settings().overbook_lanes
    for lane in range(most):
        try:
            return await claims.claim_time(conn, actor, claims.in_lane(claim, lane), **columns)
        except claims.SlotTaken as taken:
            if any(conflict["resource"] != "provider" for conflict in taken.extra["conflicts"]):
                raise
    return await claims.claim_time(conn, actor, claims.in_lane(claim, most), **columns)


async def step(
    conn: Connection,
    actor: Actor,
    appointment_id: UUID,
    status: str,
    *,
    expected: int | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """Move the appointment to `status` along the state machine, which the database keeps (invariant 3).

    Writes AppointmentStepped. Raises StepRefused, StaleVersion, NotFound; SlotTaken for a late arrival whose time has
    been given to somebody else.
    """
    old = await find_locked(conn, actor, appointment_id)
    if old["status"] == "held":
        raise StepRefused("This is a hold: book it with its hold_id, or drop it.")
    still_theirs(actor, old)
    return await take_step(conn, actor, old, status, expected=expected, reason=reason)


async def take_step(
    conn: Connection,
    actor: Actor,
    old: dict[str, Any],
    status: str,
    *,
    expected: int | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """The step from `old`, as `find_locked` told it, for whoever may take it. Writes and raises as `step`."""
    claim = _standing(old)
    if old["status"] == "no_show":  # it claims its time anew
        await claims.lock_limits(conn, claim)
        await claims.lock_and_clear(conn, actor, claim, room_id=old["room_id"])
    else:
        await claims.lock(conn, [old["provider_id"], old["patient_id"], old["room_id"]])
    await check_unchanged(conn, old, expected)
    if old["status"] == status:
        raise StepRefused(f"It is {status} already.")  # the database would take it for an edit
    try:
        async with conn.transaction():
            await db.run(conn, q.step, id=old["id"], status=status, status_reason=reason, **actor.stamp)
    except psycopg.errors.ExclusionViolation:
        conflicts = await claims.in_the_way(conn, claim, room_id=old["room_id"], except_id=old["id"])
        raise await claims.slot_taken(conn, actor, claim, conflicts) from None
    row = await find(conn, actor, old["id"])
    await outbox.record(
        conn, actor, AppointmentStepped(**claims.event_fields(row), status=row["status"], old_status=old["status"])
    )
    if status in ("cancelled", "no_show"):
        await freed.tell(conn, actor, claims.freed_by(old))
    return row


async def claim_anew(
    conn: Connection, actor: Actor, old: dict[str, Any], claim: Claim, *, room_id: UUID | None, **columns: Any
) -> dict[str, Any]:
    """Release what the appointment claims and claim this, at once; the row. Needs the locks of all keys, old and new.

    `columns` are reason, override_reason and overridden. Writes AppointmentMoved. Raises SlotTaken.
    """
    claimed = {name: getattr(claim, name) for name in ("provider_id", "clinic_id", "during", "claims", "lane")}
    try:
        async with conn.transaction():
            await db.run(conn, q.move, id=old["id"], room_id=room_id, **claimed, **columns, **actor.stamp)
    except psycopg.errors.ExclusionViolation:  # a plain booking, which takes no locks, was faster
        conflicts = await claims.in_the_way(conn, claim, room_id=room_id, except_id=old["id"])
        raise await claims.slot_taken(conn, actor, claim, conflicts) from None
    row = await find(conn, actor, old["id"])
    was = {f"old_{field}": old[field] for field in ("provider_id", "clinic_id", "start", "end")}
    await outbox.record(conn, actor, AppointmentMoved(**claims.event_fields(row), status=row["status"], **was))
    return row


async def find_locked(conn: Connection, actor: Actor, appointment_id: UUID) -> dict[str, Any]:
    """The appointment, which only the caller changes until commit. Raises NotFound.

    Without the lock whoever changes it at the same time as others is repeated once for each who was faster, up to 503.
    """
    await db.run(conn, q.lock_appointment, id=appointment_id)
    return await find(conn, actor, appointment_id)


async def find(conn: Connection, actor: Actor, appointment_id: UUID) -> dict[str, Any]:
    """The appointment with its private columns. Raises NotFound for one that the caller may not see."""
    row = await db.one(conn, q.find, id=appointment_id, **actor.only)
    if row is None:
        raise NotFound("There is no such appointment.")
    return row


async def history(conn: Connection, actor: Actor, appointment_id: UUID) -> dict[str, Any]:
    """All versions of an appointment that the caller was allowed to find, first to last."""
    rows = await db.many(
        conn, q.history, id=appointment_id, user_id=actor.user_id, show_actor=not actor.is_patient_side
    )
    return {"items": rows, "next_cursor": None}


def public(row: dict[str, Any]) -> dict[str, Any]:
    """The row as answers tell it, a telehealth visit that is ahead with its `join_url`."""
    joins = row["mode"] == "telehealth" and row["status"] in _AHEAD
    told = {name: value for name, value in row.items() if name not in PRIVATE}
    return told | {"join_url": settings().telehealth_url.format(meeting=row["meeting"].hex) if joins else None}


async def bookable_patient(conn: Connection, actor: Actor, patient_id: UUID | None) -> UUID:
    """Whom to book for: a patient's own record when none is named. Raises NotFound outside the caller's reach."""
    if patient_id is None:
        if actor.patient_id is None:
            raise InvalidRequest("Say for whom: patient_id is missing.")
        patient_id = actor.patient_id
    found = await db.one(conn, q.may_book_for, patient_id=patient_id, **actor.only)
    if found is None or not found["allowed"]:
        raise NotFound("There is no such patient.")
    return patient_id


def at_the_desk(actor: Actor, clinic_id: UUID, override_reason: str | None, *, overbook: bool = False) -> None:
    """Raise Forbidden for staff of another clinic, and for overrides by anybody but the desk."""
    if not within(actor, clinic_id):
        raise Forbidden("You book at your own clinics only.")
    if (override_reason is not None or overbook) and not actor.is_desk:
        raise Forbidden("Only the front desk may override a rule of the schedule.")
    if overbook and override_reason is None:
        raise InvalidRequest("An overbooking needs an override_reason.")
    if overbook and settings().overbook_lanes == 0:
        raise Forbidden("Overbooking is switched off here.")


def within(actor: Actor, clinic_id: UUID) -> bool:
    """Whether a member of staff works at this clinic; others are not bound to clinics."""
    return actor.reach is not Reach.CLINICS or clinic_id in actor.clinic_ids


def _standing(row: dict[str, Any]) -> Claim:
    """What an appointment claims as it stands, in the room it has."""
    names = ("provider_id", "patient_id", "clinic_id", "visit_type_id", "during", "claims", "lane")
    return Claim(**{name: row[name] for name in names}, room_kind=None, overbook=True)


def still_theirs(actor: Actor, old: dict[str, Any]) -> None:
    """Raise StepRefused for a patient whose visit has begun or is over: from then on the desk keeps the record."""
    ahead = old["status"] in ("scheduled", "confirmed") and old["start"] > clock.now()
    if actor.is_patient_side and not ahead:
        raise StepRefused("This visit has begun or is over; ask the front desk.")


async def check_unchanged(conn: Connection, old: dict[str, Any], expected: int | None) -> None:
    """Under the row's lock: the caller's version, and that `old` is still what the locks were taken for."""
    row = await db.one(conn, q.lock_row, id=old["id"])
    assert row is not None  # appointments are never deleted
    versions.check(expected, row["version"])
    if row["version"] != old["version"]:
        # Changed between reading and locking: begin again with the right keys.
        raise psycopg.errors.SerializationFailure("changed while waiting")
