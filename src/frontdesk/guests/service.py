"""What the bearer of a link may do with one appointment. Functions take a connection and never commit.

The link stands in for the patient in all rules of booking, and reaches nothing else of theirs: row-level security shows
the transaction this one appointment (ADR-0025).
"""

import contextlib
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from frontdesk import clock, db, ids, links
from frontdesk.audit import reads
from frontdesk.auth.permissions import Actor, Reach, Role
from frontdesk.availability import service as availability
from frontdesk.availability.service import Asked, Moving
from frontdesk.booking import moving
from frontdesk.booking import service as booking
from frontdesk.db import Connection, Viewer, work_for
from frontdesk.errors import NotFound, Unauthenticated
from frontdesk.guests.models import Action
from frontdesk.secrets import Keys
from frontdesk.settings import settings
from frontdesk.sql import load
from frontdesk.waitlist import offers
from frontdesk.waitlist import service as waitlist
from frontdesk.waitlist.models import OfferStatus
from frontdesk.waitlist.offers import OfferGone

q = load(__package__)

Slot = dict[str, Any]

_NOTHING = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Offer:
    """A time that is, or was, kept for a patient who waits. Instants are aware."""

    id: UUID
    status: OfferStatus
    expires_at: datetime
    entry_id: UUID
    displaced: bool  # they do not wait: the visit that they have cannot take place where it stands
    later_id: UUID | None  # the visit that the patient has and that moves here when they accept
    later_start: datetime | None

    @property
    def stands(self) -> bool:
        return self.status == "standing"


@dataclass(frozen=True, slots=True)
class Guest:
    """Who has shown a link that works: for which appointment, and what may be told of its patient.

    The appointment is the one that the link was made for, or the later visit that an accepted offer moved to its time.
    """

    actor: Actor
    appointment_id: UUID
    first_name: str
    language: str | None
    expires_at: datetime
    offer: Offer | None = None  # the appointment is, or was, kept for them and is not booked


def no_link() -> NotFound:
    """The one answer to links that are wrong, over or ended: they are not told apart."""
    return NotFound("This link does not work, or no longer.")


async def enter(conn: Connection, keys: Keys, token: str, request_id: UUID) -> Guest:
    """Let this transaction see the appointment that the token proves a right to.

    Raises NotFound for any other token, after the same work.
    """
    claimed = links.appointment_in(token) or _NOTHING
    found = await db.one(conn, q.guest_link, appointment_id=claimed, lives_on=links.LIVES_ON)
    made_of = found or {"patient_id": _NOTHING, "generation": 0}
    proven = links.proves(
        token, keys, appointment_id=claimed, patient_id=made_of["patient_id"], generation=made_of["generation"]
    )
    if found is None or not proven:
        raise no_link()
    await db.run(conn, q.show_appointment, appointment_id=found["appointment_id"])
    return Guest(
        actor=Actor(
            user_id=ids.GUEST,
            role=Role.PATIENT,
            reach=Reach.OWN,
            request_id=request_id,
            patient_id=found["patient_id"],
        ),
        appointment_id=found["appointment_id"],
        first_name=found["first_name"],
        language=found["language"],
        expires_at=found["expires_at"],
        offer=_offer_in(found),
    )


def _offer_in(found: dict[str, Any]) -> Offer | None:
    """Of one that the worker has not ended yet it is told that it has expired."""
    status: OfferStatus | None = found["offer_status"]
    if status is None or status == "accepted":
        return None
    if status == "standing" and found["offered_until"] <= clock.now():
        status = "expired"
    later = {name: found[name] for name in ("entry_id", "displaced", "later_id", "later_start")}
    return Offer(id=found["offer_id"], status=status, expires_at=found["offered_until"], **later)


async def look(
    conn: Connection, guest: Guest, what: str = "appointments:link", beside: Actor | None = None
) -> dict[str, Any]:
    """The appointment, for whoever looks at it by its link; that they looked is written down.

    `beside` is a log-in that stands beside the link. If it is that of the patient, or of who acts for them, the look is
    theirs, and the transaction from then on too; `own` says so.
    """
    row = await see(conn, guest)
    visitor = replace(guest.actor, role=Role.ANONYMOUS)  # who has the link need not be the patient
    if beside and beside.login and beside.patient_id == guest.actor.patient_id:
        with contextlib.suppress(Unauthenticated):  # a session that is over proves nobody
            await work_for(conn, Viewer(beside.login, beside.request_id))
            visitor = beside
    await reads.looked(conn, visitor, [guest.actor.patient_id], what)
    return row | {"own": visitor is beside}


async def see(conn: Connection, guest: Guest) -> dict[str, Any]:
    """The appointment with what may be done about it, and with the ids that are not told (`public`)."""
    row = await db.one(conn, q.see, appointment_id=guest.appointment_id)
    assert row is not None  # the link was made of it, and appointments are never deleted
    told = {"first_name": guest.first_name, "expires_at": guest.expires_at, "offer": _told_of(guest.offer)}
    return row | told | {"actions": _actions(row, guest)}


