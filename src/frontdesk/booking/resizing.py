"""Making a visit longer or shorter where it stands: the desk knows that this patient needs an hour."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk.auth.permissions import Actor
from frontdesk.availability import freed
from frontdesk.availability.rules import Verdict
from frontdesk.booking import claims, service
from frontdesk.booking.claims import Claim, StepRefused
from frontdesk.db import Connection

_ABOUT_HOURS = frozenset({"outside-working-time", "reserved-session", "time-off-or-closure"})
"""Rules that a later end may break; all others are about the start, which stays."""

_ABOUT_TYPE = frozenset({"group-visit"})


async def resize(
    conn: Connection, actor: Actor, old: dict[str, Any], end: datetime, *, expected: int | None, change: dict[str, Any]
) -> dict[str, Any]:
    """Let a visit end at `end` (aware); start, provider, clinic, buffers and lane stay. For the desk alone.

    `old` is as `find_locked` told it; of `change` count reason and override_reason. A shorter visit breaks no rule. The
    time that a longer one gains must be free, beside overbooked visits too. Writes AppointmentMoved.
    Raises StaleVersion, SlotTaken, NotBookable, StepRefused.
    """
    override = change.get("override_reason")
    names = ("provider_id", "clinic_id", "visit_type_id", "start", "patient_id")
    length = end - old["start"]
    claim, verdict = await service.judged_claim(conn, actor, **{name: old[name] for name in names}, length=length)
    buffered = old["claims"].upper + (end - old["end"])
    during, claimed = TimestamptzRange(old["start"], end), TimestamptzRange(old["claims"].lower, buffered)
    claim = claims.in_lane(replace(claim, during=during, claims=claimed), old["lane"])
    if verdict.limited:
        await claims.lock_limits(conn, claim)  # the database counts once more
    if override is not None:
        await service.lock_overrides(conn, claim)
    await claims.lock_and_clear(conn, actor, claim, old["room_id"])
    await service.check_unchanged(conn, old, expected)
    if old["status"] not in ("scheduled", "confirmed"):
        raise StepRefused(f"A visit that is {old['status']} becomes no longer and no shorter.")
    verdict.enforce(only=_ABOUT_TYPE)
    broken = [code for code in verdict.codes if code in _ABOUT_HOURS]
    room_id = old["room_id"]
    if end > old["end"]:
        _about_hours(verdict).enforce(override=override is not None)
        if override and broken:
            await service.limit_overrides(conn, claim, except_id=old["id"])
        room_id = await _free_to_grow(conn, actor, claim, old)
    kept = [code for code in old["overridden"] if code not in _ABOUT_HOURS or code in broken]
    more = [code for code in broken if override and code not in kept]
    row = await service.claim_anew(
        conn,
        actor,
        old,
        claim,
        room_id=room_id,
        reason=change.get("reason", old["reason"]),
        override_reason=override if override and broken else old["override_reason"],
        overridden=kept + more,
    )
    if end < old["end"]:
        span = TimestamptzRange(buffered, old["claims"].upper)
        await freed.tell(conn, actor, replace(claims.freed_by(old), span=span))
    return row


def _about_hours(verdict: Verdict) -> Verdict:
    return replace(verdict, broken=tuple(rule for rule in verdict.broken if rule.code in _ABOUT_HOURS))


async def _free_to_grow(conn: Connection, actor: Actor, claim: Claim, old: dict[str, Any]) -> UUID | None:
    """The room in which the visit can last longer: its own, else another. Raises SlotTaken if the time is not free."""
    gained = replace(
        claim,
        during=TimestamptzRange(old["end"], claim.during.upper),
        claims=TimestamptzRange(old["claims"].upper, claim.claims.upper),
        overbook=False,
    )
    conflicts = await claims.in_the_way(conn, gained, room_id=old["room_id"], except_id=old["id"])
    busy = {conflict["resource"] for conflict in conflicts}
    if busy == {"room"} and claim.room_kind is not None:
        return await claims.room_for(conn, actor, claim, old)
    if busy:
        raise await claims.slot_taken(conn, actor, claim, conflicts)
    room_id: UUID | None = old["room_id"]
    return room_id
