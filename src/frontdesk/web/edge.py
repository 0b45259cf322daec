"""What stands between us and a caller: proxies, names we answer to, and callers who never finish their sentence."""

import asyncio
import ipaddress
from collections.abc import Sequence

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from frontdesk.errors import Problem
from frontdesk.settings import split_list

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class UnknownHost(Problem):
    """The request is for a name that this service does not answer to."""

    status, slug, title = 421, "unknown-host", "Not a name of this service"


class TooSlow(Problem):
    """The body did not arrive in time."""

    status, slug, title = 408, "too-slow", "The request took too long to arrive"


def networks(listed: str | None) -> tuple[Network, ...]:
    """The networks of a comma-separated list of addresses and CIDR blocks. Raises ValueError for what is neither."""
    return tuple(ipaddress.ip_network(one) for one in split_list(listed))


class BehindProxies:
    """Takes the caller's address and scheme from `X-Forwarded-For` and `X-Forwarded-Proto` of proxies it trusts.

    The address is the rightmost that is no trusted proxy: what stands left of it, the caller may have made up. From
    anybody else the headers are ignored. Without trusted proxies this does nothing.
    """

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network]) -> None:
        self.app, self._trusted = app, tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._trusts((scope.get("client") or ("",))[0]):
            headers = Headers(scope=scope)
            forwarded = [word for line in headers.getlist("x-forwarded-for") for word in split_list(line)]
            strangers = [word for word in forwarded if not self._trusts(word)]
            scope = dict(scope)
            if strangers and _address(strangers[-1]) is not None:
                scope["client"] = (strangers[-1], 0)
            if headers.get("x-forwarded-proto") in ("http", "https"):
                scope["scheme"] = headers["x-forwarded-proto"]
        await self.app(scope, receive, send)

    def _trusts(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._trusted)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class KnownHosts:
    """Answers only to these names (421 otherwise): a made-up `Host` finds its way into no link. Empty: to any."""

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str]) -> None:
        self.app, self._hosts = app, frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._hosts:
            host = Headers(scope=scope).get("host", "").lower()
            name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
            if name not in self._hosts:
                await refuse(UnknownHost("Send the request to the name the operator gave this service."), send)
                return
        await self.app(scope, receive, send)


MOST_UNREAD_BYTES = 65_536


class Impatience:
    """Gives a body so many seconds to arrive, from its first byte to its last; then answers 408.

    What the application left unread of a small body is taken in before its answer leaves: the server closes a
    connection with half a request in it, and a client that keeps connections would find its next request unanswered.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self.app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        deadline = asyncio.get_running_loop().time() + self._seconds
        whole = late = answered = False

        async def in_time() -> Message:
            nonlocal whole, late
            if whole:  # what comes now is the end of the connection, and may take its time
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                late = True
                return {"type": "http.disconnect"}
            whole = not message.get("more_body", False)
            return message

        async def the_rest() -> None:
            taken = 0
            while not whole and taken < MOST_UNREAD_BYTES:
                message = await in_time()
                if message["type"] == "http.disconnect":
                    return
                taken += len(message.get("body", b""))

        async def sending(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start" and not late:
                await the_rest()
            if not late:
                await send(message)
            elif not answered:  # whatever the application makes of half a body
                answered = True
                await refuse(TooSlow("Send the whole body within a few seconds."), send)

        await self.app(scope, in_time, sending)


async def refuse(problem: Problem, send: Send) -> None:
    """Answer a problem from outside of the application."""
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    headers += [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(problem.body())})
