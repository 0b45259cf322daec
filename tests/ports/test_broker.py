"""One promise, kept by each real broker: every event to every group, at least once, those of one key in order."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import aio_pika
import aiokafka
import pytest
from structlog.testing import capture_logs

from frontdesk.envelope import Envelope
from frontdesk.ports.broker import BrokerDown
from frontdesk.supervisor import doctor
from tests.brokers.carriers import Carrier
from tests.brokers.room import GROUPS, PATIENCE_S, Hearing, Room, first_times, listen, room_in

NUMBERS = [f"{n:02}" for n in range(20)]


def test_what_is_said_while_nobody_listens_reaches_every_group(broker: Carrier) -> None:
    async def scenario() -> None:
        async with room_in(broker.room()) as room:
            await room.say(*NUMBERS[:10])
            await room.say(*NUMBERS[10:])
            for group in GROUPS:
                assert first_times(await listen(room, NUMBERS, group)) == NUMBERS

    asyncio.run(scenario())


def test_an_event_arrives_as_it_was(broker: Carrier) -> None:
    async def scenario() -> None:
        async with room_in(broker.room()) as room:
            whole: list[Envelope] = []
            stopping = asyncio.Event()

            async def receive(envelope: Envelope) -> None:
                whole.append(envelope)
                stopping.set()

            await room.say("only", key="of Ünïted keys")
            async with asyncio.timeout(PATIENCE_S):
                await room.broker().consume(GROUPS[0], receive, stopping)
            assert [(one.topic, one.key, one.payload, one.position) for one in whole] == [
                ("appointments.said.v1", "of Ünïted keys", {"word": "only"}, 1)
            ]
            assert whole[0].occurred_at.tzinfo is not None

    asyncio.run(scenario())


def test_consumers_of_a_group_share_the_work_and_each_key_stays_in_order(broker: Carrier) -> None:
    """They come and go meanwhile. At no moment are two of them at the same key."""
    keys = [f"provider {n}" for n in range(8)]
    heard: list[tuple[str, str]] = []
    at_work: defaultdict[str, int] = defaultdict(int)

    class Careful(Hearing):
        async def receive(self, envelope: Envelope) -> None:
            at_work[envelope.key] += 1
            assert at_work[envelope.key] == 1, "two consumers are at one key"
            await asyncio.sleep(0)
            await super().receive(envelope)
            at_work[envelope.key] -= 1

    async def scenario() -> None:
        async with room_in(broker.room()) as room:
            consumers: list[Careful] = []
            for words in (NUMBERS[:5], NUMBERS[5:10], NUMBERS[10:15]):
                consumers.append(Careful(room, heard=heard))
                await room.publish((word, key) for word in words for key in keys)
            await consumers[0].until(lambda: len(set(heard)) >= 60)
            await consumers.pop(0).stop()
            await room.publish((word, key) for word in NUMBERS[15:] for key in keys)
            await consumers[0].until(lambda: len(set(heard)) == len(keys) * len(NUMBERS))
            for consumer in consumers:
                await consumer.stop()

    asyncio.run(scenario())
    for key in keys:
        assert first_times(word for of, word in heard if of == key) == NUMBERS


def test_what_a_listener_could_not_take_comes_again_with_all_behind_it(broker: Carrier) -> None:
    class Unable(Hearing):
        async def receive(self, envelope: Envelope) -> None:
            await super().receive(envelope)
            if envelope.payload["word"] == "07":
                raise LookupError("cannot take it")

    async def scenario() -> None:
        async with room_in(broker.room()) as room:
            await room.say(*NUMBERS)
            for _ in range(3):
                unable = Unable(room)
                assert isinstance(await unable.fails(), LookupError)
                assert unable.words[-1] == "07"
            again = await listen(room, NUMBERS[7:])
            assert again == NUMBERS[NUMBERS.index(again[0]) :]
            assert again[0] <= "07"

    asyncio.run(scenario())


def test_who_is_told_to_stop_finishes_the_event_in_hand(broker: Carrier) -> None:
    class Slow(Hearing):
        async def receive(self, envelope: Envelope) -> None:
            self.stopping.set()
            for _ in range(20):  # long enough for a consumer that would not wait
                await asyncio.sleep(0.01)
            await super().receive(envelope)

    async def scenario() -> None:
        async with room_in(broker.room()) as room:
            await room.say(*NUMBERS)
            slow = Slow(room)
            async with asyncio.timeout(PATIENCE_S):
                await slow.task
            assert slow.words[0] == "00"
            rest = [] if slow.words == NUMBERS else await listen(room, NUMBERS[len(slow.words) :])
            assert slow.words + rest == NUMBERS

    asyncio.run(scenario())


def test_a_consumer_killed_in_the_middle_loses_nothing(broker: Carrier, tmp_path: Path) -> None:
    file = tmp_path / "heard"

    async def scenario() -> None:
        config = broker.room()
        async with room_in(config) as room:
            await room.say(*NUMBERS)
            env = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
            env |= {"FRONTDESK_BROKER_URL": config.broker_url, "FRONTDESK_TOPIC_PREFIX": config.topic_prefix}
            if config.database_url is not None:
                env["FRONTDESK_DATABASE_URL"] = config.database_url.get_secret_value()
            command = [sys.executable, "-m", "tests.brokers.doomed", "11", str(file)]
            ended = await asyncio.to_thread(
                subprocess.run, command, env=env, timeout=PATIENCE_S, check=False, capture_output=True
            )
            assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
            before = file.read_text().split()
            assert before == NUMBERS[:11]
            after = await listen(room, NUMBERS[11:])
            assert first_times(before + after) == NUMBERS

    asyncio.run(scenario())


def test_the_doctor_asks_it(broker: Carrier) -> None:
    config = broker.room()
    (finding,) = (finding for finding in doctor.examine(config, None) if finding.subject == "events")
    assert finding.good, finding.note
    if config.database_url is None:
        away = config.model_copy(update={"broker_url": f"{config.broker_url.partition('://')[0]}://127.0.0.1:1"})
        (finding,) = (finding for finding in doctor.examine(away, None) if finding.subject == "events")
        assert not finding.good
        assert "bookings go on" in finding.note


def test_a_broker_killed_and_started_again_has_everything_it_took(broker: Carrier) -> None:
    async def scenario() -> None:
        async with room_in(broker.room()) as room:
            await room.say(*NUMBERS[:5])
            waiting = Hearing(room)
            await waiting.until(lambda: waiting.words == NUMBERS[:5])
            await broker.settled(room.config, GROUPS)
            await room.say(*NUMBERS[5:10])
            broker.server.kill()
            try:
                assert isinstance(await waiting.fails(), BrokerDown)
                with pytest.raises(BrokerDown):
                    async with asyncio.timeout(PATIENCE_S):
                        await room.broker().check()
                if room.config.database_url is None:  # PostgreSQL is where the event comes from: nothing to hand over
                    with pytest.raises(BrokerDown):
                        async with asyncio.timeout(PATIENCE_S):
                            await room.say(*NUMBERS[10:])
            finally:
                broker.server.start()
            async with asyncio.timeout(PATIENCE_S):
                while not await _said(room, NUMBERS[10:]):  # as the relay does: what was not taken goes again
                    await asyncio.sleep(0.05)
            for group in GROUPS:
                already = waiting.words if group == GROUPS[0] else []
                missing = [word for word in NUMBERS if word not in already]
                heard = await listen(room, missing, group)
                assert first_times(already + heard) == NUMBERS

    asyncio.run(scenario())


async def _said(room: Room, words: list[str]) -> bool:
    try:
        await room.broker().check()
        await room.say(*words)
        return True
    except BrokerDown:
        return False


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"\xff\xfe",
        b'{"name": "somebody"}',
        b'{"specversion":"1.0","id":"7","source":"/elsewhere","type":"order.placed","data":{}}',
    ],
)
def test_what_is_no_event_of_ours_is_told_by_its_place_and_passed_over(broker: Carrier, foreign: bytes) -> None:
    if broker.kind.startswith("pg"):
        return  # nobody else writes to the outbox, and its columns refuse what is no event

    async def scenario() -> list[Any]:
        async with room_in(broker.room()) as room:
            await room.say("before")
            await _put(broker.kind, room, foreign)
            await room.say("behind")
            with capture_logs() as logs:
                assert first_times(await listen(room, ["before", "behind"])) == ["before", "behind"]
            return list(logs)

    (line,) = asyncio.run(scenario())
    assert (line["event"], line["log_level"], line["size"]) == ("event_unreadable", "error", len(foreign))
    assert "somebody" not in str(line)


async def _put(kind: str, room: Room, body: bytes) -> None:
    """As another program would, by the client library alone."""
    if kind == "kafka":
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=room.config.broker_url.removeprefix("kafka://"))
        await producer.start()
        try:
            await producer.send_and_wait(f"{room.config.topic_prefix}appointments.v1", body, key=b"k")
        finally:
            await producer.stop()
    else:
        async with await aio_pika.connect(room.config.broker_url) as connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(f"{room.config.topic_prefix}events")
            await exchange.publish(aio_pika.Message(body), "anything.at.all")
