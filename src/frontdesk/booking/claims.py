"""How a time is claimed, and why nobody is double-booked.

1. The exclusion constraints of table `appointment` decide, alone and always. Nothing here is needed for safety.
2. A new claim is one `INSERT … ON CONFLICT DO NOTHING`: a rival waits holding nothing, so inserts never deadlock.
   No row back means taken; a busy room means try the next room.
3. Whoever changes a claim by UPDATE first takes the advisory locks of every provider, patient and room concerned, old
   and new, sorted: two changes wait for each other in one direction only.
4. An overdue hold blocks until somebody expires it; whoever finds one in the way does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import clock, db, ids
from frontdesk.auth.permissions import Actor
from frontdesk.availability import limits, rules
from frontdesk.availability import service as availability
from frontdesk.availability.freed import Freed
from frontdesk.booking.events import AppointmentStepped
from frontdesk.db import Connection
from frontdesk.errors import Busy, Conflict, Problem, register
from frontdesk.events import outbox
from frontdesk.sql import load

q = load(__package__)


class SlotTaken(Problem):
    """The provider, the patient or the room already has something overlapping the time asked for.

    `conflicts` say what is busy and when, never who; `alternatives` are the nearest free slots.
    """

    status, slug, title = 409, "slot-taken", "Slot already taken"


for _name in ("provider", "patient", "room"):
    register(f"appointment_{_name}_free", SlotTaken, f"The {_name} is busy at this time; choose another.")
register("appointment_within_limits", SlotTaken, "A limit of the visit type is reached; choose another day.")


class AlreadyBooked(Conflict):
    """The visit type allows one future appointment with a provider, and the patient has it."""

    slug, title = "already-booked", "Already booked with this provider"


class StepRefused(Conflict):
    """The state machine has no such step from where the appointment is now."""

    status, slug, title = 409, "status-step", "Not possible in this status"


register("appointment_status_step", StepRefused, "The appointment's status does not allow this step.")
register("appointment_moves_before_visit", StepRefused, "Only a scheduled or confirmed appointment can be moved.")
register("appointment_seat_in_session", StepRefused, "A seat stays where its group is: cancel it, and book anew.")
register(
    "appointment_keeps_patient", Conflict, "The hold was made for another patient; drop it and hold the time anew."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A time that somebody wants: `during` is the visit, `claims` the visit with its buffers, both half-open, UTC."""

    provider_id: UUID
    patient_id: UUID | None
    clinic_id: UUID
    visit_type_id: UUID
    during: TimestamptzRange
    claims: TimestamptzRange
    room_kind: str | None
    lane: int = 0
    overbook: bool = False  # deliberately beside what stands in other lanes; otherwise these count as taken too

    @property
    def start(self) -> datetime:
        """The start of the visit."""
        assert self.during.lower is not None
        return self.during.lower

    @property
    def length(self) -> timedelta:
        """How long the visit is."""
        assert self.during.upper is not None
        return self.during.upper - self.start


async def claim_time(conn: Connection, actor: Actor, claim: Claim, **columns: Any) -> dict[str, Any]:
    """Insert a new row that claims the time; the row. Raises SlotTaken when provider, patient or every room is busy."""
    row, conflicts = await try_claim(conn, actor, claim, **columns)
    if row is None:
        raise await slot_taken(conn, actor, claim, conflicts)
    return row


