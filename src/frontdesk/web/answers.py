"""Answers: JSON bytes with their ETag, and the memory of them for a repeated Idempotency-Key (invariant 7).

An endpoint that writes ends with `return await once.answer(201, row)`. The answer is stored in the transaction of the
change itself, sealed, so there is never one without the other; a refusal rolls both back and is not remembered.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from cryptography.exceptions import InvalidTag
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import db, ids
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.errors import Conflict, Problem
from frontdesk.settings import settings
from frontdesk.sql import load
from frontdesk.web.tx import Tx

q = load(__package__)


class KeyReused(Problem):
    """The same Idempotency-Key came with another request; use a new key for a new request."""

    status, slug, title = 422, "idempotency-key-reused", "This idempotency key belongs to another request"


class BadKey(Problem):
    """An Idempotency-Key has 1 to 255 characters."""

    status, slug, title = 422, "idempotency-key-invalid", "This idempotency key cannot be used"


class Replayed(Exception):
    """The request was answered before; `response` is that answer."""

    def __init__(self, response: Response) -> None:
        self.response = response


def answer(status: int, content: Any, **headers: str) -> Response:
    """`content` as JSON (UUIDs as strings, instants with offset). A row with a `version` gets its ETag."""
    if isinstance(content, dict) and "version" in content:
        headers["ETag"] = f'"{content["version"]}"'
    return Response(
        orjson.dumps(content, default=str), status, {**headers, "Cache-Control": "no-store"}, "application/json"
    )


def answer_json(form: bytes, *parts: object) -> Response:
    """A 200 whose JSON is put together from parts that are JSON already, or ids: the hot reads."""
    filled = form % tuple(part if isinstance(part, bytes) else str(part).encode() for part in parts)
    return Response(filled, 200, {"Cache-Control": "no-store"}, "application/json")


@dataclass(frozen=True, slots=True)
class Key:
    """A request that may be repeated, as it is remembered."""

    request: Request
    actor: Actor
    key: str
    request_hash: bytes

    @property
    def names(self) -> dict[str, str]:
        """What it is found by."""
        return {"caller": self.actor.client, "key": self.key}

    def sealed(self, response: Response) -> bytes:
        """The answer as it is kept."""
        kept = {
            "status": response.status_code,
            "headers": dict(response.headers),
            "body": bytes(response.body).decode(),
        }
        sealed: bytes = self.request.app.state.keys.seal(orjson.dumps(kept))
        return sealed


async def key_of(request: Request) -> Key | None:
    """The request's Idempotency-Key, or None without one. Raises BadKey."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise BadKey("Send an Idempotency-Key of 1 to 255 printable characters, for example a UUID.")
    actor: Actor = request.state.caller  # as the guard, which comes before, has found out
    line = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    if actor.guardian_id is not None:  # the same words mean another thing when they are said for somebody else
        line += f"for {actor.patient_id}\n".encode()
    asked = request.app.state.keys.request_digest(line + _canonical(await request.body()))
    return Key(request, actor, key, asked)


async def take_all(conn: Connection, keys: list[Key]) -> None:
    """Take the keys of several requests, in a pipeline, before anything else is locked; a key in use is not taken."""
    lines = [{**key.names, "request_hash": key.request_hash.hex(), **key.actor.stamp} for key in keys]
    await db.send(conn, q.take_keys, lines=orjson.dumps(lines).decode())


async def keep_all(conn: Connection, answers: list[tuple[Key, Response | None]]) -> None:
    """Remember answers under the keys that were taken, in a pipeline; give back the keys of those without one."""
    kept = [
        {**key.names, "status": response.status_code, "answer": key.sealed(response).hex()}
        for key, response in answers
        if response
    ]
    await db.send(conn, q.keep_answers, lines=orjson.dumps(kept).decode())
    if len(kept) < len(answers):
        dropped = [key.names for key, response in answers if not response]
        await db.send(conn, q.drop_keys, lines=orjson.dumps(dropped).decode())


@dataclass(frozen=True, slots=True)
class Once:
    """The idempotency of one request; without a key it only answers."""

    conn: Connection
    key: Key | None

    async def answer(self, status: int, content: Any, **headers: str) -> Response:
        """Answer `content`, and remember the answer under the request's key."""
        response = answer(status, content, **headers)
        if self.key is not None:
            sealed = self.key.sealed(response)
            await db.run(self.conn, q.keep_answer, **self.key.names, status=status, answer=sealed)
        return response


async def once_of(request: Request, conn: Tx) -> Once:
    """The idempotency of this request. Raises Replayed when it was answered before, KeyReused, BadKey, Conflict."""
    key = await key_of(request)
    if key is None:
        return Once(conn, None)
    if await db.one(conn, q.take_key, **key.names, request_hash=key.request_hash, **key.actor.stamp):
        return Once(conn, key)
    # Somebody was first, and has committed: take_key waited for them.
    first = await db.one(conn, q.find_key, **key.names)
    if first is None or first["answer"] is None:
        raise Conflict("A request with this Idempotency-Key is under way; repeat it in a moment.")
    if first["request_hash"] != key.request_hash:
        raise KeyReused("Send a new Idempotency-Key with a new request.")
    try:
        kept = orjson.loads(request.app.state.keys.unseal(first["answer"]))
    except InvalidTag as error:
        raise Conflict("This request was carried out, but its answer can no longer be read; look it up.") from error
    raise Replayed(Response(kept["body"], kept["status"], {**kept["headers"], "Idempotent-Replayed": "true"}))


def _canonical(body: bytes) -> bytes:
    """The body without the accidents of spacing and key order, so that equal JSON is equal."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONDecodeError:
        return body


OnceOnly = Annotated[Once, Depends(once_of, scope="function")]


async def purge(conn: Connection) -> int:
    """Forget answers older than `idempotency_ttl`. A job of the background worker; idempotent."""
    async with conn.transaction():
        await db.run(conn, q.say_who, actor=str(ids.SYSTEM), request_id=str(ids.new_id()))
        return await db.run(conn, q.purge_keys, older_than=settings().idempotency_ttl)
