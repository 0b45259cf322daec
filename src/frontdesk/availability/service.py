"""Free slots of a provider, and why a time is not among them."""

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import clock, db
from frontdesk.availability import rules
from frontdesk.availability.rules import q
from frontdesk.db import Connection
from frontdesk.errors import InvalidRequest

DEFAULT_DAYS = 14
ALTERNATIVES = 5
MOST_DAYS = 100  # one question covers a default horizon (90 days) with room to spare


class TimeOfDay(StrEnum):
    """A part of the day in the clinic's zone, by the start of the visit."""

    NIGHT = "night"
    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


_PARTS_OF_DAY: dict[TimeOfDay, tuple[time, time | None]] = {
    TimeOfDay.NIGHT: (time(0), time(6)),
    TimeOfDay.MORNING: (time(6), time(12)),
    TimeOfDay.AFTERNOON: (time(12), time(17)),
    TimeOfDay.EVENING: (time(17), None),
}


async def free_slots(
    conn: Connection,
    *,
    provider_id: UUID,
    visit_type_id: UUID,
    clinic_id: UUID | None = None,
    from_on: date | None = None,
    to_on: date | None = None,
    time_of_day: TimeOfDay | None = None,
    self_booking: bool = True,
) -> list[dict[str, Any]]:
    """The bookable starts on local days `from_on` to `to_on` (exclusive; 14 days when left out), in order.

    Each is `{"start", "end", "clinic_id", "time_zone"}`, instants in UTC. `self_booking`: as a patient would see it,
    without visit types that only staff book. Raises NotFound, and InvalidRequest for a span that is empty or too long.
    """
    at = clock.now()
    # A day early when left out: somewhere it is still yesterday, and what has passed is not offered anyway.
    first = from_on or (at.date() - timedelta(days=1))
    last = to_on or (from_on or at.date()) + timedelta(days=DEFAULT_DAYS)
    if not timedelta(0) < last - first <= timedelta(days=MOST_DAYS):
        raise InvalidRequest(f"`to` is exclusive, after `from`, and at most {MOST_DAYS} days later.")
    after, before = _PARTS_OF_DAY[time_of_day] if time_of_day else (None, None)
    asked: dict[str, Any] = {"provider_id": provider_id, "visit_type_id": visit_type_id, "clinic_id": clinic_id}
    slots = await db.many(
        conn,
        q.free_slots,
        **asked,
        from_on=first,
        to_on=last,
        after_time=after,
        before_time=before,
        self_booking=self_booking,
        now=at,
    )
    if not slots:
        known = await db.one(conn, q.known, **asked)
        if not all((known or {}).values()):
            raise await rules.unknown(conn, **asked)
    return slots


async def fit_for(
    conn: Connection, slots: list[dict[str, Any]], *, provider_id: UUID, patient_id: UUID, known: bool = False
) -> list[dict[str, Any]]:
    """Those of the provider's free `slots` that this patient can take: they are free themselves, and accepted.

    Apart from `free_slots`, whose answer is the same for everybody. `known`: accepted already, as when a visit moves.
    """
    if not slots:
        return slots
    span = TimestamptzRange(min(slot["start"] for slot in slots), max(slot["end"] for slot in slots))
    row = await db.one(conn, q.patient_side, provider_id=provider_id, patient_id=patient_id, span=span, now=clock.now())
    if row is None or not (known or row["accepted"]):
        return []
    return [slot for slot in slots if not any(b.lower < slot["end"] and slot["start"] < b.upper for b in row["busy"])]


async def nearest(
    conn: Connection,
    *,
    start: datetime,
    provider_id: UUID,
    visit_type_id: UUID,
    clinic_id: UUID,
    patient_id: UUID | None,
    self_booking: bool,
) -> list[dict[str, Any]]:
    """Up to five free slots nearest to `start`, of the same provider at the same clinic, within a week either way.

    With `patient_id`, without those at which the patient is busy: else the time just refused may be among them.
    """
    today = clock.now().date()
    slots: list[dict[str, Any]] = []
    for days in (1, 7):  # nearly always the day itself and its neighbours have enough, and every loser of a race asks
        slots = await free_slots(
            conn,
            provider_id=provider_id,
            visit_type_id=visit_type_id,
            clinic_id=clinic_id,
            from_on=max(start.date() - timedelta(days=days), today - timedelta(days=1)),
            to_on=max(start.date(), today) + timedelta(days=days + 1),
            self_booking=self_booking,
        )
        if patient_id is not None:
            slots = await fit_for(conn, slots, provider_id=provider_id, patient_id=patient_id, known=True)
        slots.sort(key=lambda slot: abs(slot["start"] - start))
        if len(slots) >= ALTERNATIVES and abs(slots[ALTERNATIVES - 1]["start"] - start) <= timedelta(days=days):
            break
    return sorted(slots[:ALTERNATIVES], key=lambda slot: slot["start"])


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
    """Whether `start` (aware) can be booked and every reason why not: broken rules, then what is in the way."""
    at = clock.now()
    verdict = await rules.judge(
        conn,
        provider_id=provider_id,
        clinic_id=clinic_id,
        visit_type_id=visit_type_id,
        start=start,
        patient_id=patient_id,
        self_booking=self_booking,
        at=at,
    )
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
    details = {
        "provider": "The provider is booked at this time.",
        "patient": "The patient has another appointment at this time.",
        "room": "Every room that would do is booked at this time.",
    }
    taken = [{"code": f"{b['resource']}-taken", "detail": details[b["resource"]]} for b in blockers]
    reasons = verdict.reasons + taken
    return {"start": start, "bookable": not reasons, "reasons": reasons}
