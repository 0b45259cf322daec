"""What the waitlist hears of the book, after the fact: no freed time is forgotten, whoever freed it and how."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import clock, db, ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.availability import freed
from frontdesk.availability.freed import Freed
from frontdesk.db import Connection
from frontdesk.envelope import Envelope
from frontdesk.errors import Problem
from frontdesk.events import outbox
from frontdesk.sql import load
from frontdesk.waitlist import filling, offers, service
from frontdesk.waitlist.events import WaitlistAnswered

q = load(__package__)

_FREE = ("cancelled", "no_show", "expired")
_WHERE = ("provider_id", "clinic_id", "start")


class MindTheWaitlist:
    """Books for those who asked for that, fills what was freed without being offered, tells how offers ended."""

    name = "waitlist"
    topics = ("appointments.*", "hours.*", "waitlist.joined.*", "waitlist.offered.*")

    async def handle(self, conn: Connection, envelope: Envelope) -> None:
        """Do what follows from the event, in the caller's transaction. Hearing it twice does no harm."""
        system = Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=ids.new_id())
        event, topic = envelope.payload, envelope.topic.rpartition(".")[0]
        if topic == "waitlist.offered":
            await _book(conn, system, UUID(event["offer_id"]))
        elif topic == "waitlist.joined":
            # What was freed while they joined, in a transaction that did not see them yet.
            await service.seek(conn, system, UUID(event["entry_id"]))
        elif topic == "hours.changed":
            # Committed by now, so what is kept of working time may be used.
            for provider_id in event["provider_ids"]:
                await _withdraw(conn, system, await db.many(conn, q.choices_without_need, provider_id=provider_id))
                await filling.fill(conn, system, replace(freed.by_hours(UUID(provider_id)), by_hours=False))
        else:
            declined_by = await _tell_answer(conn, system, event) if topic != "appointments.moved" else None
            await _end_choices(conn, system, topic, event)
            if (time := _freed(topic, event)) is not None:
                await filling.fill(conn, system, time)
            if declined_by is not None:
                await service.seek(conn, system, declined_by)


async def _book(conn: Connection, system: Actor, offer_id: UUID) -> None:
    row = await db.one(conn, q.books_by_itself, offer_id=offer_id)
    if row is not None and row["yes"]:
        try:
            async with conn.transaction():
                await offers.accept(conn, system, offer_id)
        except Problem:  # the patient was faster, or is busy by now: the offer is theirs to answer
            return


async def _tell_answer(conn: Connection, system: Actor, event: dict[str, Any]) -> UUID | None:
    """Write WaitlistAnswered when the hold of an offer has ended, whoever ended it; the entry that may wait again."""
    if event["patient_id"] is None or event.get("old_status", "held") != "held" or "hold_expires_at" in event:
        return None
    row = await db.one(conn, q.offer_of_hold, appointment_id=event["appointment_id"])
    if row is None or row["status"] == "standing":
        return None
    answered = WaitlistAnswered(appointment_id=UUID(event["appointment_id"]), **row)
    await outbox.record(conn, system, answered)
    return None if row["status"] == "accepted" else answered.entry_id


async def _end_choices(conn: Connection, system: Actor, topic: str, event: dict[str, Any]) -> None:
    """Give back the times among which somebody was to choose, once their visit is cancelled or has another time."""
    moved = topic == "appointments.moved" and any(event[name] != event[f"old_{name}"] for name in _WHERE)
    if moved or event.get("status") in _FREE:
        await _withdraw(conn, system, await db.many(conn, q.choices_of_visit, appointment_id=event["appointment_id"]))


async def _withdraw(conn: Connection, system: Actor, choices: list[dict[str, Any]]) -> None:
    for offer in choices:
        with suppress(offers.OfferGone):
            await freed.tell(conn, system, await offers.withdraw(conn, system, offer["id"]))


def _freed(topic: str, event: dict[str, Any]) -> Freed | None:
    """The time that the event says was given back, if any."""
    old = "old_" if topic == "appointments.moved" else ""
    if not old and event.get("status") not in _FREE:
        return None
    start, end = (datetime.fromisoformat(event[f"{old}{edge}"]) for edge in ("start", "end"))
    return Freed(
        provider_id=UUID(event[f"{old}provider_id"]),
        clinic_id=UUID(event[f"{old}clinic_id"]),
        span=TimestamptzRange(start, end),
        at=clock.now(),
    )
