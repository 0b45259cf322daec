"""A time that is kept for somebody who waits: accept it, decline it, or let it expire."""

from functools import partial
from typing import Any
from uuid import UUID

from frontdesk import clock, db
from frontdesk.auth.permissions import Actor
from frontdesk.availability.freed import Freed
from frontdesk.booking import claims, holds
from frontdesk.booking import service as booking
from frontdesk.booking.claims import q as book
from frontdesk.db import Connection
from frontdesk.errors import Conflict, NotFound
from frontdesk.sql import load

q = load(__package__)

_AHEAD = ("scheduled", "confirmed")


class OfferGone(Conflict):
    """The offer was answered or has expired; the time is somebody else's, or free."""

    slug, title = "offer-gone", "This offer no longer stands"


async def accept(conn: Connection, actor: Actor, offer_id: UUID) -> dict[str, Any]:
    """Book the time that was offered; of somebody who has a later visit, move that one here, which frees its time.

    The appointment. Raises OfferGone, NotFound, SlotTaken when the patient has something else by now.
    """
    offer, hold = await _locked(conn, actor, offer_id)
    later = await _later_visit(conn, actor, offer)
    if later is not None and later["start"] <= hold["start"]:
        raise OfferGone("Your visit is not later than this any more; decline it, and it goes to the next.")
    if later is not None:
        return await _move_here(conn, actor, offer, hold, later)
    look = partial(_hold, conn, actor, offer["hold_id"])
    return await holds.take(conn, actor, look, offer["patient_id"], reason=offer["reason"], mode=None)


async def decline(conn: Connection, actor: Actor, offer_id: UUID) -> tuple[UUID, Freed]:
    """Give the time back; the place on the waitlist stays. The entry, and the time, of which the caller tells.

    Raises OfferGone, NotFound.
    """
    offer, _ = await _locked(conn, actor, offer_id)
    entry_id: UUID = offer["entry_id"]
    return entry_id, await withdraw(conn, actor, offer_id)


async def withdraw(
    conn: Connection, actor: Actor, offer_id: UUID, *, status: str = "cancelled", overdue: bool = False
) -> Freed:
    """End a standing offer (`expired`, or `cancelled` for any other reason), even one that is `overdue` if so asked.

    The caller tells of the freed time. Raises OfferGone, NotFound.
    """
    offer, hold = await _locked(conn, actor, offer_id, overdue=overdue)
    await holds.give_back(conn, actor, hold, f"offer {'expired' if status == 'expired' else 'declined'}", status=status)
    return claims.freed_by(hold, offer["freed_at"])


async def _locked(
    conn: Connection, actor: Actor, offer_id: UUID, *, overdue: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A standing offer and its hold, which nobody else can change until commit."""
    offer = await find(conn, actor, offer_id)
    # Appointments first, then claims, both sorted: the order of every change (booking/claims.py).
    for appointment_id in sorted(filter(None, (offer["hold_id"], offer["later_id"]))):
        await db.run(conn, book.lock_appointment, id=appointment_id)
    hold = await _hold(conn, actor, offer["hold_id"])
    await claims.lock(conn, [hold["provider_id"], hold["patient_id"], hold["room_id"]])
    offer = await find(conn, actor, offer_id)
    if offer["status"] != "standing" or (offer["expires_at"] <= clock.now() and not overdue):
        raise _gone()
    return offer, await _hold(conn, actor, offer["hold_id"])


async def find(conn: Connection, actor: Actor, offer_id: UUID) -> dict[str, Any]:
    """An offer. Raises NotFound for one of an entry that the caller may not see."""
    row = await db.one(conn, q.find_offer, id=offer_id, **actor.only)
    if row is None:
        raise NotFound("There is no such offer.")
    return row


async def _hold(conn: Connection, actor: Actor, hold_id: UUID) -> dict[str, Any]:
    row = await booking.find(conn, actor, hold_id)
    if row["status"] != "held":
        raise _gone()
    return row


async def _later_visit(conn: Connection, actor: Actor, offer: dict[str, Any]) -> dict[str, Any] | None:
    """The visit that this offer would move, if it is still ahead."""
    if offer["later_id"] is None:
        return None
    row = await booking.find(conn, actor, offer["later_id"])
    return row if row["status"] in _AHEAD and row["start"] > clock.now() else None


async def _move_here(
    conn: Connection, actor: Actor, offer: dict[str, Any], hold: dict[str, Any], later: dict[str, Any]
) -> dict[str, Any]:
    """Move the later visit to the time of the hold: nobody can come between, because all is one transaction."""
    await claims.lock(conn, [row[key] for row in (hold, later) for key in ("provider_id", "patient_id", "room_id")])
    await db.run(conn, q.accept, id=offer["id"], **actor.stamp)
    await holds.give_back(conn, actor, hold, "the visit was moved here")
    change = {name: hold[name] for name in ("start", "provider_id", "clinic_id")}
    return await booking.reschedule(conn, actor, later["id"], expected=None, change=change)


def _gone() -> OfferGone:
    return OfferGone("It was answered or has expired; the next one comes by itself while you wait.")
