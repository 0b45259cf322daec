"""How events are handed to any broker in the network, and how its faults are told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from frontdesk.envelope import Envelope
from frontdesk.ports.broker import BrokerDown

PATIENCE_S = 10.0
"""For one answer of a broker; one that needs longer counts as down."""


async def in_order(envelopes: Sequence[Envelope], send: Callable[[Envelope], Awaitable[None]]) -> None:
    """Send those of one key one after the other, each when the one before it is safe, and different keys side by side.

    Raises what `send` raised, when nothing is under way any more.
    """
    lines: dict[str, list[Envelope]] = {}
    for envelope in envelopes:
        lines.setdefault(envelope.key, []).append(envelope)

    async def one_line(line: Sequence[Envelope]) -> None:
        for envelope in line:
            async with asyncio.timeout(PATIENCE_S):
                await send(envelope)

    for failed in await asyncio.gather(*map(one_line, lines.values()), return_exceptions=True):
        if isinstance(failed, BaseException):
            raise failed


@contextmanager
def down(broker: str, faults: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn what the client of a broker raises into BrokerDown, without the text: it may quote an address."""
    try:
        yield
    except faults as error:
        raise BrokerDown(f"{broker} does not answer ({type(error).__name__})") from error
