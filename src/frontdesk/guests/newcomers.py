"""Booking without an account: by whoever reads the mail of the address they gave (ADR-0030).

Until then nothing about them is kept here. What they typed, with a keyed digest of the code that was sent, is sealed,
given back to them, and shown again with the code. Guesses are counted for the hold, which lives for minutes.
"""

import hmac
import secrets
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag

from frontdesk import clock, db, ids
from frontdesk.auth import service as accounts
from frontdesk.auth import throttle
from frontdesk.auth.permissions import Actor, Reach, Role
from frontdesk.booking import holds
from frontdesk.db import Connection
from frontdesk.guests.service import q
from frontdesk.ports import outgoing
from frontdesk.ports.notifications import Message
from frontdesk.secrets import Keys
from frontdesk.settings import settings

_PURPOSE = "newcomer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Who wants to come, as they say."""

    first_name: str
    last_name: str
    date_of_birth: date
    email: str
    phone: str
    language: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody to whom a code was sent, for one hold."""

    who: Newcomer
    code: bytes = field(repr=False)  # its keyed digest

    def proves(self, keys: Keys, hold_id: UUID, code: str) -> bool:
        """Whether this is the code that was sent."""
        return hmac.compare_digest(_digest(keys, hold_id, self.who.email, code), self.code)


async def ask(conn: Connection, keys: Keys, actor: Actor, hold_id: UUID, who: Newcomer) -> bytes:
    """Send a code to their address; what they show together with it, sealed.

    Raises TooManyAttempts when too many codes were asked for: for the hold, to the address, or by the caller.
    """
    for subject in _asking(keys, actor, hold_id, who):
        await throttle.count(conn, subject)
    code = f"{secrets.randbelow(1_000_000):06}"
    parameters = {"code": code, "language": who.language}
    message = Message(kind="verification-code", channel="email", to=who.email, parameters=parameters)
    await outgoing.enqueue(conn, keys, message, actor.stamp, settings().contact_code_ttl)
    return keep(keys, who, hold_id, _digest(keys, hold_id, who.email, code).hex())


def keep(keys: Keys, who: Newcomer, hold_id: UUID | None = None, digest: str = "") -> bytes:
    """What they typed, sealed: for one hold, with the digest of its code; or for whatever they hold next."""
    until = clock.now() + settings().contact_code_ttl
    return keys.seal(orjson.dumps([_PURPOSE, str(hold_id), until, asdict(who), digest]))


def asked(keys: Keys, hold_id: UUID | None, sealed: bytes) -> Asked | None:
    """Who was asked about this hold; None for what is not ours, about another hold, or too old."""
    try:
        purpose, about, until, who, digest = orjson.loads(keys.unseal(sealed))
    except (InvalidTag, ValueError, TypeError):
        return None
    if (purpose, about) != (_PURPOSE, str(hold_id)) or datetime.fromisoformat(until) <= clock.now():
        return None
    born = date.fromisoformat(who["date_of_birth"])
    return Asked(Newcomer(**who | {"date_of_birth": born}), bytes.fromhex(digest))


async def count_try(conn: Connection, keys: Keys, hold_id: UUID) -> None:
    """Count one guess at a code of this hold; commit it before the code is judged. Raises TooManyAttempts."""
    await throttle.count(conn, _guessing(keys, hold_id))


async def book(
    conn: Connection, keys: Keys, actor: Actor, hold_id: UUID, token: str | None, who: Newcomer, reason: str | None
) -> dict[str, Any]:
    """Make a record for somebody whose address is proven, and a visit of the hold.

    The record is new, even when one like it exists: an address proves no identity, and the desk links them.
    Raises HoldGone, NotBookable, SlotTaken.
    """
    visitor = Actor(user_id=ids.GUEST, role=Role.PATIENT, reach=Reach.OWN, request_id=actor.request_id)
    await db.run(conn, q.show_appointment, appointment_id=hold_id)
    look = partial(holds.find, conn, actor, hold_id, token)
    await look()  # before anything is written
    patient_id = await accounts.add_patient(conn, visitor, asdict(who) | {"gender": None})
    row = await holds.take(conn, replace(visitor, patient_id=patient_id), look, patient_id, reason=reason, mode=None)
    client = _client(keys, actor)
    for subject in _asking(keys, actor, hold_id, who):
        await (throttle.take_back if subject == client else throttle.reopen)(conn, subject)
    await throttle.reopen(conn, _guessing(keys, hold_id))
    return row


def _asking(keys: Keys, actor: Actor, hold_id: UUID, who: Newcomer) -> list[bytes]:
    """In whose names codes are counted, in the order of their digests, so that rivals do not wait for each other."""
    names = (f"hold:{hold_id}", f"address:{throttle.account_name(who.email)}")
    return sorted([*(_asked_for(keys, name) for name in names), _client(keys, actor)])


def _client(keys: Keys, actor: Actor) -> bytes:
    """Of these the one that does not end with the booking, which takes back one code and no other: else a booking of
    one's own would buy codes to be sent to others."""
    return _asked_for(keys, f"client:{actor.client}")


def _asked_for(keys: Keys, name: str) -> bytes:
    return keys.digest("guest codes asked for", name)


def _guessing(keys: Keys, hold_id: UUID) -> bytes:
    return keys.digest("guest codes guessed", str(hold_id))


def _digest(keys: Keys, hold_id: UUID, email: str, code: str) -> bytes:
    return keys.digest("guest codes", str(hold_id), email, code)
