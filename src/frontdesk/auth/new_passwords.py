"""A new password: by its owner, or by a link that only its owner can read."""

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag

from frontdesk import db, ids
from frontdesk.auth import passwords, policy, service, sessions, throttle
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection, Pool, Viewer
from frontdesk.errors import Forbidden, Problem
from frontdesk.ports import outgoing
from frontdesk.ports.notifications import Message
from frontdesk.secrets import Keys
from frontdesk.secrets import keys as process_keys
from frontdesk.settings import settings
from frontdesk.sql import load

q = load(__package__, "new_passwords.sql")

RESETS_PER_HOUR = 3  # mails to one account, whoever asks for them
_MOST_AT_ONCE = 500  # requests that one round of the worker answers
_NEWS_FOR = timedelta(days=1)  # a message about a new password is sent so long, should the mail server be away
_SECRET_BYTES = 32  # of a link: nobody guesses 256 bits, so a plain SHA-256 of it may be stored


class WrongPassword(Forbidden):
    """The password given once more, for a change of what guards the log-in, is not the account's."""

    slug, title = "wrong-password", "The password is wrong"


class CodeRefused(Problem):
    """A link or a code that was used, is too old, or never was one."""

    status, slug, title = 422, "code-refused", "This code is not valid, or no longer"


@dataclass(frozen=True, slots=True)
class Change:
    """A new password, hashed; `old_hash` is what the account's must still be, None when the old password was wrong."""

    old_hash: str | None
    new_hash: str


async def prepare_change(pool: Pool, viewer: Viewer | None, keys: Keys, actor: Actor, old: str, new: str) -> Change:
    """Check the old password and hash the new one, holding no connection meanwhile.

    Who has stolen an access token guesses at the door of `open_door`. Raises TooManyAttempts, InvalidRequest.
    """
    async with db.borrow(pool, viewer) as conn:
        account, subject = await open_door(conn, keys, actor)
    policy.demand(new, account["email"], account["first_name"], account["last_name"], field="new_password")
    right = await passwords.verified(account["password_hash"], old)
    async with db.borrow(pool, viewer) as conn:
        if not right:
            await throttle.count(conn, subject)
            return Change(None, "")
        await throttle.forgive(conn, subject)
    return Change(account["password_hash"], await passwords.hashed(new))


async def open_door(conn: Connection, keys: Keys, actor: Actor) -> tuple[dict[str, Any], bytes]:
    """The caller's account, and the subject of wrong passwords given once more.

    Each log-in has a door of its own, so that who has stolen a session shuts out nobody else; for whomever it acts
    meanwhile, it is the same one. Raises TooManyAttempts.
    """
    account = await db.one(conn, q.find_owner, user_id=actor.user_id, login=actor.login)
    assert account is not None
    subject = keys.digest("password changes", str(account["began_as"]))
    await throttle.admit(conn, subject)
    return account, subject


async def change(conn: Connection, keys: Keys, actor: Actor, new: Change) -> dict[str, Any]:
    """Set the password and end all other sessions. Answers the account.

    Raises WrongPassword, also when rivals have changed it meanwhile.
    """
    changed = new.old_hash and await db.one(
        conn, q.exchange_password, user_id=actor.user_id, old_hash=new.old_hash, new_hash=new.new_hash, **actor.stamp
    )
    if not changed:
        raise WrongPassword("Give the password that you log in with now.")
    await sessions.log_out_everywhere(conn, actor, actor.user_id, but_for=actor.login)
    await _tell(conn, keys, actor, changed["email"])
    return await service.get_user(conn, actor.user_id)


async def ask_reset(conn: Connection, keys: Keys, actor: Actor, email: str) -> None:
    """Note that somebody forgot the password of this address: one INSERT, whether it has an account or not."""
    sealed = keys.seal(unicodedata.normalize("NFC", email).encode())
    await db.run(conn, q.ask_reset, id=ids.new_id(), asked_for=sealed, **actor.stamp)


async def answer_resets(conn: Connection) -> int:
    """Send links to those who asked and have an account; how many. A job of the background worker; idempotent."""
    return await answer_resets_with(conn, process_keys())


async def answer_resets_with(conn: Connection, keys: Keys) -> int:
    """`answer_resets` with these keys."""
    sent = 0
    for _ in range(_MOST_AT_ONCE):
        async with conn.transaction():
            asked = await db.one(conn, q.next_asked)
            if asked is None:
                break
            sent += await _answer(conn, keys, asked["id"], asked["asked_for"])
    return sent


async def prepare_reset(pool: Pool, token: str, new: str) -> tuple[bytes, str] | None:
    """The token's digest and the hash of the new password; None, without hashing, when the token opens nothing."""
    token_hash = _digest(token)
    async with db.borrow(pool) as conn:
        account = await db.one(conn, q.find_reset, token_hash=token_hash)
    if account is None:
        return None
    policy.demand(new, account["email"], field="password")
    return token_hash, await passwords.hashed(new)


async def reset(conn: Connection, keys: Keys, actor: Actor, prepared: tuple[bytes, str] | None) -> None:
    """Set the password, once for one link; other links to the account work no more, and all its sessions end.

    The door that guesses have closed opens: this was the owner. Raises CodeRefused.
    """
    token_hash, new_hash = prepared or (b"", "")
    # The account is locked before its links, so that of rivals with two links to it one waits for the other.
    account = prepared and await db.one(conn, q.lock_account_of_reset, token_hash=token_hash)
    if not account or not await db.run(conn, q.use_resets, user_id=account["id"], token_hash=token_hash):
        raise CodeRefused("Ask for a new link: each works once, and not for long.")
    owner = Actor(user_id=account["id"], role=actor.role, request_id=actor.request_id)
    await db.run(conn, q.set_password, user_id=owner.user_id, new_hash=new_hash, **owner.stamp)
    await sessions.log_out_everywhere(conn, owner, owner.user_id)
    await throttle.reopen(conn, throttle.log_in_subject(keys, account["email"]))
    await _tell(conn, keys, owner, account["email"])


async def purge(conn: Connection) -> int:
    """Forget links that are older than a day. A job of the background worker; idempotent."""
    return await db.run(conn, q.purge_resets)


async def _answer(conn: Connection, keys: Keys, reset_id: UUID, asked_for: bytes) -> bool:
    try:
        email = keys.unseal(asked_for).decode()
    except InvalidTag:  # sealed with another secret
        email = ""
    account = await db.one(conn, q.find_mail, email=email, most=RESETS_PER_HOUR)
    if account is None:
        await db.run(conn, q.drop_reset, id=reset_id)
        return False
    token, ttl = secrets.token_urlsafe(_SECRET_BYTES), settings().password_reset_ttl
    await db.run(conn, q.make_link, id=reset_id, user_id=account["id"], token_hash=_digest(token), ttl=ttl)
    message = Message(kind="password-reset", channel="email", to=account["email"], parameters={"token": token})
    await outgoing.enqueue(conn, keys, message, service.system().stamp, ttl)
    return True


async def _tell(conn: Connection, keys: Keys, actor: Actor, email: str) -> None:
    """Tell the owner: should it have been somebody else, they hear of it."""
    message = Message(kind="password-changed", channel="email", to=email)
    await outgoing.enqueue(conn, keys, message, actor.stamp, _NEWS_FOR)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
