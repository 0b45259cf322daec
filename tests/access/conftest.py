"""The world of the walk, on a service of its own: what is planted there must not be met by other tests."""

from collections.abc import Iterator

import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.access.world import World
from tests.conftest import copy_database, drop_database
from tests.make import Make
from tests.service import Service


@pytest.fixture(scope="package")
def walked(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service that logs every request and limits none, and its world."""
    running = Service(
        copy_database(postgres),
        tmp_path_factory.mktemp("walk"),
        FRONTDESK_LOG_LEVEL="info",
        FRONTDESK_RATE_LIMITS="off",
    )
    running.start()
    try:
        with psycopg.connect(running.dsn, autocommit=True, options="-c timezone=UTC") as conn:
            world = World(Make(conn), running)
            yield world
            world.close()
    finally:
        running.stop()
        drop_database(postgres, running.dsn)