async def try_claim(
    conn: Connection, actor: Actor, claim: Claim, *, insert: str = q.insert_appointment, **columns: Any
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Insert a new row that claims the time: the row, or None and what is in the way.

    `insert` is another statement that does what `insert_appointment` does, with more columns.
    """
    tried = 0
    while True:
        room_id = None
        if claim.room_kind is not None:
            room_id = await free_room(conn, claim)
            if room_id is None:
                return None, [busy_room(claim)]
        values = _NOTHING_SPECIAL | columns | _as_columns(claim)
        row = await db.one(conn, insert, **values, id=ids.new_id(), room_id=room_id, **actor.stamp)
        if row is not None:
            return row, []
        if not await expire(conn, actor, await _overdue_in_the_way(conn, claim)):
            conflicts = await in_the_way(conn, claim)
            if conflicts:
                return None, conflicts
        # Only the room was lost to a rival, or whoever was in the way is gone: look again.
        tried += 1
        if tried == _MOST_TRIES:
            raise Busy("This time is fought over at the moment; nothing was changed.")


_NOTHING_SPECIAL: dict[str, Any] = {
    **dict.fromkeys(("hold_expires_at", "hold_token_hash", "hold_client", "override_reason")),
    "overridden": [],
}

_MOST_TRIES = 50
"""More than the rooms of one kind in a clinic; each try that fails means that a rival succeeded or gave up."""


async def lock(conn: Connection, keys: Iterable[UUID | None]) -> None:
    """Take the locks of providers, patients and rooms until commit, sorted. Take all at once, never in two calls."""
    await db.run(conn, q.lock_claims, keys=[key for key in keys if key is not None])


async def lock_and_clear(
    conn: Connection, actor: Actor, claim: Claim, *also: UUID | None, room_id: UUID | None = None
) -> None:
    """Prepare an UPDATE to `claim`: take the locks of its keys, of `also` (the old ones) and of the rooms it might take
    (only `room_id` when that is given), then expire overdue holds in its way.
    """
    rooms = [room_id]
    if claim.room_kind is not None and room_id is None:
        found = await db.many(conn, q.rooms_of_kind, clinic_id=claim.clinic_id, room_kind=claim.room_kind)
        rooms = [row["id"] for row in found]
    overdue = await _overdue_in_the_way(conn, claim)
    await lock(conn, [claim.provider_id, claim.patient_id, *also, *rooms, *_keys(overdue)])
    await _expire_locked(conn, actor, overdue)


async def lock_limits(conn: Connection, claim: Claim) -> dict[str, Any]:
    """Take the locks of the limits that the claim counts towards; what they are counted by."""
    names = ("visit_type_id", "provider_id", "patient_id", "clinic_id", "start")
    of = {name: getattr(claim, name) for name in names}
    await limits.lock(conn, **of)
    return of


async def keep_limits(
    conn: Connection, actor: Actor, claim: Claim, *, override: bool = False, except_id: UUID | None = None
) -> list[str]:
    """Lock and count the limits of the visit type, before any claim is made or locked; `except_id` does not count.

    The codes of those that are broken on purpose (`override`). Raises AlreadyBooked, or SlotTaken for a full day.
    """
    of = await lock_limits(conn, claim)
    broken = await limits.broken(conn, **of, except_id=except_id)
    if override or not broken:
        return broken
    if "one-future" in broken:
        raise AlreadyBooked("Move or cancel that appointment, or choose another provider.")
    day = await db.one(conn, rules.q.local_day, clinic_id=claim.clinic_id, start=claim.start)
    raise await slot_taken(conn, actor, claim, [{"resource": "day"} | (day or {})])


async def expire(conn: Connection, actor: Actor, holds: list[dict[str, Any]]) -> int:
    """Expire these overdue holds (rows with their keys) under their locks; how many still were."""
    if not holds:
        return 0
    await lock(conn, _keys(holds))
    return await _expire_locked(conn, actor, holds)


async def in_the_way(
    conn: Connection, claim: Claim, *, room_id: UUID | None = None, except_id: UUID | None = None
) -> list[dict[str, Any]]:
    """What overlaps the claim now: `{"resource", "start", "end"}` each, without anybody's identity."""
    return await db.many(
        conn, q.in_the_way, now=clock.now(), except_id=except_id, room_id=room_id, **_as_columns(claim)
    )


async def slot_taken(
    conn: Connection,
    actor: Actor,
    claim: Claim,
    conflicts: list[dict[str, Any]],
    provider_ids: Sequence[UUID] | None = None,
) -> SlotTaken:
    """The refusal of `claim`, with the nearest free slots of its provider, or of all that would do."""
    alternatives = await availability.nearest(
        conn,
        start=claim.start,
        provider_ids=provider_ids or [claim.provider_id],
        visit_type_id=claim.visit_type_id,
        clinic_id=claim.clinic_id,
        patient_id=claim.patient_id,
        self_booking=actor.is_patient_side,
        length=claim.length,
    )
    return SlotTaken("Choose one of the alternatives.", conflicts=conflicts, alternatives=alternatives)


def event_fields(row: dict[str, Any]) -> dict[str, Any]:
    """What every event of an appointment tells, from its row."""
    told = ("version", "provider_id", "clinic_id", "patient_id", "start", "end")
    return {"appointment_id": row["id"]} | {field: row[field] for field in told}


def freed_by(row: dict[str, Any], since: datetime | None = None) -> Freed:
    """What is free again when this row, as `find` tells it, gives its time back."""
    of = {"provider_id": row["provider_id"], "clinic_id": row["clinic_id"]}
    return Freed(**of, span=row["claims"], at=since or clock.now())


def in_lane(claim: Claim, lane: int) -> Claim:
    """The same time in this lane, whatever stands in others."""
    return replace(claim, lane=lane, overbook=True)


async def room_for(conn: Connection, actor: Actor, claim: Claim, old: dict[str, Any]) -> UUID | None:
    """A free room of the kind for an appointment that changes to `claim`, its present one if that is; None where none
    is needed. Raises SlotTaken.
    """
    if claim.room_kind is None:
        return None
    room_id = await free_room(conn, claim, except_id=old["id"], preferred=old["room_id"])
    if room_id is None:
        raise await slot_taken(conn, actor, claim, [busy_room(claim)])
    return room_id


async def free_room(
    conn: Connection, claim: Claim, *, except_id: UUID | None = None, preferred: UUID | None = None
) -> UUID | None:
    """A room of the kind that looks free for `claim`, `preferred` if it is; what `except_id` has counts as free."""
    row = await db.one(
        conn,
        q.free_room,
        clinic_id=claim.clinic_id,
        room_kind=claim.room_kind,
        claims=claim.claims,
        except_id=except_id,
        preferred=preferred,
        now=clock.now(),
    )
    return row["id"] if row else None


def busy_room(claim: Claim) -> dict[str, Any]:
    """The conflict that says: every room that would do is busy."""
    return {"resource": "room", "start": claim.claims.lower, "end": claim.claims.upper}


async def _overdue_in_the_way(conn: Connection, claim: Claim) -> list[dict[str, Any]]:
    return await db.many(conn, q.overdue_holds, now=clock.now(), **_as_columns(claim))


async def _expire_locked(conn: Connection, actor: Actor, holds: list[dict[str, Any]]) -> int:
    if not holds:
        return 0
    expired = await db.many(conn, q.expire_holds, ids=[hold["id"] for hold in holds], now=clock.now(), **actor.stamp)
    for row in expired:
        status = row.pop("status")
        await outbox.record(conn, actor, AppointmentStepped(old_status="held", status=status, **event_fields(row)))
    return len(expired)


def _keys(holds: list[dict[str, Any]]) -> list[UUID | None]:
    return [hold[key] for hold in holds for key in ("provider_id", "patient_id", "room_id")]


def _as_columns(claim: Claim) -> dict[str, Any]:
    names = ("provider_id", "patient_id", "clinic_id", "visit_type_id", "lane", "overbook", "during", "claims")
    return {name: getattr(claim, name) for name in names}
