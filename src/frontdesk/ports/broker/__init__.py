"""The way events take to whoever listens: PostgreSQL itself, Apache Kafka or RabbitMQ, one promise for all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from frontdesk.envelope import Envelope

Receive = Callable[[Envelope], Awaitable[None]]
"""What a listener does with one event. It returns once the event may be forgotten; whatever it raises, the event comes
again."""


class BrokerDown(Exception):
    """The broker is away. What was under way may have arrived or not; all of it goes again."""


class Broker(Protocol):
    """Carries each event to each group of listeners at least once, those of one key in their order."""

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Hand over in this order; return once the broker has all of them safe. Raises BrokerDown."""

    async def consume(self, group: str, receive: Receive, stopping: asyncio.Event) -> None:
        """Give every event to `receive` until `stopping` is set, also those published while nobody of the group was
        there. Several consumers of one group share the work, and a key is with one of them at a time.

        Raises BrokerDown, and whatever `receive` raises: the event and those after it come again to the next consumer.
        """

    async def check(self) -> None:
        """Return if the broker answers. Raises BrokerDown."""

    async def close(self) -> None:
        """Let go of all connections."""
