"""API keys: how other programs log in, as an account and for some of its permissions (ADR-0019).

A key is a session that is never refreshed, so the database knows its bearer as it knows anybody who is logged in. It is
looked up for each request: a key that was revoked opens nothing.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.requests import Request

from frontdesk import clock, db, ids
from frontdesk.auth import service, tokens
from frontdesk.auth.permissions import PERMISSIONS, Actor, Role
from frontdesk.db import Connection
from frontdesk.errors import InvalidRequest, NotFound, Unauthenticated
from frontdesk.sql import load
from frontdesk.web import pages

q = load(__package__, "api_keys.sql")

MARK = "fd_"  # by which people, and scanners of leaked text, know a key
LIFETIME = timedelta(days=365)  # unless said otherwise
LONGEST = timedelta(days=731)  # what nobody renews nobody remembers

_SHOWN = len(MARK) + 8
_SECRET_BYTES = 32  # 48 of its 256 bits are shown; nobody guesses the rest, so a plain SHA-256 of it may be stored


def sent(request: Request) -> str | None:
    """The key that came with the request, as a bearer token or in `X-API-Key`.

    Raises Unauthenticated when both headers are there: which of the two is meant?
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    header = request.headers.get("x-api-key")
    if header is not None:
        if scheme:
            raise Unauthenticated("Send X-API-Key or Authorization, not both.")
        return header.strip() or MARK
    return token.strip() if scheme.lower() == "bearer" and token.strip().startswith(MARK) else None


async def caller(request: Request, key: str) -> Actor:
    """Who sends this request with an API key. Raises Unauthenticated for one that is unknown, over or revoked."""
    async with db.borrow(request.app.state.pool) as conn:
        found = await db.one(conn, q.use_key, key_hash=_digest(key), request_id=request.state.request_id)
    if found is None:
        raise Unauthenticated("The API key is not valid, or no longer.")
    scopes = frozenset(found.pop("scopes"))
    login = tokens.Login(**found | {"role": Role(found["role"]), "clinic_ids": tuple(found["clinic_ids"])})
    return tokens.actor_of(request, login, scopes)


async def issue(
    conn: Connection,
    actor: Actor,
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None,
    user_id: UUID | None,
    clinic_ids: Collection[UUID],
    password_hash: str | None,
) -> dict[str, Any]:
    """Make a key of the account `user_id`, and answer it with its `key`, which is told nowhere else.

    Without `user_id` it is of a new account of role staff at `clinic_ids`, with a password (`password_hash`) that
    nobody knows. Raises InvalidRequest for an account that is not there or a scope that its role does not have.
    """
    if expires_at is None:
        expires_at = clock.now() + LIFETIME
    if not clock.now() < expires_at <= clock.now() + LONGEST:
        raise InvalidRequest(f"expires_at lies in the future, and within {LONGEST.days} days.")
    key_id = ids.new_id()
    if user_id is None:
        # RFC 2606 §2: nobody ever has an address under .invalid.
        account = {"email": f"{key_id}@api-key.invalid", "role": Role.STAFF, "clinic_ids": list(clinic_ids)}
        user_id = (await service.add_user(conn, actor, account, password_hash or ""))["id"]
    holder = await db.one(conn, q.find_holder, user_id=user_id)
    if holder is None:
        raise InvalidRequest("There is no such account, or it is inactive.")
    if missing := sorted(scope for scope in scopes if Role(holder["role"]) not in PERMISSIONS[scope]):
        raise InvalidRequest(f"The role {holder['role']} does not have: {', '.join(missing)}.")
    key = MARK + secrets.token_urlsafe(_SECRET_BYTES)
    await db.run(
        conn,
        q.insert_key,
        id=key_id,
        user_id=user_id,
        name=name,
        prefix=key[:_SHOWN],
        key_hash=_digest(key),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
        **actor.stamp,
    )
    return await get_key(conn, key_id) | {"key": key}


async def get_key(conn: Connection, key_id: UUID) -> dict[str, Any]:
    """One key, without its secret. Raises NotFound."""
    row = await db.one(conn, q.list_keys, key_id=key_id, user_id=None, after_id=None, rows=1)
    if row is None:
        raise NotFound("There is no such API key.")
    return row


async def list_keys(conn: Connection, *, user_id: UUID | None, cursor: str | None, limit: int) -> dict[str, Any]:
    """One page of keys in the order of their creation, those that are over too."""
    place = pages.after_id(cursor)
    rows = await db.search(conn, q.list_keys, key_id=None, user_id=user_id, rows=limit + 1, **place)
    return pages.page(rows, limit, "id")


async def revoke(conn: Connection, actor: Actor, key_id: UUID) -> None:
    """End a key. Idempotent. Raises NotFound."""
    if await db.one(conn, q.revoke_key, key_id=key_id, **actor.stamp) is None:
        raise NotFound("There is no such API key.")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
