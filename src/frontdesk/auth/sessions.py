"""Sessions: one log-in on one device each; access tokens of minutes, refresh tokens that work once (ADR-0018)."""

import hashlib
import secrets
import unicodedata
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from frontdesk import db, ids
from frontdesk.auth import passwords, service, throttle, tokens
from frontdesk.auth.permissions import Actor, Role
from frontdesk.db import Connection, Pool
from frontdesk.errors import NotFound, Unauthenticated
from frontdesk.secrets import Keys
from frontdesk.settings import settings
from frontdesk.sql import load
from frontdesk.web import pages

q = load(__package__, "sessions.sql")

_GRACE = timedelta(seconds=10)

_SECRET_BYTES = 32  # of a refresh token: nobody guesses 256 bits, so a plain SHA-256 of it may be stored


class RefreshRefused(Unauthenticated):
    """The refresh token is not the newest of a live session: replayed, stolen, or simply too old.

    There is no time of grace: a client that may send the same refresh twice (two tabs, a lost answer) sends the same
    Idempotency-Key with it, and both get the same new tokens.
    """

    def __init__(self, session_id: UUID | None) -> None:
        super().__init__("The refresh token is no longer valid; log in again.")
        self.session_id = session_id


@dataclass(frozen=True, slots=True)
class Proven:
    """An account whose password was just given rightly, as it was at that moment."""

    user_id: UUID
    password_hash: str
    second: bool = False  # a second factor was given with it, and was right


SecondFactor = Callable[[Connection, UUID | None], Awaitable[bool]]
"""Whether the second factor that came with a password is right for this account; None: for one that does not exist."""


async def prove(
    pool: Pool, keys: Keys, email: str, password: str, own: str = "", second: SecondFactor | None = None
) -> Proven:
    """Check a password. Gives its connection back before the 35 ms of hashing.

    `own` is whatever spares the caller the door of strangers, see `throttle.log_in_subject`. With `second` both are
    checked, whatever the other is, and nobody learns which of them was wrong: that is what lets the owner of a second
    factor pass by the door of strangers, who would have to guess both at once.
    Raises Unauthenticated, in the same words and after the same work whether there is no such account, the account is
    inactive or the password is wrong. Raises TooManyAttempts after too many wrong guesses, for any name alike, and then
    tells nothing about the password.
    """
    subject = throttle.log_in_subject(keys, email, own)
    async with db.borrow(pool) as conn:
        found = await db.one(conn, q.find_account, email=unicodedata.normalize("NFC", email), subject=subject)
    assert found is not None
    throttle.refuse(found["wait_s"])
    right = await passwords.verified(found["password_hash"], password) and found["active"]
    async with db.borrow(pool) as conn:
        if (
            second is not None
        ):  # asked for nobody where the password was wrong: strangers close nobody's door with codes
            right = await second(conn, found["id"] if right else None)
        if not right:
            await throttle.count(conn, subject)
            raise _wrong()
        await throttle.forgive(conn, subject)
    return Proven(found["id"], found["password_hash"], second is not None)


async def log_in(conn: Connection, actor: Actor, proven: Proven, key: bytes) -> dict[str, Any]:
    """Open a session and answer its tokens, the access token signed with `key`. Raises as `begin` does."""
    login, refresh_token = await begin(conn, actor, proven, settings().refresh_token_ttl)
    return _tokens(login, refresh_token, key)


async def begin(conn: Connection, actor: Actor, proven: Proven, ttl: timedelta) -> tuple[tokens.Login, str]:
    """Open a session that ends after `ttl`, unless it is refreshed; who it is of, and the token that refreshes it.

    Raises Unauthenticated when the account was deactivated, or its password changed, since it was proven.
    """
    session_id = ids.new_id()
    refresh_token = _new_refresh_token(session_id)
    opened = await db.one(
        conn,
        q.open_session,
        session_id=session_id,
        user_id=proven.user_id,
        password_hash=proven.password_hash,
        refresh_hash=_digest(refresh_token),
        ttl=ttl,
        request_id=actor.request_id,
    )
    login = await login_for(conn, session_id) if opened else None
    if login is None:
        raise _wrong()
    return login, refresh_token


async def switch(conn: Connection, actor: Actor, patient_id: UUID, key: bytes, *, refresh_token: str) -> dict[str, Any]:
    """End the present session; the tokens of a new one that acts for this patient, or for oneself (ADR-0031).

    Needs the newest refresh token: an access token, good for minutes, must not become one that is good for weeks.
    Raises RefreshRefused when it is another, or the caller may not act for this patient.
    """
    new_token = _new_refresh_token(session_id := ids.new_id())
    proof = _digest(refresh_token)
    ends_at = await _replace(conn, actor, patient_id, session_id, _digest(new_token), proof=proof)
    login = await login_for(conn, session_id) if ends_at else None
    if login is None:
        raise RefreshRefused(None)
    return _tokens(login, new_token, key)


async def switch_browser(
    conn: Connection, actor: Actor, patient_id: UUID, not_after: datetime | None
) -> tuple[tokens.Login, datetime]:
    """The same for the session of a cookie; until when the new one lives: as long as the old one would have, and not
    longer than the token that asks (`not_after`).

    The old one lives on for seconds: what the browser sent before it had the new cookie, as by a second click, would
    otherwise lead to the log-in. Raises Unauthenticated when the caller may not act for this patient.
    """
    new_hash = _digest(_new_refresh_token(session_id := ids.new_id()))
    ends_at = await _replace(conn, actor, patient_id, session_id, new_hash, grace=_GRACE, not_after=not_after)
    login = await login_for(conn, session_id) if ends_at else None
    if login is None or ends_at is None:
        raise Unauthenticated("This session has ended; log in again.")
    return login, ends_at


