"""Kafka by TLS and with a log-in: who is not believed, or does not know the password, gets no event."""

import asyncio
from urllib.parse import quote

import pytest

from frontdesk.ports.broker import BrokerDown
from frontdesk.settings import Settings
from tests.brokers.carriers import Carrier
from tests.brokers.kafka import LOGIN, Kafka
from tests.brokers.room import listen, room_in

only_kafka = pytest.mark.parametrize("broker", ["kafka"], indirect=True)


def secured(broker: Carrier, password: str = LOGIN[1]) -> Settings:
    assert isinstance(broker.server, Kafka)
    login = f"{quote(LOGIN[0], safe='')}:{quote(password, safe='')}"
    address = {"broker_url": f"kafkas://{login}@127.0.0.1:{broker.server.secure_port}"}
    return Settings(**{**broker.room().model_dump(include={"topic_prefix"}), **address})


@only_kafka
def test_events_go_by_tls_with_a_log_in(broker: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(broker.server, Kafka)
    monkeypatch.setenv("SSL_CERT_FILE", str(broker.server.certificate))

    async def scenario() -> None:
        async with room_in(secured(broker)) as room:
            await room.say("one", "two")
            assert await listen(room, ["one", "two"]) == ["one", "two"]

    asyncio.run(scenario())


@only_kafka
@pytest.mark.parametrize("fault", ["certificate", "password"])
def test_nobody_else_is_spoken_to(broker: Carrier, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(broker.server, Kafka)
    if fault == "password":
        monkeypatch.setenv("SSL_CERT_FILE", str(broker.server.certificate))
    config = secured(broker, "a guess" if fault == "password" else LOGIN[1])

    async def scenario() -> None:
        async with room_in(config) as room:
            with pytest.raises(BrokerDown) as told:
                await room.say("one")
            assert LOGIN[1] not in str(told.value)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "url",
    [
        "kafka://",
        "kafka://me:pw@host:9092",
        "kafkas://name@host",
        "kafka://a,,b",
        "redis://host",
        "http://host",
        "postgres://host",
    ],
)
def test_no_other_address_is_a_broker(url: str) -> None:
    with pytest.raises(ValueError, match="must be postgres:"):
        Settings(broker_url=url)
