"""A broker that is away for a whole storm: the book does not notice, and nobody misses anything."""

import asyncio
from collections import Counter
from typing import Any

import psycopg
import pytest

from frontdesk.cli import HANDLERS
from frontdesk.schema.migrate import migrate
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.brokers.carriers import carrier
from tests.crash.storm import (
    DELIVERY_S,
    Clinic,
    Mailboxes,
    everybody_was_told,
    everything_was_handled_in_order,
    wait_until_all_is_told,
)
from tests.crash.worker import Worker
from tests.service import Service

CHANGES, WRITERS, RIVALS = 360, 24, 20


@pytest.mark.parametrize("kind", ["rabbitmq", "kafka"])
def test_the_broker_is_away_for_a_storm(kind: str, sink: Mailboxes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same storm with the broker and without: the same answers; when it is back, everything is told."""
    folder = tmp_path_factory.mktemp("service")
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("pg"), options={"fsync": "off"})
    with carrier(kind, tmp_path_factory.mktemp(kind)) as broker:
        room = broker.room()
        postgres.start()
        dsn = postgres.dsn("frontdesk")
        migrate(dsn)
        service = Service(
            dsn,
            folder,
            FRONTDESK_SMTP_URL=sink.url,
            FRONTDESK_DELIVERY_TIMEOUT=f"PT{DELIVERY_S}S",
            FRONTDESK_WORKER_INTERVAL="PT0.2S",
            FRONTDESK_BROKER_URL=room.broker_url,
            FRONTDESK_TOPIC_PREFIX=room.topic_prefix,
        )
        worker = Worker(service.environment, folder / "worker.log")
        try:
            service.start()
            worker.start()
            with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as conn:
                clinic = Clinic(service, conn)
                with_broker = asyncio.run(_storm(clinic))
                wait_until_all_is_told(conn)
                asyncio.run(broker.settled(room, [handler.name for handler in HANDLERS]))

                broker.server.kill()
                told = _handled(conn)
                without = asyncio.run(_storm(clinic))
                waiting = _handled(conn)
                assert waiting == told, "somebody heard of events while there was no broker to hear them from"
                assert worker.alive
                broker.server.start()

                wait_until_all_is_told(conn)
                assert without == with_broker
                everything_was_handled_in_order(conn, 2 * CHANGES)
                everybody_was_told(conn, sink, 2 * CHANGES, kills=1)
        finally:
            worker.stop()
            service.stop()
            postgres.stop()


async def _storm(clinic: Clinic) -> Counter[tuple[str, int]]:
    """Many clients, each with visits of their own; and many who all want the same time, of whom one gets it."""
    answers = await clinic.change_much(CHANGES, writers=WRITERS)
    rush = await clinic.rush(RIVALS)
    assert rush == {("POST", 201): 1, ("POST", 409): RIVALS - 1}
    return answers + rush


def _handled(conn: psycopg.Connection[Any]) -> Any:
    return conn.execute("SELECT count(*) FROM handled_event WHERE handler = 'notifications'").fetchone()
