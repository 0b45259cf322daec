"""Second factors of an account, and recovery codes for the day when they are gone (ADR-0019). Passkeys: `passkeys`.

Whoever sets one up or takes one away has just given the password: with a log-in in the same request, without one by a
proof of enrolment, which is worth nothing once there is a factor.
"""

import base64
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag

from frontdesk import clock, db
from frontdesk.auth import new_passwords, passwords, service, throttle, totp
from frontdesk.auth.new_passwords import CodeRefused, WrongPassword
from frontdesk.auth.permissions import Actor
from frontdesk.auth.proofs import Proof
from frontdesk.db import Connection, Pool, Viewer
from frontdesk.errors import Conflict, NotFound, Unauthenticated
from frontdesk.secrets import Keys
from frontdesk.settings import settings
from frontdesk.sql import load

q = load(__package__, "factors.sql")

ISSUER = "Frontdesk"  # what the app shows beside the address
RECOVERY_CODES = 10
_SHOWN_OF_PASSKEY = ("id", "name", "created_at", "last_used_at")
_RECOVERY_BYTES = 15  # 120 random bits, 24 letters and digits: nobody guesses them, so a plain SHA-256 may be stored


async def reprove(pool: Pool, viewer: Viewer | None, keys: Keys, actor: Actor, password: str | None) -> bool:
    """Whether `password` is the caller's. Holds no connection while it hashes.

    Who has stolen an access token guesses at the same door as for a new password. Raises TooManyAttempts.
    """
    async with db.borrow(pool, viewer) as conn:
        account, subject = await new_passwords.open_door(conn, keys, actor)
    right = await passwords.verified(account["password_hash"], password or "")
    async with db.borrow(pool, viewer) as conn:
        if right:
            await throttle.forgive(conn, subject)
        elif password is not None:
            await throttle.count(conn, subject)
    return right


async def overview(conn: Connection, actor: Actor) -> dict[str, Any]:
    """What the caller's log-in is guarded by."""
    row = await db.one(conn, q.factors_of, user_id=actor.user_id)
    assert row is not None
    passkeys = await db.many(conn, q.passkeys_of, user_id=actor.user_id)
    return {
        "required": settings().needs_second_factor(row["role"]),
        "totp": row["totp_since"] is not None,
        "totp_since": row["totp_since"],
        "passkeys": [{name: passkey[name] for name in _SHOWN_OF_PASSKEY} for passkey in passkeys],
        "recovery_codes": row["recovery_codes"],
    }


async def hold_owner(conn: Connection, keys: Keys, actor: Actor, proof: Proof | None) -> dict[str, Any]:
    """The caller's account, locked. Raises Unauthenticated for a proof that has outlived its purpose."""
    await db.run(conn, q.lock_owner, user_id=actor.user_id)
    owner = await db.one(conn, q.factors_of, user_id=actor.user_id)
    assert owner is not None
    if proof is not None and not (owner["active"] and proof.holds(owner["password_hash"], keys) and not guarded(owner)):
        raise Unauthenticated("This token sets up a first factor, and no more; log in again.")
    return owner


def guarded(account: dict[str, Any]) -> bool:
    """Whether an account has a second factor."""
    return account["totp_since"] is not None or account["passkeys"] > 0


async def begin_totp(conn: Connection, keys: Keys, actor: Actor, proof: Proof | None, proven: bool) -> dict[str, str]:
    """A new secret for an authenticator app; it counts when a code of it has been confirmed.

    Raises WrongPassword unless `proven`, Conflict when an app is set up already.
    """
    owner = await hold_owner(conn, keys, actor, proof)
    demand(proven)
    if owner["totp_since"]:
        raise Conflict("An authenticator app is set up; remove it first.")
    secret = os.urandom(totp.SECRET_BYTES)
    sealed = keys.seal(actor.user_id.bytes + secret)
    await db.run(conn, q.begin_totp, user_id=actor.user_id, secret=sealed, **actor.stamp)
    return {"secret": totp.typed(secret), "uri": totp.uri(secret, owner["email"], ISSUER)}


async def pending_key(conn: Connection, keys: Keys, actor: Actor) -> str | None:
    """The secret of the caller's app that waits for its first code, as a person types it."""
    found = await db.one(conn, q.find_totp, user_id=actor.user_id)
    secret = _unsealed(keys, actor.user_id, found["secret"]) if found and not found["confirmed"] else None
    return totp.typed(secret) if secret else None


async def confirm_totp(
    conn: Connection, keys: Keys, actor: Actor, proof: Proof | None, code: str
) -> dict[str, list[str]]:
    """From here on log-in asks for a code. Answers recovery codes, unless there are some. Raises CodeRefused."""
    await hold_owner(conn, keys, actor, proof)
    if not await spend_code(conn, keys, actor.user_id, actor.stamp, code, first=True):
        raise CodeRefused("Give the code that the app shows now.")
    return {"recovery_codes": await first_recovery_codes(conn, actor)}


async def spend_code(
    conn: Connection, keys: Keys, user_id: UUID, stamp: dict[str, UUID], code: str, *, first: bool = False
) -> bool:
    """Whether this is a code of the account's app that was never used; it is now. `first`: of one not yet confirmed."""
    found = await db.one(conn, q.find_totp, user_id=user_id)
    secret = found and _unsealed(keys, user_id, found["secret"])
    if not found or not secret or found["confirmed"] is first:
        return False
    step = totp.step_of(secret, code, clock.now(), found["last_step"])
    if step is None:
        return False
    return bool(await db.run(conn, q.use_step, user_id=user_id, step=step, first=first, **stamp))


