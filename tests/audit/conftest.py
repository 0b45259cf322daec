"""One trail for each test."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.audit.trail import Trail


@pytest.fixture
def trail(db: psycopg.Connection, tmp_path: Path) -> Trail:
    """An empty trail, written as the service writes it."""
    return Trail(db, tmp_path)


@pytest.fixture
def owned(postgres: EmbeddedPostgres, database: str, tmp_path: Path) -> Iterator[Trail]:
    """An empty trail in the hands of a superuser whom no trigger stops."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with psycopg.connect(postgres.dsn(name, user="postgres"), autocommit=True) as conn:
        yield Trail(conn, tmp_path)
