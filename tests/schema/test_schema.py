"""The readable schema and the migrations build the same database."""

import subprocess
from pathlib import Path

import psycopg

from frontdesk.schema.migrate import schema_sql
from frontdesk.supervisor.postgres import EmbeddedPostgres


def test_schema_and_migrations_agree(postgres: EmbeddedPostgres, database: str) -> None:
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as conn:
        conn.execute("DROP DATABASE IF EXISTS readable WITH (FORCE)")
        conn.execute("CREATE DATABASE readable")
    with psycopg.connect(postgres.dsn("readable"), autocommit=True) as conn:
        conn.execute(schema_sql())
    migrated, readable = _dump(postgres, database), _dump(postgres, postgres.dsn("readable"))
    assert "CREATE TABLE public.appointment (" in readable
    assert migrated == readable


def test_a_difference_would_show(postgres: EmbeddedPostgres, database: str) -> None:
    before = _dump(postgres, database)
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("ALTER TABLE clinic ALTER COLUMN phone SET NOT NULL")
    assert _dump(postgres, database) != before


def _dump(postgres: EmbeddedPostgres, dsn: str) -> str:
    """The schema as pg_dump tells it. Without a fixed restrict key every dump would differ."""
    tool: Path = postgres.bin_dir / "pg_dump"
    command = [tool, "--schema-only", "--no-owner", "--restrict-key=x", "--exclude-table=schema_migration", dsn]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
