"""The road to the schema: each step whole or not at all, once, and never rewritten."""

import hashlib
import socket
import threading
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from frontdesk.schema import migrate as schema
from frontdesk.schema.migrate import Migration, MigrationError, connect, migrate, pending
from frontdesk.supervisor.postgres import EmbeddedPostgres


@pytest.fixture
def dsn(postgres: EmbeddedPostgres, request: pytest.FixtureRequest) -> str:
    """An empty database for one test, nothing migrated yet."""
    name = "t" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return postgres.dsn(name)


def steps(monkeypatch: pytest.MonkeyPatch, *texts: str) -> None:
    """Let the code have these migrations: 0001_step, 0002_step, …"""
    found = [Migration(f"{number:04}_step", text) for number, text in enumerate(texts, 1)]
    monkeypatch.setattr(schema, "migrations", lambda: found)


def tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as conn:
        rows = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows} - {"schema_migration"}


def test_the_real_migrations_apply_once_and_are_recorded(dsn: str) -> None:
    names = [migration.name for migration in schema.migrations()]
    assert names == sorted(names)
    with connect(dsn) as conn:
        assert pending(conn) == names
    assert migrate(dsn) == names
    assert {"appointment", "clinic", "patient"} <= tables(dsn)
    assert migrate(dsn) == []
    with connect(dsn) as conn:
        assert pending(conn) == []
        rows = conn.execute("SELECT name, sha256, applied_at FROM schema_migration ORDER BY name").fetchall()
    assert [row["name"] for row in rows] == names
    assert [row["sha256"] for row in rows] == [migration.sha256 for migration in schema.migrations()]
    assert all(row["applied_at"].tzinfo is not None for row in rows)


def test_only_what_is_missing_is_applied(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps(monkeypatch, "CREATE TABLE a ()")
    assert migrate(dsn) == ["0001_step"]
    steps(monkeypatch, "CREATE TABLE a ()", "CREATE TABLE b (); CREATE TABLE c ()")
    assert migrate(dsn) == ["0002_step"]
    assert tables(dsn) == {"a", "b", "c"}


def test_a_failing_step_leaves_nothing_of_itself(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps(monkeypatch, "CREATE TABLE a ()", "CREATE TABLE b (); SELECT 1/0")
    with pytest.raises(MigrationError, match=r"^migration 0002_step failed: division by zero$"):
        migrate(dsn)
    assert tables(dsn) == {"a"}
    steps(monkeypatch, "CREATE TABLE a ()", "CREATE TABLE b ()")
    assert migrate(dsn) == ["0002_step"]


def test_the_error_quotes_no_row(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = "CREATE TABLE a (email text); INSERT INTO a VALUES ('ann@example.test'), ('ann@example.test');"
    steps(monkeypatch, twice + "CREATE UNIQUE INDEX ON a (email)")
    with pytest.raises(MigrationError) as caught:
        migrate(dsn)
    assert "ann@example.test" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_edited_step_is_refused(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps(monkeypatch, "CREATE TABLE a ()")
    migrate(dsn)
    steps(monkeypatch, "CREATE TABLE a (b int)")
    with pytest.raises(MigrationError, match="0001_step was edited after it was applied"):
        migrate(dsn)
    steps(monkeypatch, "CREATE TABLE a ()")
    assert migrate(dsn) == []


def test_line_ends_are_no_edit() -> None:
    assert Migration("0001_step", "a\nb\n").sha256 == Migration("0001_step", "a\r\nb\r\n").sha256
    assert Migration("0001_step", "a\nb\n").sha256 != Migration("0001_step", "a\nc\n").sha256


def test_a_database_newer_than_the_code_is_refused(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps(monkeypatch, "CREATE TABLE a ()", "CREATE TABLE b ()")
    migrate(dsn)
    steps(monkeypatch, "CREATE TABLE a ()")
    with pytest.raises(MigrationError, match="newer than this code: it has 0002_step"):
        migrate(dsn)
    with connect(dsn) as conn, pytest.raises(MigrationError, match="newer than this code"):
        pending(conn)


def test_eight_migrators_at_once_apply_each_step_once(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps(monkeypatch, "CREATE TABLE a (); SELECT pg_sleep(0.3)", "CREATE TABLE b (); SELECT pg_sleep(0.1)")
    barrier = threading.Barrier(8)
    applied: list[list[str]] = []

    def one() -> None:
        barrier.wait()
        applied.append(migrate(dsn))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [[]] * 7 + [["0001_step", "0002_step"]]


def test_a_step_does_not_wait_for_ever_behind_a_lock(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps(monkeypatch, "CREATE TABLE a ()")
    migrate(dsn)
    steps(monkeypatch, "CREATE TABLE a ()", "SET LOCAL lock_timeout = '200ms'; ALTER TABLE a ADD b int")
    with psycopg.connect(dsn) as holder:
        holder.execute("LOCK TABLE a")
        with pytest.raises(MigrationError, match="canceling statement due to lock timeout"):
            migrate(dsn)
    with psycopg.connect(dsn) as conn:
        conn.execute("SELECT b FROM a" if migrate(dsn) else "SELECT 1/0")


def test_tables_go_to_schema_public_whatever_the_search_path(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("CREATE SCHEMA frontdesk")  # named like the user: first in the default search_path
    steps(monkeypatch, "CREATE TABLE a ()")
    migrate(dsn)
    assert tables(dsn) == {"a"}


def test_a_missing_extension_is_named(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "EXTENSIONS", ("btree_gist", "no_such_extension"))
    with pytest.raises(MigrationError, match=r"lacks the extension no_such_extension"):
        migrate(dsn)
    assert tables(dsn) == set()


def test_an_unreachable_database_is_one_line() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound and not listening: refused at once
        with pytest.raises(MigrationError, match="cannot be reached") as caught:
            migrate(f"postgresql://someone:hunter2@127.0.0.1:{probe.getsockname()[1]}/x")
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_address_that_is_none_is_not_quoted() -> None:
    with pytest.raises(MigrationError) as caught:
        migrate("mysql://someone:hunter2@db/x")
    assert "hunter2" not in str(caught.value)


def test_the_readable_schema_is_every_file_in_order() -> None:
    text = schema.schema_sql()
    files = sorted(Path(schema.__file__).parent.glob("*.sql"))
    assert len(files) > 3
    places = [text.index(file.read_text("utf-8")) for file in files]
    assert places == sorted(places)
