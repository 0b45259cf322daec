"""`make run` from outside: it says when it is ready, ends when told, and comes back from anything."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.service import PATIENCE_S, Service, alive, family_of, free_port, service, wait_for

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc"),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the tests that leave it running, with the demo in it."""
    with service(tmp_path_factory.mktemp("running"), FRONTDESK_DEMO="1") as started:
        started.wait_until_ready()
        yield started


def test_it_prints_address_docs_and_logins_in_this_order(running: Service) -> None:
    address = f"http://127.0.0.1:{running.port}"
    wait_for("four lines", lambda: len(running.out) >= 4)
    assert running.out[0] == f"Frontdesk is ready at {address}"
    assert f"{address}/docs" in running.out[1]
    assert f"{address}/start" in running.out[2]
    for role in ("admin", "staff", "provider", "patient"):
        assert f"{role}@frontdesk.test" in running.out[3]
    assert "frontdesk-demo" in running.out[3]
    assert running.healthy()
    assert running.answers("/docs") == 200


def test_at_least_two_workers_serve(running: Service) -> None:
    assert {name: len(pids) for name, pids in running.parts().items()} == {
        "postgres": 1,
        "valkey": 1,
        "server": 1,
        "server worker": 2,
        "worker": 1,
    }


def test_only_its_owner_can_read_the_folder_and_the_secret(running: Service) -> None:
    assert running.data_dir.stat().st_mode & 0o077 == 0
    secret = running.data_dir / "secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    value = secret.read_text().strip()
    assert len(value) >= 32
    assert value not in "\n".join(running.out + running.err)


def test_durability_is_on_and_the_application_is_no_superuser(running: Service) -> None:
    with running.database() as conn:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert conn.execute(f"SHOW {name}").fetchone() == ("on",), name
        assert conn.execute("SELECT usesuper FROM pg_user WHERE usename = current_user").fetchone() == (False,)
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_second_start_on_the_folder_is_refused(running: Service, tmp_path: Path) -> None:
    with service(tmp_path, FRONTDESK_DATA_DIR=str(running.data_dir)) as second:
        assert second.process.wait(PATIENCE_S) == 1
        assert second.out == []
        (line,) = second.err
        assert "in use by another Frontdesk" in line
        assert str(running.process.pid) in line
    assert running.healthy()


@pytest.mark.parametrize("part", ["postgres", "valkey", "server worker", "server", "worker"])
def test_a_killed_part_comes_back(running: Service, part: str) -> None:
    wait_for("all parts", lambda: all(running.parts().values()) and len(running.parts()["server worker"]) == 2)
    before = running.parts()
    killed = before[part][0]
    os.kill(killed, signal.SIGKILL)

    def replaced() -> bool:
        pids = running.parts()[part]
        return killed not in pids and len(pids) == (2 if part == "server worker" else 1)

    if part == "server":
        wait_for("the end of its workers", lambda: not any(alive(pid) for pid in before["server worker"]))
    wait_for(f"a new {part}", replaced)
    # Several times, because either server worker may answer and each has connections of its own to mend.
    wait_for("health", lambda: all(running.healthy() for _ in range(6)))
    assert running.process.poll() is None


def test_a_start_that_is_broken_off_leaves_nothing_behind(tmp_path: Path) -> None:
    """Each start finds what the one before it left, and comes further."""
    for sign in ("lock", "postgres/data.new", "postgres/data/postmaster.pid", "valkey/valkey.pid"):
        with service(tmp_path) as started:
            wait_for("the lock", lambda held=started: held.holds())
            wait_for(sign, (started.data_dir / sign).exists)
            family = family_of(started.process.pid)
            assert started.end(signal.SIGTERM, 2) in {128 + signal.SIGTERM, 0}
            assert started.out == []
            assert "Traceback" not in "\n".join(started.err)
            wait_for("the end of every part", lambda family=family: not any(alive(pid) for pid in family))
    with service(tmp_path) as again:
        again.wait_until_ready()


def ends_cleanly(started: Service, how: signal.Signals, times: int) -> None:
    """Asked to end, so often: with all of its parts, PostgreSQL by a shutdown, and without a word of protest."""
    family = family_of(started.process.pid)
    assert len(family) > 6
    assert started.end(how, times) == 0
    assert [pid for pid in family if alive(pid)] == []
    assert started.answers("/healthz") == 0
    assert not (started.data_dir / "postgres/data/postmaster.pid").exists(), "PostgreSQL was not shut down"
    assert "Traceback" not in "\n".join(started.err)


def supervisor_is_killed(started: Service) -> None:
    family = family_of(started.process.pid)
    started.process.kill()
    started.process.wait()
    wait_for("the end of every part", lambda: not any(alive(pid) for pid in family))


def everything_is_killed(started: Service) -> None:
    # The supervisor first, or it would restart what dies.
    for pid in family_of(started.process.pid):
        with contextlib.suppress(ProcessLookupError):  # some die with it
            os.kill(pid, signal.SIGKILL)
    started.process.wait()


def test_it_starts_again_on_the_same_data_however_it_ended(home: Callable[[], Path]) -> None:
    folder, port = home(), str(free_port())
    ends: list[Callable[[Service], None]] = [
        lambda started: ends_cleanly(started, signal.SIGTERM, 1),
        supervisor_is_killed,
        everything_is_killed,
        lambda started: ends_cleanly(started, signal.SIGINT, 3),
    ]
    secrets = set()
    for rounds, end in enumerate(ends):
        with service(folder, FRONTDESK_PORT=port) as started:
            started.wait_until_ready()
            with started.database() as conn:
                conn.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
                assert conn.execute("SELECT value FROM kept ORDER BY 1").fetchall() == [(n,) for n in range(rounds)]
                conn.execute("INSERT INTO kept VALUES (%s)", (rounds,))
            secrets.add((started.data_dir / "secret").read_text())
            end(started)
    assert len(secrets) == 1


def test_a_deep_folder_works_though_socket_paths_are_short(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    with service(deep) as started:
        started.wait_until_ready()
        socket_folder = Path(started.socket_folder())
        assert not socket_folder.is_relative_to(deep)
        assert socket_folder.stat().st_mode & 0o777 == 0o700
        ends_cleanly(started, signal.SIGTERM, 2)
        assert not socket_folder.exists()


def test_it_works_without_any_cache(home: Callable[[], Path]) -> None:
    with service(home(), FRONTDESK_REDIS_URL="off") as started:
        started.wait_until_ready()
        assert started.parts()["valkey"] == []
        assert started.healthy()
        ends_cleanly(started, signal.SIGINT, 1)
