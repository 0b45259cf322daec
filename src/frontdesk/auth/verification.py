"""Verified addresses: whoever tells the six digits that were sent there reads what is sent there."""

import hmac
import secrets
from typing import Any

from frontdesk import db
from frontdesk.auth import service, throttle
from frontdesk.auth.models import Channel
from frontdesk.auth.new_passwords import CodeRefused
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.errors import Conflict
from frontdesk.ports import outgoing
from frontdesk.ports.notifications import Message
from frontdesk.secrets import Keys
from frontdesk.settings import settings
from frontdesk.sql import load

q = load(__package__, "verification.sql")

MOST_TRIES = 5  # of one code; with ten codes in a row and then one an hour, a million codes outlast anybody's patience


async def send_code(conn: Connection, keys: Keys, actor: Actor, channel: Channel) -> dict[str, Any]:
    """Send a new code, after which an older one is worth nothing. Answers the channel and `expires_at`.

    Raises Conflict without an address to send to, TooManyAttempts when too many codes were asked for in a row.
    """
    to = await _address(conn, actor, channel)
    if to is None:
        raise Conflict("There is no phone number on record; enter one first.")
    await throttle.count(conn, _asking(keys, actor, channel))
    code = f"{secrets.randbelow(1_000_000):06}"
    row = await db.one(
        conn,
        q.keep_code,
        user_id=actor.user_id,
        channel=channel,
        code_hash=_digest(keys, actor, channel, to, code),
        ttl=settings().contact_code_ttl,
        **actor.stamp,
    )
    assert row is not None
    message = Message(kind="verification-code", channel=channel, to=to, parameters={"code": code})
    await outgoing.enqueue(conn, keys, message, actor.stamp, settings().contact_code_ttl)
    return {"channel": channel, "expires_at": row["expires_at"]}


async def take_try(conn: Connection, actor: Actor, channel: Channel) -> bytes | None:
    """Use up one of the code's tries; what the right code must match, or None. Commit it before the code is judged."""
    row = await db.one(conn, q.take_try, user_id=actor.user_id, channel=channel, most=MOST_TRIES)
    return row["code_hash"] if row else None


async def confirm(
    conn: Connection, keys: Keys, actor: Actor, channel: Channel, code: str, expected: bytes | None
) -> dict[str, Any]:
    """Judge a code by what `take_try` found. Answers the account, its address verified. Raises CodeRefused."""
    to = await _address(conn, actor, channel)
    told = _digest(keys, actor, channel, to or "", code)
    # Of rivals with the right code one finds it still there.
    if (
        expected is None
        or not hmac.compare_digest(told, expected)
        or not await db.run(conn, q.use_code, user_id=actor.user_id, channel=channel, code_hash=expected)
    ):
        raise CodeRefused("Look at the newest message, or ask for another code.")
    await db.run(conn, q.verified_email if channel == "email" else q.verified_phone, **actor.stamp)
    await throttle.reopen(conn, _asking(keys, actor, channel))
    return await service.get_user(conn, actor.user_id)


async def purge(conn: Connection) -> int:
    """Forget codes that are too old. A job of the background worker; idempotent."""
    return await db.run(conn, q.purge_codes)


async def _address(conn: Connection, actor: Actor, channel: Channel) -> str | None:
    row = await db.one(conn, q.find_addresses, user_id=actor.user_id)
    return row[channel] if row else None


def _asking(keys: Keys, actor: Actor, channel: Channel) -> bytes:
    return keys.digest("codes asked for", str(actor.user_id), channel)


def _digest(keys: Keys, actor: Actor, channel: Channel, to: str, code: str) -> bytes:
    """Keyed, or the million codes would be tried in a second. With the address: a code verifies where it was sent."""
    return keys.digest("contact codes", str(actor.user_id), channel, to, code)
