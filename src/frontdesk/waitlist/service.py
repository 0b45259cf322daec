"""Joining the waitlist, leaving it, and where one stands. Every function runs in the caller's transaction."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import clock, db, ids
from frontdesk.auth.permissions import Actor
from frontdesk.availability import across, rules
from frontdesk.booking import service as booking
from frontdesk.db import Connection
from frontdesk.errors import Conflict, Forbidden, InvalidRequest, NotFound, register
from frontdesk.events import outbox
from frontdesk.sql import load
from frontdesk.waitlist import filling, offers, suiting
from frontdesk.waitlist.events import WaitlistJoined, WaitlistLeft
from frontdesk.waitlist.models import JoinWaitlist
from frontdesk.waitlist.offers import OfferGone
from frontdesk.web import pages, versions

q = load(__package__)

MOST_PLACES = 20
"""One patient waits for so many things at once."""


class AlreadyWaiting(Conflict):
    """The patient waits for the same thing already."""

    slug, title = "already-waiting", "Already on the waitlist for this"


register("waitlist_entry_once", AlreadyWaiting, "Leave that place first, or wait for another provider or visit type.")


async def join(conn: Connection, actor: Actor, body: JoinWaitlist) -> dict[str, Any]:
    """Put a patient on the waitlist; the entry, with an offer when a time that suits is free already.

    Raises NotFound, InvalidRequest, Forbidden, AlreadyWaiting, NotBookable for what could never be booked.
    """
    patient_id = await booking.bookable_patient(conn, actor, body.patient_id)
    specialty_id = await across.specialty(conn, body.specialty) if body.specialty else None
    await _refuse_impossible(conn, actor, body, patient_id)
    of = body.model_dump(include=_AS_SENT)
    row = await db.one(
        conn,
        q.join,
        **of,
        id=ids.new_id(),
        patient_id=patient_id,
        specialty_id=specialty_id,
        times_of_day=body.times_of_day,
        **actor.stamp,
    )
    assert row is not None
    told = {
        name: row[name]
        for name in ("patient_id", "visit_type_id", "provider_id", "specialty_id", "clinic_ids", "urgency")
    }
    await outbox.record(conn, actor, WaitlistJoined(entry_id=row["id"], **told))
    await seek(conn, actor, row["id"])
    return await find(conn, actor, row["id"])


_AS_SENT = {
    "visit_type_id",
    "provider_id",
    "clinic_ids",
    "earliest",
    "latest",
    "weekdays",
    "urgency",
    "auto_book",
    "appointment_id",
    "reason",
}


async def _refuse_impossible(conn: Connection, actor: Actor, body: JoinWaitlist, patient_id: UUID) -> None:
    allowed = actor.only["only_clinics"]
    if allowed is not None and body.clinic_ids and not set(body.clinic_ids) <= set(allowed):
        raise Forbidden("You keep the waitlist of your own clinics only.")
    if body.latest and body.latest < clock.now().date() - timedelta(days=1):
        raise InvalidRequest("latest has passed: choose a later day, or leave it out.")
    known = await db.one(
        conn,
        q.known,
        visit_type_id=body.visit_type_id,
        provider_id=body.provider_id,
        clinic_ids=body.clinic_ids or [],
        patient_id=patient_id,
    )
    assert known is not None
    if not known["visit_type"] or not known["provider"] or not known["clinics"]:
        raise NotFound("There is no such visit type, provider or clinic.")
    if known["places"] >= MOST_PLACES:
        raise Conflict(f"Nobody waits for more than {MOST_PLACES} things at once: leave one first.")
    broken = [rule for rule, kept in known["rules"].items() if not kept]
    if not known["self_bookable"] and actor.is_patient_side:
        broken.append("open_to_caller")
    if broken:
        reasons = rules.reasons_of(broken)
        raise rules.NotBookable("Nobody could ever book this; choose another provider or visit type.", reasons=reasons)
    if body.appointment_id is not None:
        have = await booking.find(conn, actor, body.appointment_id)
        same = (have["patient_id"], have["visit_type_id"]) == (patient_id, body.visit_type_id)
        if not same or have["status"] not in ("scheduled", "confirmed") or have["start"] <= clock.now():
            raise InvalidRequest("appointment_id is a visit of this patient and visit type that is still ahead.")


async def seek(conn: Connection, actor: Actor, entry_id: UUID) -> bool:
    """Offer somebody who waits, and was not asked about it yet, the first free time that suits, if there is one.

    Those who came before have been offered what suited them, so a time that is still free is nobody else's.
    """
    entry = await db.one(conn, q.lock_waiting, id=entry_id)
    if entry is None:
        return False
    refused = set(zip(entry["offered_by"], entry["offered_at"], strict=True))
    now = clock.now()
    first = max(now, _midnight(entry["earliest"], -1)) if entry["earliest"] else now
    last = first + suiting.FURTHEST
    if entry["latest"]:
        last = min(last, _midnight(entry["latest"], 2))
    who = [entry["provider_id"]] if entry["provider_id"] else await _candidates(conn, entry)
    week = first
    while week < last:
        span = TimestamptzRange(week, min(week + _WEEK, last))
        for time in await suiting.starts(conn, who, entry, span):
            if (time.provider_id, time.start) in refused:
                continue
            _, theirs = await filling.offer(conn, filling.as_system(actor), [entry], time, now)
            if theirs:
                return True
        week += _WEEK
    return False


_WEEK = timedelta(days=7)


async def _candidates(conn: Connection, entry: Mapping[str, Any]) -> list[UUID]:
    found = await across.candidates(
        conn, visit_type_id=entry["visit_type_id"], specialty_id=entry["specialty_id"], clinic_id=None
    )
    return list(found)


def _midnight(day: date, plus: int) -> datetime:
    """Midnight UTC, `plus` days after a day: one day on either side is for the zones of clinics."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=plus)