async def _replace(
    conn: Connection,
    actor: Actor,
    patient_id: UUID,
    session_id: UUID,
    new: bytes,
    *,
    proof: bytes | None = None,
    grace: timedelta = timedelta(),
    not_after: datetime | None = None,
) -> datetime | None:
    row = await db.one(
        conn,
        q.switch,
        present=actor.login,
        patient_id=patient_id,
        session_id=session_id,
        refresh_hash=new,
        proof=proof,
        grace=grace,
        not_after=not_after,
        request_id=actor.request_id,
    )
    return row["expires_at"] if row else None


async def refresh(conn: Connection, actor: Actor, refresh_token: str, key: bytes) -> dict[str, Any]:
    """Exchange the newest refresh token of a session for new tokens. Of several rivals with the same one, one wins.

    Raises RefreshRefused for any other token. The caller then rolls back and runs `end_replayed`.
    """
    session_id = _session_of(refresh_token)
    if session_id is None:
        raise RefreshRefused(None)
    next_token = _new_refresh_token(session_id)
    rotated = await db.one(
        conn,
        q.rotate,
        session_id=session_id,
        refresh_hash=_digest(refresh_token),
        next_hash=_digest(next_token),
        ttl=settings().refresh_token_ttl,
        request_id=actor.request_id,
    )
    login = await login_for(conn, session_id) if rotated else None
    if login is None:
        raise RefreshRefused(session_id)
    return _tokens(login, next_token, key)


async def end_replayed(conn: Connection, actor: Actor, refused: RefreshRefused) -> None:
    """End the session whose old token came back: either its owner or a thief has the newer one (RFC 9700 §4.14.2)."""
    if refused.session_id is not None:
        await log_out(conn, actor, refused.session_id)


async def log_out(conn: Connection, actor: Actor, session_id: UUID) -> None:
    """End one session. Idempotent. Its access tokens open nothing from now on (ADR-0021)."""
    await db.run(conn, q.end_session, session_id=session_id, **actor.stamp)


async def log_out_everywhere(conn: Connection, actor: Actor, user_id: UUID, but_for: UUID | None = None) -> None:
    """End all sessions of a user, but for one if it is named. Idempotent."""
    await db.run(conn, service.q.end_sessions_of, user_id=user_id, but_for=but_for, **actor.stamp)


async def end_links(conn: Connection, actor: Actor, patient_id: UUID) -> None:
    """End the links that messages to the patient have brought so far. Who may, the caller judges."""
    await db.run(conn, q.end_links, patient_id=patient_id, **actor.stamp)


async def end_own_links(conn: Connection, actor: Actor) -> None:
    """The same of the caller, if a patient, and of everybody for whom they may act: those messages reach them, too."""
    await db.run(conn, q.end_own_links, **actor.stamp)


async def list_own(conn: Connection, actor: Actor, cursor: str | None, limit: int) -> dict[str, Any]:
    """One page of the caller's live sessions, oldest first."""
    rows = await db.search(
        conn,
        q.sessions_of,
        user_id=actor.user_id,
        current=actor.login,
        rows=limit + 1,
        **pages.after_id(cursor),
    )
    return pages.page(rows, limit, "id")


async def end_own(conn: Connection, actor: Actor, session_id: UUID) -> None:
    """End one of the caller's sessions. Raises NotFound for one that is over or somebody else's."""
    if not await db.run(conn, q.end_own_session, session_id=session_id, user_id=actor.user_id, **actor.stamp):
        raise NotFound("You have no such session.")


async def login_for(conn: Connection, session_id: UUID) -> tokens.Login | None:
    """What an access token of this session says today; None when the session is over or its user inactive."""
    return (await logins_for(conn, [session_id])).get(session_id)


async def logins_for(conn: Connection, session_ids: Collection[UUID]) -> dict[UUID, tokens.Login]:
    """The same for many sessions; one that is over is missing."""
    rows = await db.many(conn, q.find_logins, session_ids=list(session_ids))
    return {
        row["session_id"]: tokens.Login(**row | {"role": Role(row["role"]), "clinic_ids": tuple(row["clinic_ids"])})
        for row in rows
    }


async def purge(conn: Connection) -> int:
    """Forget sessions that ended more than 30 days ago. A job of the background worker; idempotent."""
    async with conn.transaction():
        await db.one(conn, service.q.set_deleter, **service.system().stamp)
        return await db.run(conn, q.purge_sessions)


def _wrong() -> Unauthenticated:
    return Unauthenticated("The e-mail address or the password is wrong.")


def _new_refresh_token(session_id: UUID) -> str:
    """The session's id finds the row, the random part proves the right to it."""
    return f"{session_id.hex}.{secrets.token_urlsafe(_SECRET_BYTES)}"


def _session_of(refresh_token: str) -> UUID | None:
    try:
        return UUID(hex=refresh_token.partition(".")[0])
    except ValueError:
        return None


def _digest(refresh_token: str) -> bytes:
    return hashlib.sha256(refresh_token.encode()).digest()


def _tokens(login: tokens.Login, refresh_token: str, key: bytes) -> dict[str, Any]:
    ttl = settings().access_token_ttl
    return {
        "access_token": tokens.write(login, key, ttl),
        "refresh_token": refresh_token,
        "token_type": "bearer",
        "expires_in": int(ttl.total_seconds()),
    }
