"""The embedded PostgreSQL by itself: the wheel's and Debian's, as root and not, after crashes of every kind."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from frontdesk.supervisor import process
from frontdesk.supervisor.postgres import EmbeddedPostgres, running_dsn
from frontdesk.supervisor.process import Identity, StartError
from tests.debian import postgres_15
from tests.system.service import alive, wait_for

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc"),
]


@pytest.fixture(params=["18", "15"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A running server of each version, with durability as shipped."""
    bin_dir = None
    if request.param == "15":
        found = postgres_15()
        if isinstance(found, str):
            pytest.skip(found)
        bin_dir = found
    started = EmbeddedPostgres(tmp_path / "pg", bin_dir)
    started.start()
    try:
        yield started
    finally:
        started.stop()


def value(server: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(server.dsn()) as conn:
        row = conn.execute(query.encode()).fetchone()
        return row[0] if row else None


def test_it_sorts_and_folds_text_as_unicode_and_keeps_utc(server: EmbeddedPostgres) -> None:
    assert value(server, "SELECT lower('ÄÖÜÉŁ')") == "äöüéł"
    assert value(server, "SHOW server_encoding") == "UTF8"
    assert value(server, "SHOW timezone") == "UTC"
    assert value(server, "SHOW fsync") == "on"


def test_the_owner_of_the_database_installs_the_extensions(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        for name in ("btree_gist", "pg_trgm", "unaccent"):
            conn.execute(f"CREATE EXTENSION {name}".encode())
        assert conn.execute("SELECT unaccent('Müller')").fetchone() == ("Muller",)


def test_committed_rows_survive_a_power_cut(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        conn.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    server.kill()
    assert running_dsn(server.data_dir) is None
    server.start()
    assert value(server, "SELECT count(*) FROM kept") == 1000


def test_the_address_stays_the_same_over_restarts(server: EmbeddedPostgres) -> None:
    before, pid = server.dsn(), server.pid
    assert running_dsn(server.data_dir) == before
    server.stop()
    server.start()
    assert server.dsn() == before
    assert server.pid != pid


def test_an_orphan_is_ended_by_the_next_owner(server: EmbeddedPostgres) -> None:
    orphan = server.pid
    assert orphan is not None
    successor = EmbeddedPostgres(server.data_dir, server.bin_dir)
    successor.start()
    try:
        assert not alive(orphan)
        assert server.died()
        assert value(successor, "SELECT 1") == 1
    finally:
        successor.stop()


def test_a_busy_backend_of_a_killed_server_is_no_obstacle(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        backend = conn.info.backend_pid
        os.kill(backend, signal.SIGSTOP)  # a backend that cannot notice that its postmaster is gone
        server.kill()
        assert Path(f"/proc/{backend}").exists()
    server.start()
    assert not alive(backend)
    assert value(server, "SELECT 1") == 1


def test_a_recycled_pid_in_the_lock_file_is_no_obstacle(server: EmbeddedPostgres) -> None:
    server.kill()
    lock = server.data / "postmaster.pid"
    lines = lock.read_text().splitlines()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        lock.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        server.start()
        assert value(server, "SELECT 1") == 1
        assert stranger.poll() is None, "a process that is not ours was ended"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_failed_start_says_why_in_one_line(server: EmbeddedPostgres) -> None:
    server.stop()
    broken = EmbeddedPostgres(server.data_dir, server.bin_dir, options={"max_connections": "none"})
    with pytest.raises(StartError, match="max_connections") as caught:
        broken.start()
    assert "\n" not in str(caught.value)


def test_data_of_another_major_version_is_refused(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.data / "PG_VERSION").write_text("13\n")
    with pytest.raises(StartError, match="was made by PostgreSQL 13"):
        server.start()


def test_an_interrupted_first_start_is_repeated(tmp_path: Path) -> None:
    half = tmp_path / "pg" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(tmp_path / "pg", options={"fsync": "off"})
    server.start()
    try:
        assert value(server, "SELECT 1") == 1
        assert not half.exists()
    finally:
        server.stop()


def test_several_run_side_by_side(tmp_path: Path) -> None:
    servers = [EmbeddedPostgres(tmp_path / name, options={"fsync": "off"}) for name in ("a", "b")]
    try:
        for server in servers:
            server.start()
        with psycopg.connect(servers[0].dsn()) as conn:
            conn.execute("CREATE TABLE only_here ()")
        assert [value(server, "SELECT to_regclass('only_here') IS NOT NULL") for server in servers] == [True, False]
    finally:
        for server in servers:
            server.stop()


def test_the_server_shuts_down_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = """
        import sys, time
        from pathlib import Path
        from frontdesk.supervisor.postgres import EmbeddedPostgres
        server = EmbeddedPostgres(Path(sys.argv[1]), options={"fsync": "off"})
        server.start()
        print(server.pid, flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "pg")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    wait_for("the end of PostgreSQL", lambda: not alive(pid))
    assert "database system is shut down" in (tmp_path / "pg/postgres.log").read_text()


@pytest.mark.parametrize("kind", ["userns", "drop"])
def test_root_is_given_up_without_opening_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    tmp_path.chmod(0o700)
    chosen = process.not_root(tmp_path)
    if os.geteuid() != 0:
        assert chosen == Identity()
        return
    if kind == "userns" and chosen.kind == "drop":
        return  # namespaces are blocked here; that the other way is chosen then has just been seen
    identity = Identity(kind, chosen.uid, chosen.gid)
    monkeypatch.setattr(process, "not_root", lambda *_: identity)
    server = EmbeddedPostgres(tmp_path / "pg", options={"fsync": "off"})
    try:
        server.start()
        assert Path(f"/proc/{server.pid}").stat().st_uid == (0 if kind == "userns" else chosen.uid)
        assert tmp_path.stat().st_mode & 0o777 == 0o700
        server.stop()
        monkeypatch.undo()  # whatever way is chosen next, it finds the files of this one
        server.start()
        assert value(server, "SELECT 1") == 1
    finally:
        server.stop()
