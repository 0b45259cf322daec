"""Events over RabbitMQ: one topic exchange, and for each group of listeners a quorum queue."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any

from aio_pika.exceptions import AMQPError
from faststream import AckPolicy, rabbit
from yarl import URL

from frontdesk.envelope import Envelope
from frontdesk.ports.broker import BrokerDown, Receive
from frontdesk.ports.broker.listening import hear, until
from frontdesk.ports.broker.sending import PATIENCE_S, down, in_order

HEARTBEAT_S = 10
"""How often client and server make sure of each other; two missed, and the connection counts as lost."""

NEVER = 1_000_000_000
"""Deliveries of one message before the server drops it. RabbitMQ 4 would do so after 20, when a worker has crashed 20
times over one event. The number is part of the queue: it cannot be changed for one that exists."""

FAULTS = (AMQPError, OSError, TimeoutError, RuntimeError)
"""What the client raises when its connection is lost; RuntimeError for channels that are closed."""


class RabbitBroker:
    """Order: one consumer of a queue is active, the others stand by, and one message is on its way at a time.

    So what comes back, because its consumer failed or died, has nothing behind it that had gone ahead.
    """

    def __init__(self, url: str, *, prefix: str = "", groups: Sequence[str] = ()) -> None:
        address = URL(url)
        self._url = str(address.update_query(heartbeat=address.query.get("heartbeat", str(HEARTBEAT_S))))
        self._exchange = rabbit.RabbitExchange(f"{prefix}events", type=rabbit.ExchangeType.TOPIC, durable=True)
        self._queues = {group: _queue(f"{prefix}{group}") for group in groups}
        self._sender: rabbit.RabbitBroker | None = None

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return once every queue has every event on its disk, or on the disks of most of its servers."""
        try:
            with _down():
                client = self._sender = self._sender or await self._open()

                async def send(envelope: Envelope) -> None:
                    await client.publish(
                        envelope.to_json(),
                        exchange=self._exchange,
                        routing_key=envelope.topic,
                        message_id=str(envelope.event_id),
                        content_type="application/cloudevents+json",
                        persist=True,
                        mandatory=bool(self._queues),  # without any listener of ours nothing is lost
                    )

                await in_order(envelopes, send)
        except BrokerDown:
            await self.close()
            raise

    async def consume(self, group: str, receive: Receive, stopping: asyncio.Event) -> None:
        """Give the group's events to `receive`, one after the other, while no other consumer does."""
        lost, busy = asyncio.Event(), asyncio.Lock()
        with _down():
            client = await self._open(on_close=lost.set)

        async def hearing() -> None:
            subscriber = client.subscriber(self._queues[group], self._exchange, ack_policy=AckPolicy.MANUAL)
            with _down():
                async with asyncio.timeout(PATIENCE_S):
                    await subscriber.start()
            await hear(aiter(subscriber), _place, receive, rabbit.RabbitMessage.ack, busy, _down)

        # Closing the connection comes first: a consumer that were cancelled before would hand its place on while a
        # message is still with it, and the next would begin behind that.
        leave = partial(_close, client)
        try:
            await until(stopping, lost.wait(), hearing(), busy, leave)
        finally:
            await leave()

    async def check(self) -> None:
        """Return if the server answers and lets us in."""
        with _down():
            await _close(await self._connect())

    async def close(self) -> None:
        """Close the connection on which events are sent."""
        if self._sender is not None:
            client, self._sender = self._sender, None
            await _close(client)

    async def _open(self, on_close: Callable[[], None] = lambda: None) -> rabbit.RabbitBroker:
        """A connection. Before anything is sent over it, there is a queue for each group: who comes late misses
        nothing."""
        client = await self._connect(on_close)
        try:
            async with asyncio.timeout(PATIENCE_S):
                exchange = await client.declare_exchange(self._exchange)
                for queue in self._queues.values():
                    await (await client.declare_queue(queue)).bind(exchange, routing_key=queue.routing())
        except BaseException:
            await _close(client)
            raise
        return client

    async def _connect(self, on_close: Callable[[], None] = lambda: None) -> rabbit.RabbitBroker:
        def closed(*_: Any) -> None:
            on_close()

        client = rabbit.RabbitBroker(
            self._url,
            timeout=PATIENCE_S,
            on_close=[closed],
            default_channel=rabbit.Channel(prefetch_count=1, on_return_raises=True),
            logger=None,
        )
        async with asyncio.timeout(PATIENCE_S):
            await client.connect()
        return client


def _down() -> AbstractContextManager[None]:
    return down("RabbitMQ", FAULTS)


def _place(message: rabbit.RabbitMessage) -> dict[str, str | int]:
    return {"exchange": str(message.raw_message.exchange), "delivery": int(message.raw_message.delivery_tag or 0)}


def _queue(name: str) -> rabbit.RabbitQueue:
    return rabbit.RabbitQueue(
        name,
        queue_type=rabbit.QueueType.QUORUM,
        arguments={"x-single-active-consumer": True, "x-delivery-limit": NEVER},
        routing_key="#",
    )


async def _close(client: rabbit.RabbitBroker) -> None:
    """The connection first: see `consume`."""
    with suppress(*FAULTS):
        async with asyncio.timeout(PATIENCE_S):
            await (await client.connect()).close()
            await client.stop()