async def to_be_told(conn: Connection, guest: Guest) -> dict[str, Any]:
    """Whether messages about the appointment go to its patient (`told`), and reminders (`reminded`)."""
    by_topic = settings().push_url is not None
    row = await db.one(conn, q.to_be_told, appointment_id=guest.appointment_id, by_topic=by_topic)
    assert row is not None  # it counts
    return row


def _told_of(offer: Offer | None) -> dict[str, Any] | None:
    if offer is None:
        return None
    told = {"expires_at": offer.expires_at, "displaced": offer.displaced, "moves_from": offer.later_start}
    return {"status": offer.status} | told


def public(row: dict[str, Any]) -> dict[str, Any]:
    """What the bearer of the link is told."""
    return {name: value for name, value in row.items() if name not in _UNTOLD}


_UNTOLD = (
    "id",
    "own",
    "provider_id",
    "clinic_id",
    "visit_type_id",
    "room_id",
    "during",
    "claims",
    "changed_at",
    "what_to_bring",
    "language",
    "country",
)


def _actions(row: dict[str, Any], guest: Guest) -> list[Action]:
    if guest.offer is not None:
        return ["accept", "decline"] if guest.offer.stands else []
    if row["status"] not in ("scheduled", "confirmed") or row["start"] <= clock.now():
        return []
    return ["confirm", "move", "cancel"] if row["status"] == "scheduled" else ["move", "cancel"]


async def confirm(conn: Connection, guest: Guest, *, version: int | None) -> None:
    """The patient will come. Raises StepRefused, StaleVersion."""
    await booking.step(conn, guest.actor, guest.appointment_id, "confirmed", expected=version)


async def cancel(conn: Connection, guest: Guest, *, version: int | None, reason: str | None) -> None:
    """Cancel; the time is free at once. Raises StepRefused, StaleVersion."""
    why = reason or "cancelled by the link to it"
    await booking.step(conn, guest.actor, guest.appointment_id, "cancelled", expected=version, reason=why)


async def move(conn: Connection, guest: Guest, *, version: int | None, start: datetime) -> None:
    """Move to `start` (aware), with the same provider at the same clinic, by the rules that hold for the patient.

    Raises SlotTaken, NotBookable, StepRefused, StaleVersion.
    """
    await moving.reschedule(conn, guest.actor, guest.appointment_id, expected=version, change={"start": start})


async def slots(
    conn: Connection, row: dict[str, Any], guest: Guest, from_on: date | None, to_on: date | None
) -> list[Slot]:
    """Free starts for a move, on local days of the clinic; none when it cannot be moved. Raises InvalidRequest."""
    asked = Asked(
        visit_type_id=row["visit_type_id"],
        clinic_id=row["clinic_id"],
        self_booking=True,
        patient_id=guest.actor.patient_id,
        known=True,
        length=row["end"] - row["start"],
        moving=Moving.of(row),
        **availability.days(from_on, to_on),
    )
    if "move" not in row["actions"]:
        return []
    free = await availability.of_provider(conn, row["provider_id"], asked)
    return [_told(slot) for found in free for slot in found.slots()]


async def accept(conn: Connection, guest: Guest) -> Guest:
    """Book the time that is offered, or move the later visit here. The guest as the link shows it from now on.

    Raises OfferGone, NotBookable.
    """
    row = await offers.accept(conn, guest.actor, await _answering(conn, guest))
    return replace(guest, appointment_id=row["id"], expires_at=row["end"] + links.LIVES_ON, offer=None)


async def decline(conn: Connection, guest: Guest) -> Guest:
    """Give the time that is offered to the next. The guest as the link shows it from now on. Raises OfferGone."""
    await waitlist.decline(conn, guest.actor, await _answering(conn, guest))
    assert guest.offer is not None
    return replace(guest, offer=replace(guest.offer, status="declined"))


async def _answering(conn: Connection, guest: Guest) -> UUID:
    """Let this transaction see what the offer is about, and the visit that it would move; its id."""
    if guest.offer is None or not guest.offer.stands:
        raise OfferGone("Nothing is offered here, or no longer.")
    await db.run(conn, q.show_offer, entry_id=guest.offer.entry_id, later_id=guest.offer.later_id)
    return guest.offer.id


def _told(slot: Slot) -> Slot:
    return {name: slot[name] for name in ("start", "end", "time_zone")}


async def token_of(conn: Connection, keys: Keys, appointment_id: UUID) -> str:
    """The token of the link to an appointment, for whoever has just shown that it is theirs. Raises NotFound."""
    made_of = await db.one(conn, q.guest_link, appointment_id=appointment_id, lives_on=links.LIVES_ON)
    if made_of is None:
        raise no_link()
    of = {"patient_id": made_of["patient_id"], "generation": made_of["generation"]}
    return links.token_of(keys, appointment_id=appointment_id, **of)
