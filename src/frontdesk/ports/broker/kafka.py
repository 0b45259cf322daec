"""Events over Apache Kafka: one topic for each family of events, and the key says which partition."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import unquote

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import ConsumerStoppedError, KafkaError, TopicAlreadyExistsError, for_code
from faststream import AckPolicy, kafka
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLScram512

from frontdesk.envelope import Envelope
from frontdesk.ports.broker import BrokerDown, Receive
from frontdesk.ports.broker.listening import hear, until
from frontdesk.ports.broker.sending import PATIENCE_S, down, in_order

FAMILIES = ("appointments.v1", "hours.v1", "patients.v1", "waitlist.v1")
"""What there is to listen to: the topics of events without the word for what happened."""

PARTITIONS = 12
"""So many consumers of one group may work side by side. More of them later would move keys to other partitions, where
what comes next does not wait for what came before."""

SESSION_MS = 6_000
"""So long the events of a killed consumer wait for another; Kafka allows no less by default."""

REBALANCE_MS = 30_000
"""So long the group waits for a consumer to finish the event in its hands, before its keys go to another."""

SEND_MS = 8_000
"""After so long without an answer an event is not sent again, and counts as not taken."""

WATCH_S = 3.0
"""How often a consumer asks whether Kafka is still there: the client itself would wait for ever, in silence."""

FAULTS = (KafkaError, ConsumerStoppedError, OSError, TimeoutError)


class KafkaBroker:
    """Order: events of one key lie in one partition, and one consumer of a group reads it, committing each."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "",
        families: Sequence[str] = FAMILIES,
        retention: timedelta = timedelta(days=30),
    ) -> None:
        self._servers, self._security = address_of(url)
        self._prefix, self._retention = prefix, retention
        self._topics = [prefix + family for family in families]
        self._sender: kafka.KafkaBroker | None = None

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return once all replicas that Kafka counts on have every event."""
        try:
            with _down():
                client = self._sender = self._sender or await self._open()

                async def send(envelope: Envelope) -> None:
                    await client.publish(
                        envelope.to_json(),
                        topic=self._prefix + family_of(envelope.topic),
                        key=envelope.key.encode(),
                        headers={"content-type": "application/cloudevents+json; charset=UTF-8"},
                    )

                await in_order(envelopes, send)
        except BrokerDown:
            await self.close()
            raise

    async def consume(self, group: str, receive: Receive, stopping: asyncio.Event) -> None:
        """Give the group's events to `receive`; each consumer of the group has partitions of its own."""
        await self._make_topics()
        busy = asyncio.Lock()
        progress = _Progress(busy)
        client = kafka.KafkaBroker(
            self._servers,
            security=self._security,
            consumer_only=True,
            request_timeout_ms=REBALANCE_MS + SESSION_MS,
            logger=None,
        )
        subscriber = client.subscriber(
            *self._topics,
            group_id=self._prefix + group,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 3,
            rebalance_timeout_ms=REBALANCE_MS,
            listener=progress,
            ack_policy=AckPolicy.MANUAL,
        )

        async def hearing() -> None:
            with _down():
                await client.connect()
                await subscriber.start()
            await hear(aiter(subscriber), _place, receive, progress.note, busy, _down)

        leave = partial(_leave, subscriber, progress)
        try:
            await until(stopping, _first(self._lost(), progress.keep()), hearing(), busy, leave)
        finally:
            await leave()

    async def check(self) -> None:
        """Return if Kafka answers."""
        with _down():
            async with asyncio.timeout(PATIENCE_S), self._admin() as admin:
                await admin.list_topics()

    async def close(self) -> None:
        """Close the connections on which events are sent."""
        if self._sender is not None:
            client, self._sender = self._sender, None
            await _finish(client.stop())

    async def _open(self) -> kafka.KafkaBroker:
        await self._make_topics()
        client = kafka.KafkaBroker(
            self._servers,
            security=self._security,
            acks="all",
            # Not idempotent: such a producer never gives an event up, and would send it late, behind what came after.
            enable_idempotence=False,
            request_timeout_ms=SEND_MS,
            logger=None,
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                await client.connect()
        except BaseException:
            await _finish(client.stop())
            raise
        return client

    async def _lost(self) -> None:
        """Return when Kafka does not answer any more."""
        with suppress(*FAULTS):
            async with self._admin() as admin:
                while True:
                    await asyncio.sleep(WATCH_S)
                    async with asyncio.timeout(WATCH_S):
                        await admin.describe_cluster()

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        secured = parse_security(self._security)
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers, request_timeout_ms=SEND_MS, **secured)
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()

    async def _make_topics(self) -> None:
        """Those that nobody has made; with as many copies as Kafka is set up to make. Raises BrokerDown."""
        kept = {"retention.ms": str(int(self._retention.total_seconds() * 1000))}
        with _down():
            async with asyncio.timeout(PATIENCE_S), self._admin() as admin:
                missing = set(self._topics) - set(await admin.list_topics())
                if not missing:
                    return
                answer = await admin.create_topics(
                    [NewTopic(name, PARTITIONS, -1, replica_assignments={}, topic_configs=kept) for name in missing]
                )
                for topic in answer.to_object()["topic_errors"]:
                    error = for_code(topic["error_code"])
                    if topic["error_code"] and error is not TopicAlreadyExistsError:
                        raise error()


