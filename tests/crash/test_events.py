"""A thousand bookings and changes while the worker is killed again and again: everybody hears it, once, in order."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from frontdesk.cli import HANDLERS
from frontdesk.schema.migrate import migrate
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.brokers.carriers import Carrier, carrier
from tests.crash.storm import (
    DELIVERY_S,
    Clinic,
    Mailboxes,
    everybody_was_told,
    everything_was_handled_in_order,
    wait_until_all_is_told,
)
from tests.crash.worker import Broker, Killer, Victim, Worker
from tests.service import Service

CHANGES = 1_000


@pytest.mark.postgres("18")
def test_a_thousand_changes_while_the_worker_is_killed(database: str, sink: Mailboxes, tmp_path: Path) -> None:
    _live_through(database, sink, tmp_path)


@pytest.mark.parametrize("kind", ["rabbitmq", "kafka"])
def test_a_thousand_changes_while_worker_and_broker_are_killed(
    kind: str, sink: Mailboxes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """PostgreSQL 18 alone: the database plays the same part here as without a broker."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("pg"), options={"fsync": "off"})
    with carrier(kind, tmp_path_factory.mktemp(kind)) as broker:
        postgres.start()
        try:
            migrate(postgres.dsn("frontdesk"))
            _live_through(postgres.dsn("frontdesk"), sink, tmp_path_factory.mktemp("service"), broker)
        finally:
            postgres.stop()


def _live_through(database: str, sink: Mailboxes, folder: Path, broker: Carrier | None = None) -> None:
    """The storm, and what is left when it is over."""
    settings = {
        "FRONTDESK_SMTP_URL": sink.url,
        "FRONTDESK_DELIVERY_TIMEOUT": f"PT{DELIVERY_S}S",
        "FRONTDESK_WORKER_INTERVAL": "PT0.2S",
    }
    room = broker.room() if broker else None
    if room:
        settings |= {"FRONTDESK_BROKER_URL": room.broker_url, "FRONTDESK_TOPIC_PREFIX": room.topic_prefix}
    service = Service(database, folder, **settings)
    workers = [Worker(service.environment, folder / f"worker{number}.log") for number in range(2)]
    victims: list[Victim] = [*workers, Broker(broker)] if broker else [*workers]
    with psycopg.connect(database, autocommit=True, options="-c timezone=UTC") as conn:
        try:
            service.start()
            clinic = Clinic(service, conn)
            for worker in workers:
                worker.start()
            if broker and room:
                asyncio.run(broker.settled(room, [handler.name for handler in HANDLERS]))
            with Killer(*victims):
                asyncio.run(clinic.change_much(CHANGES))
                while not all(victim.kills for victim in victims):  # a quick machine is done before
                    asyncio.run(clinic.change_much(CHANGES // 10))
            wait_until_all_is_told(conn)
        finally:
            for worker in workers:
                worker.stop()
            service.stop()
        kills = sum(victim.kills for victim in victims)
        everything_was_handled_in_order(conn, CHANGES)
        everybody_was_told(conn, sink, CHANGES, kills)
