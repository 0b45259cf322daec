"""What a test of any broker says and hears, in words: one event, one word."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg

from frontdesk import clock, db, ids
from frontdesk.envelope import Envelope
from frontdesk.events import log
from frontdesk.events.parts import broker_of
from frontdesk.ports.broker import Broker
from frontdesk.settings import Settings

PATIENCE_S = 90
TOPIC = "appointments.said.v1"
GROUPS = ("notifications", "board")


class Room:
    """A broker with nobody else in it. PostgreSQL has what was written to its outbox; the others what was published."""

    def __init__(self, config: Settings) -> None:
        self.config = config
        self._position = 0
        self._publisher = self.broker()

    def broker(self) -> Broker:
        """A client of its own, as each process has one."""
        return broker_of(self.config, GROUPS)

    async def say(self, *words: str, key: str = "k") -> None:
        await self.publish([(word, key) for word in words])

    async def publish(self, said: Iterable[tuple[str, str]]) -> None:
        """Words with their keys, in this order. Raises BrokerDown."""
        envelopes = [self._envelope(word, key) for word, key in said]
        if self.config.database_url is not None:
            await self._write(envelopes)
        await self._publisher.publish(envelopes)

    async def close(self) -> None:
        await self._publisher.close()

    def _envelope(self, word: str, key: str) -> Envelope:
        self._position += 1
        return Envelope(
            position=self._position,
            event_id=ids.new_id(),
            topic=TOPIC,
            key=key,
            occurred_at=clock.now(),
            payload={"word": word},
        )

    async def _write(self, envelopes: Sequence[Envelope]) -> None:
        async with await db.connect(self.config, self.config.owner_dsn) as conn:
            for one in envelopes:
                await conn.execute(
                    "INSERT INTO outbox (event_id, topic, key, payload, changed_by, request_id)"
                    " VALUES (%s, %s, %s, %s, %s, %s)",
                    (one.event_id, one.topic, one.key, psycopg.types.json.Jsonb(one.payload), ids.SYSTEM, ids.SYSTEM),
                )
            while await log.number(conn):
                pass


@asynccontextmanager
async def room_in(config: Settings) -> AsyncIterator[Room]:
    room = Room(config)
    try:
        yield room
    finally:
        await room.close()


class Hearing:
    """One consumer of a group, in a task of its own."""

    def __init__(self, room: Room, group: str = GROUPS[0], *, heard: list[tuple[str, str]] | None = None) -> None:
        self.heard = heard if heard is not None else []  # (key, word) as they came; may be shared by a group
        self.ids: list[UUID] = []
        self.stopping = asyncio.Event()
        self._broker = room.broker()
        self.task = asyncio.create_task(self._broker.consume(group, self.receive, self.stopping))

    async def receive(self, envelope: Envelope) -> None:
        self.heard.append((envelope.key, envelope.payload["word"]))
        self.ids.append(envelope.event_id)

    @property
    def words(self) -> list[str]:
        return [word for _, word in self.heard]

    async def until(self, told: Callable[[], bool]) -> None:
        """Wait for a condition, or for the end of the consumer, whose fault is then raised."""
        async with asyncio.timeout(PATIENCE_S):
            while not told():
                if self.task.done():
                    self.task.result()
                    raise AssertionError(f"the consumer has ended; it had heard {self.words}")
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self.stopping.set()
        async with asyncio.timeout(PATIENCE_S):
            await self.task

    async def fails(self) -> BaseException:
        """What ends the consumer."""
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([self.task])
        failed = self.task.exception()
        assert failed is not None
        return failed


async def listen(room: Room, words: Sequence[str], group: str = GROUPS[0]) -> list[str]:
    """A consumer that stays until it has heard all of these; what it has heard."""
    hearing = Hearing(room, group)
    await hearing.until(lambda: set(words) <= set(hearing.words))
    await hearing.stop()
    return hearing.words


def first_times(words: Iterable[str]) -> list[str]:
    """Without repetitions: a broker may tell a thing twice, and the first time counts."""
    return list(dict.fromkeys(words))
