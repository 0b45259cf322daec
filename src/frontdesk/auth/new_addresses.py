"""Another e-mail address to log in by: whoever knows the password asks, and proves that they read what is sent there.

Nobody learns here whether an address has an account. Registration tells (ADR-0018), for it opens an account at once;
here a code is waited for anyway, so the answer and the work are the same, and only the mail differs: one to an address
that has an account says so, and its holder is the one who may know.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag

from frontdesk import db
from frontdesk.auth import factors, service, sessions, throttle, verification
from frontdesk.auth.new_passwords import CodeRefused
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.errors import Conflict
from frontdesk.ports import outgoing
from frontdesk.ports.notifications import Message
from frontdesk.secrets import Keys
from frontdesk.settings import settings
from frontdesk.sql import load

q = load(__package__, "new_addresses.sql")

_NEWS_FOR = timedelta(days=1)  # the old address is told so long, should the mail server be away


class SameAddress(Conflict):
    """The new address is the one of now."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a code is judged by."""

    sealed: bytes  # the new address
    code_hash: bytes = field(repr=False)


async def ask(
    conn: Connection, keys: Keys, actor: Actor, proven: bool, email: str, language: str | None = None
) -> dict[str, Any]:
    """Send a code to the new address, after which an older one is worth nothing. Answers `expires_at`.

    The mail is in `language`, else in that of the caller's record: the address may be nobody's yet.
    Raises WrongPassword unless `proven`, SameAddress, and TooManyAttempts when too many codes were asked for: by the
    caller, or to the address by whomever.
    """
    factors.demand(proven)
    found = await db.one(conn, q.hold, user_id=actor.user_id, email=email)
    assert found is not None
    if found["email"] == email:
        raise SameAddress("You log in with this address already.")
    # In the order of their digests, so that rivals do not wait for each other.
    for subject in sorted((_asked_for(keys, actor.user_id), _asked_to(keys, email))):
        await throttle.count(conn, subject)
    code, ttl = f"{secrets.randbelow(1_000_000):06}", settings().contact_code_ttl
    row = await db.one(
        conn,
        q.keep_code,
        user_id=actor.user_id,
        new_address=keys.seal(email.encode()),
        code_hash=_digest(keys, actor, email, code),
        ttl=ttl,
        **actor.stamp,
    )
    assert row is not None
    if found["taken"]:
        message = Message(kind="address-taken", channel="email", to=email)
    else:
        parameters = {"code": code} | _spoken(language or found["language"])
        message = Message(kind="verification-code", channel="email", to=email, parameters=parameters)
    await outgoing.enqueue(conn, keys, message, actor.stamp, ttl)
    return {"expires_at": row["expires_at"]}


async def waiting(conn: Connection, keys: Keys, actor: Actor) -> tuple[str | None, bool]:
    """The address that the caller asked for last, if any, and whether its code still works."""
    row = await db.one(conn, q.find_asked, user_id=actor.user_id, most=verification.MOST_TRIES)
    email = _unsealed(keys, row["new_address"]) if row else None
    return email, bool(row and email and row["open"])


async def take_try(conn: Connection, actor: Actor) -> Asked | None:
    """Use up one of the code's tries; what to judge it by, or None. Commit it before the code is judged."""
    row = await db.one(conn, q.take_try, user_id=actor.user_id, most=verification.MOST_TRIES)
    return Asked(row["new_address"], row["code_hash"]) if row else None


async def confirm(
    conn: Connection, keys: Keys, actor: Actor, code: str, asked: Asked | None, language: str | None = None
) -> dict[str, Any]:
    """Judge a code by what `take_try` found: the account logs in by the new address, and all other sessions end.

    The old address is told, in `language` or that of the caller's record. Answers the account, its address verified.
    Raises CodeRefused, and EmailTaken when the address has got an account since the code was sent.
    """
    email = asked and _unsealed(keys, asked.sealed)
    before = await db.one(conn, q.hold, user_id=actor.user_id, email=email or "")
    assert before is not None
    if (
        asked is None
        or not email
        or not hmac.compare_digest(_digest(keys, actor, email, code), asked.code_hash)
        or not await db.run(conn, q.use_code, user_id=actor.user_id, code_hash=asked.code_hash)
    ):
        raise CodeRefused("Look at the newest message, or ask for another code.")
    if before["taken"]:  # the index would say so, too, and the database's log quote the address
        raise service.EmailTaken("This address has got an account meanwhile; use another.")
    await db.run(conn, q.change_email, user_id=actor.user_id, email=email, **actor.stamp)
    await db.run(conn, verification.q.verified_email, **actor.stamp)
    await sessions.log_out_everywhere(conn, actor, actor.user_id, but_for=actor.login)
    # What the caller asked for stays counted: else addresses of one's own would buy codes to be sent to others.
    await throttle.reopen(conn, _asked_to(keys, email))
    parameters = _spoken(language or before["language"])
    message = Message(kind="address-changed", channel="email", to=before["email"], parameters=parameters)
    await outgoing.enqueue(conn, keys, message, actor.stamp, _NEWS_FOR)
    return await service.get_user(conn, actor.user_id)


def _spoken(language: str | None) -> dict[str, str]:
    """For a message to an address that has no account, of which its language could be told."""
    return {"language": language} if language else {}


def _unsealed(keys: Keys, sealed: bytes) -> str | None:
    """The address, if it was sealed with today's keys."""
    try:
        return keys.unseal(sealed).decode()
    except InvalidTag:
        return None


def _asked_for(keys: Keys, user_id: UUID) -> bytes:
    return keys.digest("new addresses asked for", str(user_id))


def _asked_to(keys: Keys, email: str) -> bytes:
    return keys.digest("new addresses asked to", throttle.account_name(email))


def _digest(keys: Keys, actor: Actor, email: str, code: str) -> bytes:
    """Keyed, or the million codes would be tried in a second. With the address: a code proves where it was sent."""
    return keys.digest("new addresses", str(actor.user_id), email, code)
