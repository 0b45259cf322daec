"""Around every request: its id, its log line and metrics, and a second try when the database asks for one."""

import asyncio
import contextlib
import random
import time
from uuid import UUID

import orjson
import psycopg
import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from frontdesk import ids, logs
from frontdesk.errors import Busy, Problem, TooLarge
from frontdesk.metrics import REQUEST_SECONDS, REQUESTS

log = structlog.get_logger(__name__)

RETRIED = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
"""40P01 and 40001: the transaction was undone for the sake of another; the same request may well succeed now."""

MOST_BODY_BYTES = 1_000_000
"""The largest body that is no mistake is a weekly schedule: some kilobytes."""

_THROWN_BYTES, _THROWN_S = 16 * MOST_BODY_BYTES, 5.0
"""How much of a body that is too large is read to no end, and for how long."""

EVENT_STREAM = b"text/event-stream"
"""The type of an answer without an end."""

_ATTEMPTS = 6
"""With sorted locks one repetition is already rare (ADR-0003); six in a row means overload."""


class Observe:
    """Gives each request an id (the caller's `X-Request-Id` if it is a UUID), counts it, times it and logs one line.

    The line holds the route's template, never the path or query: these may name a patient.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=str(request_id))
        status, began, noted = 500, time.perf_counter(), False

        def note() -> None:
            nonlocal noted
            if noted:
                return
            noted, took = True, time.perf_counter() - began
            route = _template(scope)
            REQUESTS.labels(scope["method"] if route != "unmatched" else "-", route, str(status)).inc()
            REQUEST_SECONDS.labels(route).observe(took)
            logs.request_served(
                method=scope["method"], route=route, status=status, took_s=took, request_id=str(request_id)
            )

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.get("headers", [])
                message["headers"] = [*headers, (b"x-request-id", str(request_id).encode())]
                if (b"content-type", EVENT_STREAM) in headers:
                    note()  # it may last for hours: what it took is what its caller waited
            await send(message)

        try:
            await self.app(scope, receive, observed)
        finally:
            note()
            structlog.contextvars.unbind_contextvars("request_id")


def _template(scope: Scope) -> str:
    """The path as it was declared, such as /api/v1/patients/{patient_id}."""
    endpoint = getattr(scope.get("route"), "endpoint", None)
    return scope["app"].state.templates.get(endpoint, "unmatched") if endpoint else "unmatched"


def _request_id(sent: str | None) -> UUID:
    try:
        return UUID(sent) if sent else ids.new_id()
    except ValueError:
        return ids.new_id()


class LimitBody:
    """Answers a body that says it is too large with a problem; Starlette cuts off one that does not say so.

    What is still sent is thrown away first, within bounds: a server that closes on unread bytes resets the connection,
    and the answer, or the next request on it, is lost (RFC 9112 section 9.6).
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        more = True

        async def read() -> Message:
            nonlocal more
            message = await receive()
            more = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == TooLarge.status:
                thrown = 0
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_THROWN_S):
                        while more and thrown < _THROWN_BYTES:
                            thrown += len((await read()).get("body", b""))
            await send(message)

        length = Headers(scope=scope).get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) > MOST_BODY_BYTES:
            await _send(TooLarge(f"A body may have {MOST_BODY_BYTES:,} bytes."), answer)
        else:
            await self.app(scope, read, answer)


class RetryDeadlocks:
    """Repeats a request whose transaction the database gave up for another's sake (40P01, 40001).

    Sound because nothing of it happened (the transaction is undone) and nothing was answered (the answer leaves after
    the commit). The body is kept to be read again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        received: list[Message] = []
        for attempt in range(_ATTEMPTS):
            again = dict(scope)
            try:
                await self.app(again, _Again(received, receive), send)
                return
            except RETRIED as error:
                log.warning("transaction repeated", sqlstate=error.sqlstate, attempt=attempt + 1)
                await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - spreads rivals, guards nothing
            finally:
                scope["route"] = again.get("route")
        await _send(Busy("Too many changes at the same place at once; nothing was changed."), send)


async def _send(problem: Problem, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    headers.append((b"content-type", b"application/problem+json"))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(problem.body())})


class _Again:
    """A `receive` that first gives what was received before, then goes on and keeps what comes."""

    def __init__(self, received: list[Message], receive: Receive) -> None:
        self._received, self._receive, self._next = received, receive, 0

    async def __call__(self) -> Message:
        if self._next == len(self._received):
            self._received.append(await self._receive())
        self._next += 1
        return self._received[self._next - 1]
