"""How a consumer of any broker in the network goes on from event to event, and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from typing import Any

import structlog
from faststream import StreamMessage

from frontdesk.envelope import Envelope
from frontdesk.ports.broker import BrokerDown, Receive
from frontdesk.ports.broker.sending import PATIENCE_S

log = structlog.get_logger(__name__)

Place = Callable[[Any], Mapping[str, str | int]]
"""Where a message came from, for the log."""


async def hear(
    messages: AsyncIterator[StreamMessage[Any]],
    place: Place,
    receive: Receive,
    acknowledge: Callable[[Any], Awaitable[None]],
    busy: asyncio.Lock,
    down: Callable[[], AbstractContextManager[None]],
) -> None:
    """Receive one message after the other, and acknowledge each when `receive` has returned.

    Never returns. Raises what `receive` raises, and BrokerDown. Holds `busy` from an event to its acknowledgement.
    """
    while True:
        with down():
            message = await anext(messages, None)
        if message is None:
            raise BrokerDown("the connection was closed")
        async with busy:
            envelope = _event_in(message, place)
            if envelope is not None:
                await receive(envelope)
            with down():
                async with asyncio.timeout(PATIENCE_S):
                    await acknowledge(message)


async def until(
    stopping: asyncio.Event,
    lost: Coroutine[Any, Any, object],
    hearing: Coroutine[Any, Any, None],
    busy: asyncio.Lock,
    leave: Callable[[], Awaitable[None]],
) -> None:
    """Let `hearing` go on until `stopping` is set or `lost` returns, then `leave`; an event in hand is finished first.

    Raises what `hearing` raises, and BrokerDown when the broker was lost.
    """
    work = asyncio.create_task(hearing)
    signs = [asyncio.create_task(stopping.wait()), asyncio.create_task(lost)]
    try:
        await asyncio.wait([work, *signs], return_when=asyncio.FIRST_COMPLETED)
        async with busy:
            await leave()
            work.cancel()
        await asyncio.wait([work])
        if not work.cancelled():
            failed = work.exception()
            if failed is not None and not (stopping.is_set() and isinstance(failed, BrokerDown)):
                raise failed
        if not stopping.is_set():
            raise BrokerDown("the broker was lost")
    finally:
        for task in (work, *signs):
            task.cancel()
        await asyncio.wait([work, *signs])


def _event_in(message: StreamMessage[Any], place: Place) -> Envelope | None:
    """The event in a message; None, and a line in the log that tells its place, when somebody else wrote it."""
    try:
        return Envelope.from_json(message.body)
    except ValueError:
        log.error("event_unreadable", size=len(message.body), **place(message))
        return None
