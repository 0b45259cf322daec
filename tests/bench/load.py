"""The load generator: many connections, one request at a time on each, every answer's status looked at.

Bare asyncio on uvloop, because a comfortable HTTP client would be slower than the service; in a process of its own, so
that its CPU is not taken for anybody else's.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

Requests = Callable[[int], bytes]
"""The n-th request of a load, whole; picklable."""

_PATIENCE_S = 60.0
"""An answer that takes longer is none: its load fails."""


@dataclass(frozen=True, slots=True)
class Load:
    """What to send where. Requests are numbered on from `first`."""

    port: int
    requests: Requests
    connections: int
    warm_up_s: float
    seconds: float
    first: int = 0


@dataclass(slots=True)
class Tally:
    """What came of a load: `sent` and `statuses` count all of it, `took_s` holds the answers after the warm-up."""

    sent: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)


def run(load: Load) -> Tally:
    """Send `load` from this process; returns when every request that was sent is answered."""
    return uvloop.run(_run(load))


async def _run(load: Load) -> Tally:
    tally, began = Tally(), time.perf_counter()
    window = (began + load.warm_up_s, began + load.warm_up_s + load.seconds)
    loop = asyncio.get_running_loop()
    connections: list[_Connection] = []

    def fail(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception in a callback would otherwise be printed and forgotten."""
        for connection in connections:
            if not connection.finished.done():
                connection.finished.set_exception(context.get("exception") or RuntimeError(context["message"]))

    loop.set_exception_handler(fail)
    try:
        for _ in range(load.connections):
            connections.append(_Connection(load, tally, window))
            await loop.create_connection(lambda: connections[-1], "127.0.0.1", load.port)
        patience_s = load.warm_up_s + load.seconds + _PATIENCE_S
        await asyncio.wait_for(asyncio.gather(*(connection.finished for connection in connections)), patience_s)
    finally:
        for connection in connections:
            connection.end()
    return tally


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered, until the window closes."""

    def __init__(self, load: Load, tally: Tally, window: tuple[float, float]) -> None:
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._load, self._tally, (self._opens, self._closes) = load, tally, window
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank or len(body) < _content_length(head):
            return
        self._received = b""
        now = time.perf_counter()
        if self._opens <= now < self._closes:
            self._tally.took_s.append(now - self._sent_at)
        status = int(head[9:12])
        self._tally.statuses[status] = self._tally.statuses.get(status, 0) + 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_result(None)  # its last request stays without an answer, which counts as an error

    def end(self) -> None:
        """Close, whatever is under way. Harmless when closed."""
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        assert self._transport is not None
        self._sent_at = time.perf_counter()
        if self._sent_at >= self._closes:
            self.finished.set_result(None)
            return
        self._transport.write(self._load.requests(self._load.first + self._tally.sent))
        self._tally.sent += 1


def _content_length(head: bytes) -> int:
    _, name, rest = head.lower().partition(b"\r\ncontent-length:")
    if not name:
        raise ValueError("an answer without Content-Length")
    return int(rest.partition(b"\r\n")[0])