async def find(conn: Connection, actor: Actor, entry_id: UUID) -> dict[str, Any]:
    """An entry with what it is offered. Raises NotFound for one that the caller may not see."""
    row = await db.one(conn, q.find, id=entry_id, **actor.only)
    if row is None:
        raise NotFound("There is no such place on the waitlist.")
    return row


async def place(conn: Connection, actor: Actor, entry_id: UUID) -> dict[str, Any]:
    """An entry with its position among those who might be offered the same time, and why."""
    row = await find(conn, actor, entry_id)
    if row["status"] != "waiting":
        return row | {"position": None, "ahead": None, "why": _WHY[row["status"]]}
    ahead = await db.one(conn, q.ahead, id=entry_id)
    assert ahead is not None
    why = (
        f"{ahead['more_urgent']} who might take the same times are more urgent, and {ahead['earlier']} of the same "
        "urgency have waited for longer. A time that becomes free goes to the first of them whom it suits."
    )
    return row | {"position": 1 + ahead["more_urgent"] + ahead["earlier"], "ahead": ahead, "why": why}


_WHY = {
    "offered": "A time is kept for you: accept or decline it before it expires.",
    "booked": "You have accepted a time.",
    "expired": "The time you waited for has passed, or offers were not answered; join again.",
    "removed": "You have left the waitlist.",
}


async def list_entries(
    conn: Connection, actor: Actor, *, limit: int, cursor: str | None, **filters: Any
) -> dict[str, Any]:
    """A page in the order in which people joined; None among the filters is no filter."""
    rows = await db.search(conn, q.list_entries, **actor.only, **filters, **pages.after_id(cursor), rows=limit + 1)
    return pages.page(rows, limit, "id")


async def leave(
    conn: Connection, actor: Actor, entry_id: UUID, expected: int | None = None, *, status: str = "removed"
) -> None:
    """End a place on the waitlist; a time that was kept for it goes to the next. Idempotent for one that is over.

    Raises NotFound, StaleVersion, Forbidden.
    """
    row = await find(conn, actor, entry_id)
    versions.check(expected, row["version"])
    if row["status"] == "offered" and row["offer"] is None:
        raise Forbidden(_ELSEWHERE)
    freed = []
    # While we look, a time may be kept for them, or their offer be answered: then look again.
    while row["status"] in ("waiting", "offered"):
        for offer in row["offers"]:
            with contextlib.suppress(OfferGone):
                freed.append(await offers.withdraw(conn, actor, UUID(offer["id"]), overdue=True))
        if await db.one(conn, q.leave, id=entry_id, status=status, **actor.stamp) is not None:
            whose = {name: row[name] for name in ("patient_id", "clinic_ids")}
            await outbox.record(conn, actor, WaitlistLeft(entry_id=entry_id, status=status, **whose))
            break
        row = await find(conn, actor, entry_id)
        if row["status"] == "offered" and not row["offers"]:
            raise Forbidden(_ELSEWHERE)
    for time in freed:
        await filling.fill(conn, actor, time)


_ELSEWHERE = "A time is kept at a clinic that is not yours, or with a colleague: ask there."


async def decline(conn: Connection, actor: Actor, offer_id: UUID) -> UUID:
    """Offer them what is free besides, and the time to the next at once; the id of the entry, which stays.

    Raises OfferGone, NotFound.
    """
    entry_id, time = await offers.decline(conn, actor, offer_id)
    await seek(conn, actor, entry_id)
    await filling.fill(conn, actor, time)  # last, because from here on others wait for us
    return entry_id


async def stats(
    conn: Connection, actor: Actor, *, clinic_id: UUID | None, from_on: date | None, to_on: date | None
) -> dict[str, Any]:
    """How well the waitlist does, of the entries that the caller may see; dates are days in UTC, `to_on` exclusive."""
    row = await db.one(conn, q.stats, **actor.only, clinic_id=clinic_id, from_on=from_on, to_on=to_on)
    assert row is not None
    return row
