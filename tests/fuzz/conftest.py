"""Fuzzing runs on PostgreSQL 18 alone: what it tests is the HTTP contract, which no version of the database changes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import psycopg
import pytest

from frontdesk.schema.migrate import migrate
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.conftest import copy_database
from tests.fuzz.run import Outcome, fuzz
from tests.fuzz.world import build
from tests.make import Make
from tests.service import Service

Fuzzed = Callable[[str], Outcome]

# Nobody logs in again during a run, and one client makes all the holds.
_FOR_A_LONG_RUN = {"FRONTDESK_ACCESS_TOKEN_TTL": "PT6H", "FRONTDESK_HOLDS_PER_CLIENT": "100"}


@pytest.fixture(scope="session")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """The outcome of fuzzing as a role, once a session; each role has a database and a service of its own."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("fuzz"), options={"fsync": "off"})
    with ExitStack() as stack:
        stack.callback(postgres.stop)
        postgres.start()
        migrate(postgres.dsn())

        @cache
        def outcome(role: str) -> Outcome:
            service = Service(copy_database(postgres), tmp_path_factory.mktemp(role), workers=1, **_FOR_A_LONG_RUN)
            stack.callback(service.stop)
            service.start()
            with psycopg.connect(service.dsn, autocommit=True, options="-c timezone=UTC") as conn:
                world = build(service, Make(conn), role)
            return fuzz(service, world, role)

        yield outcome