def address_of(url: str) -> tuple[list[str], BaseSecurity | None]:
    """The servers, and how to speak to them: `kafka://` in the clear, `kafkas://` by TLS, with a name and a password by
    SCRAM-SHA-512 over TLS. Certificates are judged by the machine's own authorities (or SSL_CERT_FILE)."""
    scheme, _, rest = url.rstrip("/").partition("://")
    login, _, servers = rest.rpartition("@")
    if scheme != "kafkas":
        return servers.split(","), None
    tls = ssl.create_default_context()
    user, _, password = login.partition(":")
    if not login:
        return servers.split(","), BaseSecurity(ssl_context=tls)
    return servers.split(","), SASLScram512(unquote(user), unquote(password), ssl_context=tls)


def family_of(topic: str) -> str:
    """`appointments.v1` for `appointments.moved.v1`: all that happens to one key has to lie in one partition."""
    first, _, rest = topic.partition(".")
    return f"{first}.{rest.rpartition('.')[2]}"


class _Progress(ConsumerRebalanceListener):  # type: ignore[misc]
    """How far the consumer is, committed while it goes on: Kafka 4 lets each commit wait 5 ms for others.

    Before its partitions go to others, the consumer finishes the event in its hands, and all is committed.
    """

    def __init__(self, busy: asyncio.Lock) -> None:
        self._busy, self._one_by_one, self._more = busy, asyncio.Lock(), asyncio.Event()
        self._done: dict[TopicPartition, int] = {}
        self._consumer: Any = None

    async def note(self, message: kafka.KafkaMessage) -> None:
        """This message will not be needed again."""
        record: Any = message.raw_message
        self._consumer = message.consumer
        self._done[TopicPartition(record.topic, record.partition)] = record.offset + 1
        self._more.set()

    async def keep(self) -> None:
        """Commit what is noted, for ever. Raises KafkaError."""
        while True:
            await self._more.wait()
            self._more.clear()
            await self.commit()

    async def commit(self) -> None:
        """Commit what is noted up to now. Raises KafkaError."""
        async with self._one_by_one:
            done, self._done = self._done, {}
            if done:
                await self._consumer.commit(done)

    async def on_partitions_revoked(self, revoked: object) -> None:
        async with self._busy:
            await self.commit()

    async def on_partitions_assigned(self, assigned: object) -> None:
        pass


def _down() -> AbstractContextManager[None]:
    return down("Kafka", FAULTS)


def _place(message: kafka.KafkaMessage) -> dict[str, str | int]:
    record: Any = message.raw_message
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}


async def _first(*endless: Coroutine[Any, Any, None]) -> None:
    """Return when the first of them ends, however that is."""
    tasks = [asyncio.create_task(one) for one in endless]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _leave(subscriber: Any, progress: _Progress) -> None:
    """Leave the group. A consumer whose broker is away fails halfway (aiokafka 0.14) and would stay connected."""
    consumer = subscriber.consumer
    await _finish(progress.commit())
    await _finish(subscriber.stop())
    if consumer is not None:
        await _finish(consumer._client.close())


async def _finish(stopping: Coroutine[Any, Any, None]) -> None:
    """In a task of its own: the client lets the cancellation of its own tasks out, which looks as if it were ours."""
    task = asyncio.create_task(stopping)
    await asyncio.wait([task], timeout=PATIENCE_S)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
