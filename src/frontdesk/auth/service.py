"""Accounts and their sessions: who may log in, and for how long."""

import hashlib
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from pydantic import ValidationError

from frontdesk import db, errors, ids
from frontdesk.auth import passwords, tokens
from frontdesk.auth.models import NewUser
from frontdesk.auth.permissions import Actor, Role
from frontdesk.db import Connection, Pool
from frontdesk.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from frontdesk.settings import settings
from frontdesk.sql import load
from frontdesk.web import pages, versions

q = load(__package__)

_SECRET_BYTES = 32  # of a refresh token: nobody guesses 256 bits, so a plain SHA-256 of it may be stored


class EmailTaken(Conflict):
    """Another account has this e-mail address."""

    slug, title = "email-taken", "E-mail address already in use"


class LastAdmin(Conflict):
    """Without an active admin nobody could manage users any more."""

    slug, title = "last-admin", "This is the last active admin"


class RefreshRefused(Unauthenticated):
    """The refresh token is not the newest of a live session: replayed, stolen, or simply too old."""

    def __init__(self, session_id: UUID | None) -> None:
        super().__init__("The refresh token is no longer valid; log in again.")
        self.session_id = session_id


_TAKEN = "Log in with this e-mail address, or use another."

errors.register("user_account_email_once", EmailTaken, _TAKEN)
errors.register("user_account_patient_linked", InvalidRequest, "A user with the role patient needs patient_id.")
errors.register("user_account_provider_linked", InvalidRequest, "A user with the role provider needs provider_id.")


@dataclass(frozen=True, slots=True)
class Proven:
    """An account whose password was just given rightly, as it was at that moment."""

    user_id: UUID
    password_hash: str


async def prove(pool: Pool, email: str, password: str) -> Proven:
    """Check a password. Gives its connection back before the 35 ms of hashing.

    Raises Unauthenticated, in the same words and after the same work whether there is no such account, the account is
    inactive or the password is wrong.
    """
    async with db.borrow(pool) as conn:
        account = await db.one(conn, q.find_account, email=unicodedata.normalize("NFC", email))
    right = await passwords.verified(account["password_hash"] if account else None, password)
    if account is None or not right or not account["active"]:
        raise _wrong()
    return Proven(account["id"], account["password_hash"])


async def log_in(conn: Connection, actor: Actor, proven: Proven, key: bytes) -> dict[str, Any]:
    """Open a session and answer its tokens, the access token signed with `key`.

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
        ttl=settings().refresh_token_ttl,
        request_id=actor.request_id,
    )
    login = await login_for(conn, session_id) if opened else None
    if login is None:
        raise _wrong()
    return _tokens(login, refresh_token, key)


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
    """End one session. Idempotent. Its access token still opens doors until it expires, 15 minutes at most."""
    await db.run(conn, q.end_session, session_id=session_id, **actor.stamp)


async def login_for(conn: Connection, session_id: UUID) -> tokens.Login | None:
    """What an access token of this session says today; None when the session is over or its user inactive."""
    row = await db.one(conn, q.find_login, session_id=session_id)
    if row is None:
        return None
    return tokens.Login(**row | {"role": Role(row["role"]), "clinic_ids": tuple(row["clinic_ids"])})


async def me(conn: Connection, actor: Actor, session_id: UUID) -> dict[str, Any]:
    """The caller's own account. Raises Unauthenticated when the session has ended since the token was written."""
    if await login_for(conn, session_id) is None:
        raise Unauthenticated("This session has ended; log in again.")
    return await get_user(conn, actor.user_id)


async def purge_sessions(conn: Connection) -> int:
    """Forget sessions that ended more than 30 days ago. A job of the background worker; idempotent."""
    async with conn.transaction():
        await db.one(conn, q.set_deleter, **_system().stamp)
        return await db.run(conn, q.purge_sessions)


async def register(conn: Connection, actor: Actor, patient: dict[str, Any], password_hash: str) -> dict[str, Any]:
    """Make a patient's record and the account that belongs to it. Raises EmailTaken.

    A record that may be the same person's is not linked: a name and a birth date prove nothing; the desk links them.
    """
    patient_id = ids.new_id()
    await db.run(conn, q.insert_patient, id=patient_id, **patient, **actor.stamp)
    account = {"email": patient["email"], "role": Role.PATIENT, "patient_id": patient_id}
    return await add_user(conn, actor, account, password_hash)


