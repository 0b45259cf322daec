"""Events straight from the outbox: no broker at all."""

import asyncio
from collections.abc import Sequence

import psycopg

from frontdesk import db
from frontdesk.envelope import Envelope
from frontdesk.events import log
from frontdesk.ports.broker import BrokerDown, Receive
from frontdesk.settings import Settings


class PostgresBroker:
    """Each group of listeners has its place in the outbox. The relay's numbering is the publication."""

    def __init__(self, config: Settings) -> None:
        self._config = config

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Nothing to do: they are in the outbox already."""

    async def consume(self, group: str, receive: Receive, stopping: asyncio.Event) -> None:
        """Give the group's events to `receive`, one after the other."""

        async def take(batch: Sequence[Envelope]) -> None:
            for envelope in batch:
                await receive(envelope)

        try:
            await log.read(self._config, group, take, stopping)
        except psycopg.OperationalError as error:
            raise BrokerDown("the database was lost") from error

    async def check(self) -> None:
        """Return if the database answers."""
        try:
            async with await db.connect(self._config, self._config.owner_dsn) as conn:
                await conn.execute("SELECT 1")
        except psycopg.OperationalError as error:
            raise BrokerDown("the database does not answer") from error

    async def close(self) -> None:
        """Nothing is held between calls."""
