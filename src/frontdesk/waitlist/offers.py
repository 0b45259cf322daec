"""A time that is kept for somebody who waits: accept it, decline it, or let it expire."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from frontdesk import clock, db
from frontdesk.auth.permissions import Actor, Reach, Role
from frontdesk.availability import freed
from frontdesk.availability.freed import Freed
from frontdesk.booking import claims, holds, moving
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
    """Book the time that was offered; a visit that they have instead is moved here, which frees its time.

    The other times of a choice go to whoever waits. The appointment. Raises OfferGone, NotFound, SlotTaken when the
    patient has something else by now.
    """
    offer, hold = await _locked(conn, actor, offer_id)
    if offer["entry_status"] != "offered":
        raise _gone()
    visit = await _visit_to_move(conn, actor, offer)
    if offer["displaced"] and visit is None:
        raise OfferGone("The visit is not ahead any more; book another time.")
    if visit is not None and not offer["displaced"] and visit["start"] <= hold["start"]:
        raise OfferGone("Your visit is not later than this any more; decline it, and it goes to the next.")
    if visit is not None:
        return await _move_here(conn, actor, offer, hold, visit)
    look = partial(_hold, conn, actor, offer["hold_id"])
    return await holds.take(conn, actor, look, offer["patient_id"], reason=offer["reason"], mode=None)


async def taken(conn: Connection, actor: Actor, offer_id: UUID) -> UUID | None:
    """The visit that an accepted offer became or moved; None for one that was not accepted. Raises NotFound."""
    offer = await find(conn, actor, offer_id)
    if offer["status"] != "accepted":
        return None
    hold = await booking.find(conn, actor, offer["hold_id"])
    visit: UUID = hold["id"] if hold["hold_expires_at"] is None else offer["visit_id"]
    return visit


async def decline(conn: Connection, actor: Actor, offer_id: UUID) -> tuple[UUID, Freed]:
    """Give the time back; the place on the waitlist stays. The entry, and the time, of which the caller tells.

    Raises OfferGone, NotFound.
    """
    offer = await find(conn, actor, offer_id)
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
    for appointment_id in sorted(filter(None, (offer["hold_id"], *offer["other_hold_ids"], offer["visit_id"]))):
        await db.run(conn, book.lock_appointment, id=appointment_id)
    held = [await _hold(conn, actor, offer["hold_id"]), *await _others(conn, actor, offer)]
    await claims.lock(conn, [hold[key] for hold in held for key in ("provider_id", "patient_id", "room_id")])
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


async def _others(conn: Connection, actor: Actor, offer: dict[str, Any]) -> list[dict[str, Any]]:
    """The holds of the other times of a choice. Those that the caller does not see are left to the worker."""
    found = []
    for hold_id in offer["other_hold_ids"]:
        with suppress(NotFound):
            found.append(await _hold(conn, actor, hold_id))
    return found


async def _visit_to_move(conn: Connection, actor: Actor, offer: dict[str, Any]) -> dict[str, Any] | None:
    """The visit that this offer would move, if it is still ahead."""
    if offer["visit_id"] is None:
        return None
    row = await booking.find(conn, actor, offer["visit_id"])
    return row if row["status"] in _AHEAD and row["start"] > clock.now() else None


async def _move_here(
    conn: Connection, actor: Actor, offer: dict[str, Any], hold: dict[str, Any], visit: dict[str, Any]
) -> dict[str, Any]:
    """Move the visit to the time of the hold: nobody can come between, because all is one transaction."""
    await claims.lock(conn, [row[key] for row in (hold, visit) for key in ("provider_id", "patient_id", "room_id")])
    await db.run(conn, q.accept, id=offer["id"], **actor.stamp)
    await holds.give_back(conn, actor, hold, "the visit was moved here")
    change = {name: hold[name] for name in ("start", "provider_id", "clinic_id")}
    others = await _others(conn, actor, offer)
    for other in others:
        await holds.give_back(conn, actor, other, "another time was chosen")
    # Who was displaced takes what the clinic offers, of visit types too that only the desk books.
    mover = replace(actor, role=Role.ADMIN, reach=Reach.ALL) if offer["displaced"] and actor.is_patient_side else actor
    length = hold["end"] - hold["start"]  # what is kept for them is as long as their visit type says
    moved = await moving.reschedule(conn, mover, visit["id"], expected=None, change=change, length=length)
    await freed.tell(conn, actor, *(claims.freed_by(other) for other in others))
    return moved


def _gone() -> OfferGone:
    return OfferGone("It was answered or has expired; the next one comes by itself while you wait.")