async def create_user(
    conn: Connection,
    *,
    email: str,
    password: str,
    role: str,
    patient_id: UUID | None = None,
    provider_id: UUID | None = None,
    clinic_ids: Iterable[UUID] = (),
    actor: Actor | None = None,
) -> UUID:
    """Make an account, for the command line and the demo; without an `actor` the system makes it. Answers its id.

    Hashes the password beside the event loop. Raises InvalidRequest for an address, role, link or password that the
    API would refuse, and EmailTaken.
    """
    asked = {
        "email": email,
        "password": password,
        "role": role,
        "patient_id": patient_id,
        "provider_id": provider_id,
        "clinic_ids": list(clinic_ids),
    }
    try:
        new = NewUser.model_validate(asked)
        user = await add_user(
            conn, actor or _system(), new.model_dump(exclude={"password"}), await passwords.hashed(password)
        )
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        # `from None`: the error holds what was asked, the password included.
        raise InvalidRequest(": ".join([*map(str, fault["loc"]), fault["msg"].removeprefix("Value error, ")])) from None
    except psycopg.Error as error:
        problem = errors.from_database(error)
        if problem is None:
            raise
        raise problem from error
    return UUID(str(user["id"]))


async def add_user(conn: Connection, actor: Actor, account: dict[str, Any], password_hash: str) -> dict[str, Any]:
    """Make an account and answer it. Raises EmailTaken."""
    user_id = ids.new_id()
    blank: dict[str, Any] = {"patient_id": None, "provider_id": None, "clinic_ids": [], "may_report": False}
    await db.run(conn, q.insert_user, **blank | account, id=user_id, password_hash=password_hash, **actor.stamp)
    user = await db.one(conn, q.find_user, user_id=user_id)
    if user is None:
        raise EmailTaken(_TAKEN)
    return user


async def get_user(conn: Connection, user_id: UUID) -> dict[str, Any]:
    """One account, without its password. Raises NotFound."""
    user = await db.one(conn, q.find_user, user_id=user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


async def list_users(
    conn: Connection, *, role: str | None, active: bool | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """One page of accounts in the order of their creation."""
    rows = await db.search(conn, q.list_users, role=role, active=active, rows=limit + 1, **pages.after_id(cursor))
    return pages.page(rows, limit, "id")


async def change_user(
    conn: Connection, actor: Actor, user_id: UUID, expected: int | None, changes: dict[str, Any]
) -> dict[str, Any]:
    """Change the fields given; `clinic_ids` replaces the set, `password_hash` the password. Answers the account.

    A change of role or password, and deactivation, end all sessions of the user.
    Raises NotFound, StaleVersion, EmailTaken, and LastAdmin when no active admin would be left.
    """
    if changes.get("active") is False or changes.get("role", Role.ADMIN) != Role.ADMIN:
        admins = {row["id"] for row in await db.many(conn, q.lock_admins)}
        if admins == {user_id}:
            raise LastAdmin("Make somebody else an admin first.")
    before = await db.one(conn, q.lock_user, user_id=user_id)
    if before is None:
        raise NotFound("There is no such user.")
    versions.check(expected, before["version"])
    if changes:
        after = before | changes
        await db.run(conn, q.update_user, **after, user_id=user_id, **actor.stamp)
        if "clinic_ids" in changes:
            await _work_at(conn, actor, user_id, changes["clinic_ids"])
        if not after["active"] or any(after[key] != before[key] for key in ("role", "password_hash")):
            await db.run(conn, q.end_sessions_of, user_id=user_id, **actor.stamp)
    return await get_user(conn, user_id)


async def _work_at(conn: Connection, actor: Actor, user_id: UUID, clinic_ids: list[UUID]) -> None:
    await db.one(conn, q.set_deleter, **actor.stamp)
    await db.run(conn, q.leave_clinics, user_id=user_id, clinic_ids=clinic_ids)
    await db.run(conn, q.join_clinics, user_id=user_id, clinic_ids=clinic_ids, **actor.stamp)


def _system() -> Actor:
    return Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=ids.new_id())


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
