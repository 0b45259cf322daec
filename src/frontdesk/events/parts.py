"""What the background worker does for events: number them, hand them to the broker, have the handlers hear them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from frontdesk import db
from frontdesk.events import log
from frontdesk.events.handling import Handler, Receiver
from frontdesk.events.postgres import PostgresBroker
from frontdesk.ports.broker import Broker
from frontdesk.settings import Settings

BROKER = "broker"
"""The reader that hands events over to a broker."""

Part = Callable[[Settings, asyncio.Event], Awaitable[None]]


def broker_of(config: Settings, groups: Sequence[str]) -> Broker:
    """What the settings name, for these groups of listeners."""
    kind = config.broker_url.partition(":")[0]
    if kind in ("kafka", "kafkas"):
        from frontdesk.ports.broker.kafka import KafkaBroker  # noqa: PLC0415  # 0.3 s, for who has it

        return KafkaBroker(config.broker_url, prefix=config.topic_prefix, retention=config.event_retention)
    if kind in ("amqp", "amqps"):
        from frontdesk.ports.broker.rabbit import RabbitBroker  # noqa: PLC0415  # the same

        return RabbitBroker(config.broker_url, prefix=config.topic_prefix, groups=groups)
    return PostgresBroker(config)


def parts_of(config: Settings, handlers: Sequence[Handler]) -> list[Part]:
    """The parts of the worker, for the broker that the settings name."""
    groups = [handler.name for handler in handlers]
    parts: list[Part] = [log.relay, *(_Listening(handler, groups) for handler in handlers)]
    return parts if config.broker_url.startswith("postgres:") else [*parts, _Forwarding(groups)]


class _Forwarding:
    """Hands what was numbered to the broker, in its order. While the broker is away, the outbox keeps all."""

    def __init__(self, groups: Sequence[str]) -> None:
        self._groups = groups

    async def __call__(self, config: Settings, stopping: asyncio.Event) -> None:
        broker = broker_of(config, self._groups)
        try:
            await log.read(config, BROKER, broker.publish, stopping)
        finally:
            await broker.close()


class _Listening:
    """Has one handler hear its events."""

    def __init__(self, handler: Handler, groups: Sequence[str]) -> None:
        self._handler, self._groups = handler, groups

    async def __call__(self, config: Settings, stopping: asyncio.Event) -> None:
        broker: Broker = broker_of(config, self._groups)
        try:
            async with await db.connect(config, config.owner_dsn) as conn:
                await broker.consume(self._handler.name, Receiver(conn, self._handler), stopping)
        finally:
            await broker.close()