async def spend_recovery_code(conn: Connection, user_id: UUID, stamp: dict[str, UUID], code: str) -> bool:
    """Whether this is a recovery code of the account that was never used; it is now."""
    return bool(await db.run(conn, q.use_recovery_code, user_id=user_id, code_hash=_digest(code), **stamp))


@asynccontextmanager
async def guessing(pool: Pool, keys: Keys, actor: Actor, code: str | None) -> AsyncIterator[None]:
    """Around a transaction that judges a code of the caller's app: a wrong one is counted when that is over.

    None is counted for whoever gives a recovery code instead. Raises TooManyAttempts.
    """
    subject = guess_subject(keys, actor.user_id)
    if code is not None:
        async with db.borrow(pool) as conn:
            await throttle.admit(conn, subject)
    try:
        yield
    except CodeRefused:
        if code is not None:
            async with db.borrow(pool) as conn:
                await throttle.count(conn, subject)
        raise


async def remove_totp(
    conn: Connection, keys: Keys, actor: Actor, proven: bool, code: str | None, recovery_code: str | None
) -> None:
    """No code is asked for any more. Raises WrongPassword, NotFound, CodeRefused: do it while `guessing`."""
    owner = await hold_owner(conn, keys, actor, None)
    demand(proven)
    if not owner["totp_since"]:
        raise NotFound("No authenticator app is set up.")
    subject = guess_subject(keys, actor.user_id)
    if code is not None:
        right = await spend_code(conn, keys, actor.user_id, actor.stamp, code)
        if right:
            await throttle.forgive(conn, subject)
    else:
        right = await spend_recovery_code(conn, actor.user_id, actor.stamp, recovery_code or "")
    if not right:
        raise CodeRefused("Give the code that the app shows now, or a recovery code.")
    await db.one(conn, service.q.set_deleter, **actor.stamp)
    await db.run(conn, q.remove_totp, user_id=actor.user_id)
    if not owner["passkeys"]:
        await db.run(conn, q.remove_recovery_codes, user_id=actor.user_id)


async def remove_passkey(conn: Connection, keys: Keys, actor: Actor, proven: bool, passkey_id: UUID) -> None:
    """This passkey opens nothing any more. Raises WrongPassword, NotFound."""
    owner = await hold_owner(conn, keys, actor, None)
    demand(proven)
    await db.one(conn, service.q.set_deleter, **actor.stamp)
    if not await db.run(conn, q.remove_passkeys, user_id=actor.user_id, passkey_id=passkey_id):
        raise NotFound("You have no such passkey.")
    if owner["passkeys"] == 1 and owner["totp_since"] is None:
        await db.run(conn, q.remove_recovery_codes, user_id=actor.user_id)


async def remove_all(conn: Connection, actor: Actor, user_id: UUID) -> None:
    """Take away the factors of somebody who has lost them all, and end their sessions. Idempotent. Raises NotFound."""
    await service.get_user(conn, user_id)
    await db.one(conn, service.q.set_deleter, **actor.stamp)
    await db.run(conn, q.remove_totp, user_id=user_id)
    await db.run(conn, q.remove_passkeys, user_id=user_id, passkey_id=None)
    await db.run(conn, q.remove_recovery_codes, user_id=user_id)
    await db.run(conn, service.q.end_sessions_of, user_id=user_id, but_for=None, **actor.stamp)


async def renew_recovery_codes(conn: Connection, keys: Keys, actor: Actor, proven: bool) -> dict[str, list[str]]:
    """New recovery codes in place of all others. Raises WrongPassword, and Conflict without a second factor."""
    owner = await hold_owner(conn, keys, actor, None)
    demand(proven)
    if not guarded(owner):
        raise Conflict("Recovery codes stand in for a second factor; set one up first.")
    await db.one(conn, service.q.set_deleter, **actor.stamp)
    await db.run(conn, q.remove_recovery_codes, user_id=actor.user_id)
    return {"recovery_codes": await first_recovery_codes(conn, actor)}


async def first_recovery_codes(conn: Connection, actor: Actor) -> list[str]:
    """Recovery codes for an account that has none; none for one that has."""
    row = await db.one(conn, q.factors_of, user_id=actor.user_id)
    if row is None or row["recovery_codes"]:
        return []
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    hashes = [_digest(code) for code in codes]
    await db.run(conn, q.insert_recovery_codes, user_id=actor.user_id, code_hashes=hashes, **actor.stamp)
    return codes


def guess_subject(keys: Keys, user_id: UUID) -> bytes:
    """Whose wrong codes to count: those against this account, by whomever and in whichever log-in."""
    return keys.digest("second factor failures", str(user_id))


def demand(proven: bool) -> None:
    """Raise WrongPassword unless the password was given rightly."""
    if not proven:
        raise WrongPassword("Give the password that you log in with now.")


def _unsealed(keys: Keys, user_id: UUID, sealed: bytes) -> bytes | None:
    """The secret, if it is of this account and was sealed with today's keys."""
    try:
        opened = keys.unseal(sealed)
    except InvalidTag:
        return None
    return opened[16:] if opened[:16] == user_id.bytes else None


def _new_recovery_code() -> str:
    letters = base64.b32encode(os.urandom(_RECOVERY_BYTES)).decode()
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def _digest(recovery_code: str) -> bytes:
    """However it was copied from the paper: small letters, spaces, no hyphens."""
    return hashlib.sha256("".join(filter(str.isalnum, recovery_code)).upper().encode()).digest()
