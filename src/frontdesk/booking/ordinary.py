"""Ordinary bookings: those that arrive together share a transaction (ADR-0015).

Such a booking is a slot of its provider's plan, with nothing special about it: no room to choose, no limit to
count, no rule to override. While one transaction of such bookings is on its way, those that arrive wait for the next
one, and then go together: the cost of a transaction is shared, and each row is still judged alone by the constraints.

Decided here is success, and that the time is plainly taken. Any other booking is answered None and goes the long way
alone (service.book), which knows every reason. So nothing here is needed for safety, or for the right error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg
import structlog
from psycopg.types.range import TimestamptzRange
from starlette.responses import Response

from frontdesk import clock, db, ids
from frontdesk.auth.permissions import Actor, Reach, Role
from frontdesk.availability import plan as plans
from frontdesk.booking import claims
from frontdesk.booking.claims import Claim, q
from frontdesk.booking.events import AppointmentScheduled
from frontdesk.db import Pool, borrow
from frontdesk.errors import Busy
from frontdesk.events import outbox
from frontdesk.together import Together
from frontdesk.web.answers import Key, keep_all, take_all

log = structlog.get_logger("frontdesk.booking")

MOST_TOGETHER = 32
"""Bookings of one transaction: about 15 ms of PostgreSQL, for which rivals for the same provider wait."""

PATIENCE_MS = "500"
"""How long many may wait for one, such as a change of a provider's hours; then they go singly, and only one waits."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    row: dict[str, Any]
    actor: Actor
    key: Key | None
    answered: Callable[[dict[str, Any]], Response]


_Outcome = Response | list[dict[str, Any]] | None
"""The answer of one that is booked; what is in the way of one that is not; None: it is to be looked at alone."""


