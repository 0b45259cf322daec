"""Every race ends with the same proof: the book is sound, everything can be traced, nothing deadlocked."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.concurrency.book import Scene
from tests.concurrency.proof import prove
from tests.concurrency.rows import Rows
from tests.make import Make
from tests.service import Service

MakeScene = Callable[..., Scene]


@pytest.fixture
def scene(postgres: EmbeddedPostgres, service: Service, make: Make) -> Iterator[MakeScene]:
    """Makes a Scene. Afterwards: no overlap in the whole book, a trace of each change, no deadlock in the log."""
    log_from = postgres.log_path.stat().st_size
    made: list[Scene] = []

    def make_scene(**more: Any) -> Scene:
        made.append(Scene(service, make, **more))
        return made[-1]

    yield make_scene
    prove(make.conn, [scene.clinic for scene in made])
    said = postgres.log_path.read_bytes()[log_from:].decode(errors="replace")
    deadlocks = [line for line in said.splitlines() if "deadlock detected" in line]
    assert not deadlocks, deadlocks


@pytest.fixture
def rows(db: psycopg.Connection[Any]) -> Rows:
    """Rows in a database of the test's own."""
    return Rows(db)
