"""A service of its own for streams, whose outbox is numbered all the time."""

from collections.abc import Iterator

import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.conftest import copy_database
from tests.live.world import Place, Watch, relay, watching
from tests.service import Service


@pytest.fixture(scope="package")
def streaming(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(copy_database(postgres), tmp_path_factory.mktemp("live"), FRONTDESK_STREAMS_PER_CLIENT="100")
    running.start()
    try:
        with relay(running.dsn):
            yield running
    finally:
        running.stop()


@pytest.fixture
def place(streaming: Service) -> Iterator[Place]:
    with psycopg.connect(streaming.dsn, autocommit=True, options="-c timezone=UTC") as conn:
        yield Place(streaming, conn)


@pytest.fixture
def watch(streaming: Service) -> Iterator[Watch]:
    with watching(streaming) as opened:
        yield opened