class OrdinaryBookings:
    """The ordinary bookings of one server process."""

    def __init__(self, pool: Pool, committed: Callable[[], None]) -> None:
        self._pool, self._committed = pool, committed
        self._together = Together(self._book_all, MOST_TOGETHER)

    async def book(
        self,
        actor: Actor,
        *,
        provider_id: UUID,
        visit_type_id: UUID,
        clinic_id: UUID,
        start: datetime,
        patient_id: UUID | None,
        reason: str | None,
        mode: str | None,
        answered: Callable[[dict[str, Any]], Response],
        key: Key | None = None,
    ) -> Response | None:
        """Book an ordinary visit from `start` (aware): what `answered` makes of the row, kept under `key`, committed.

        None when nothing was done. Writes AppointmentScheduled. Raises SlotTaken, and Busy when the database is lost
        while it commits.
        """
        patient_id = _patient(actor, patient_id, clinic_id)
        if patient_id is None:
            return None
        plan = await plans.of_start(
            self._pool, provider_id, visit_type_id, clinic_id, start, self_booking=actor.is_patient_side
        )
        if plan is None or plan.visit.rooms is not None or plan.visit.limited:
            return None
        claim = Claim(
            provider_id=provider_id,
            patient_id=patient_id,
            clinic_id=clinic_id,
            visit_type_id=visit_type_id,
            room_kind=None,
            **_ranges(start, plan.visit),
        )
        asked = {
            "id": ids.new_id(),
            "provider_id": provider_id,
            "patient_id": patient_id,
            "clinic_id": clinic_id,
            "visit_type_id": visit_type_id,
            "during": _text(claim.during),
            "claims": _text(claim.claims),
            "mode": mode or plan.visit.mode,
            "reason": reason,
            "owners": plan.owners,
            "version": plan.version,
            "login": actor.login,
            **(key.names if key else {}),
            **actor.stamp,
        }
        outcome = await self._together.ask(_Wanted(asked, actor, key, answered))
        if isinstance(outcome, list):
            async with borrow(self._pool) as conn:
                raise await claims.slot_taken(conn, actor, claim, outcome)
        if outcome is None:
            plans.forget(self._pool, provider_id, visit_type_id, start)
        return outcome

    async def _book_all(self, batch: list[_Wanted]) -> list[_Outcome]:
        """What became of each, committed; None for all when nothing was."""
        # Of several with the same Idempotency-Key the first goes; the others then learn alone what became of it.
        first = {_key_or_id(wanted): wanted for wanted in reversed(batch)}
        rows = [wanted.row for wanted in first.values()]
        by_id = {wanted.row["id"]: wanted for wanted in first.values()}
        keys = {wanted.row["id"]: wanted.key for wanted in first.values() if wanted.key}
        answers: dict[UUID, Response] = {}
        in_the_way: dict[UUID, list[dict[str, Any]]] = {}
        committing = False
        try:
            async with borrow(self._pool) as conn, conn.pipeline(), conn.transaction():
                await db.send(conn, q.be_brief, patience_ms=PATIENCE_MS)
                if keys:
                    await take_all(conn, list(keys.values()))
                if len(rows) > 1:  # a single row waits for its rivals holding nothing
                    await db.send(conn, q.lock_claims, keys=[row[key] for row in rows for key in _KEYS])
                await db.send(
                    conn,
                    q.hold_schedules,
                    provider_ids=list({row["provider_id"] for row in rows}),
                    clinic_ids=list({row["clinic_id"] for row in rows}),
                )
                booked = await db.many(conn, q.insert_appointments, asked=orjson.dumps(rows).decode())
                if booked:
                    events = [AppointmentScheduled(**claims.event_fields(row)) for row in booked]
                    actors = [by_id[row["id"]].actor for row in booked]
                    await outbox.record_all(conn, zip(actors, events, strict=True))
                answers = {row["id"]: by_id[row["id"]].answered(row) for row in booked}
                lost = orjson.dumps([row for row in rows if row["id"] not in answers]).decode()
                if len(answers) < len(rows):
                    for row in await db.many(conn, q.in_the_way_of_several, asked=lost, now=clock.now()):
                        in_the_way.setdefault(row.pop("id"), []).append(row)
                if keys:
                    await keep_all(conn, [(key, answers.get(id_)) for id_, key in keys.items()])
                committing = True
        except psycopg.Error as error:
            if committing and (error.sqlstate or "57P")[:3] in _CUT_OFF:  # then whether it was committed is unknown
                raise Busy("The database was lost; look whether it is booked before you try again.") from error
            log.warning("bookings go singly", sqlstate=error.sqlstate, bookings=len(batch))
            return [None] * len(batch)
        self._committed()
        return [answers.get(wanted.row["id"]) or in_the_way.get(wanted.row["id"]) for wanted in batch]


_CUT_OFF = ("57P", "080")
"""The server shuts down or the connection is gone (SQLSTATE 57P01 to 57P03, class 08)."""

_KEYS = ("provider_id", "patient_id")


def _key_or_id(wanted: _Wanted) -> object:
    return tuple(wanted.key.names.values()) if wanted.key else wanted.row["id"]


def _patient(actor: Actor, patient_id: UUID | None, clinic_id: UUID) -> UUID | None:
    """For whom, when that is plain: patients for themselves, the desk at its clinics for anybody of them."""
    if actor.login is None:  # the database would not know who asks
        return None
    if actor.role is Role.PATIENT:
        return actor.patient_id if patient_id in (None, actor.patient_id) else None
    if actor.is_desk and (actor.reach is not Reach.CLINICS or clinic_id in actor.clinic_ids):
        return patient_id
    return None


def _ranges(start: datetime, visit: plans.Visit) -> dict[str, Any]:
    """`during` and `claims`, in UTC."""
    begins = start.astimezone(UTC)
    ends = begins + timedelta(seconds=visit.duration_s)
    before, after = timedelta(seconds=visit.before_s), timedelta(seconds=visit.after_s)
    return {
        "during": TimestamptzRange(begins, ends),
        "claims": TimestamptzRange(begins - before, ends + after),
    }


def _text(span: TimestamptzRange) -> str:
    """The range in the text form of PostgreSQL."""
    assert span.lower is not None
    assert span.upper is not None
    return f"[{span.lower.isoformat()},{span.upper.isoformat()})"
