"""Live updates need nothing but PostgreSQL: Redis may die (ADR-0027), and a bell that nobody heard costs a second."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from frontdesk.supervisor.valkey import EmbeddedValkey
from tests.conftest import copy_database, drop_database
from tests.live.world import Watcher, minute, relay, watching, write
from tests.service import Service

PROVIDER, CLINIC = UUID(int=1), UUID(int=2)
WATCHERS = 12
"""As many find themselves with either of two workers."""


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def own(postgres: EmbeddedPostgres, tmp_path: Path, valkey: EmbeddedValkey) -> Iterator[Service]:
    """Two workers that have a Valkey."""
    folder = tmp_path / "service"
    folder.mkdir()
    with ExitStack() as stack:
        running = Service(copy_database(postgres), folder, workers=2, FRONTDESK_REDIS_URL=valkey.url)
        stack.callback(drop_database, postgres, running.dsn)
        stack.callback(running.stop)
        running.start()
        yield running


def all_heard(watchers: list[Watcher], count: int) -> None:
    for watcher in watchers:
        starts = [event.data["times"][0]["start"] for event in watcher.heard(count)]
        assert starts == [minute(number) for number in range(count)]


@pytest.mark.postgres("18")
def test_a_redis_killed_in_the_middle_is_not_noticed(own: Service, valkey: EmbeddedValkey) -> None:
    with relay(own.dsn), psycopg.connect(own.dsn, autocommit=True) as conn, watching(own) as watch:
        watchers = [watch(f"provider_id={PROVIDER}") for _ in range(WATCHERS)]
        write(conn, PROVIDER, CLINIC, count=20)
        assert valkey.pid is not None
        os.kill(valkey.pid, signal.SIGKILL)
        write(conn, PROVIDER, CLINIC, count=20, first=20)
        all_heard(watchers, 40)
        valkey.stop()
        valkey.start()
        write(conn, PROVIDER, CLINIC, count=20, first=40)
        all_heard(watchers, 60)


def test_what_was_numbered_without_a_bell_is_heard_by_both_workers(own: Service) -> None:
    """As when the connection on which a hub listens lost the NOTIFY."""
    with psycopg.connect(own.dsn, autocommit=True) as conn, watching(own) as watch:
        watchers = [watch(f"provider_id={PROVIDER}") for _ in range(WATCHERS)]
        write(conn, PROVIDER, CLINIC, count=20)
        with conn.transaction():
            numbered = conn.execute(
                "UPDATE outbox SET position = place.number"
                " FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM outbox) AS place"
                " WHERE outbox.id = place.id AND outbox.position IS NULL"
            )
            assert numbered.rowcount == 20
            conn.execute("UPDATE event_cursor SET position = 20 WHERE reader = 'outbox'")
        all_heard(watchers, 20)
