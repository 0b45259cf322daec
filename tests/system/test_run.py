"""`make run` from outside: it says when it is ready, ends when told, and comes back from anything."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.service import PATIENCE_S, Service, alive, children_of, family_of, free_port, service, wait_for

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
    killed = running.parts()[part][0]
    os.kill(killed, signal.SIGKILL)

    def replaced() -> bool:
        pids = running.parts()[part]
        return killed not in pids and len(pids) == (2 if part == "server worker" else 1)

    wait_for(f"a new {part}", replaced)
    # Several times, because either server worker may answer and each has connections of its own to mend.
    wait_for("health", lambda: all(running.healthy() for _ in range(6)))
    assert running.process.poll() is None


@pytest.mark.parametrize(
    ("how", "times"), [(signal.SIGTERM, 1), (signal.SIGINT, 1), (signal.SIGTERM, 2), (signal.SIGINT, 3)]
)
def test_it_ends_cleanly_with_all_its_parts(tmp_path: Path, how: signal.Signals, times: int) -> None:
    with service(tmp_path) as started:
        started.wait_until_ready()
        family = family_of(started.process.pid)
        assert len(family) > 6
        assert started.end(how, times) == 0
        assert [pid for pid in family if alive(pid)] == []
        assert started.answers("/healthz") == 0
        assert not (started.data_dir / "postgres/data/postmaster.pid").exists(), "PostgreSQL was not shut down"
        assert "Traceback" not in "\n".join(started.err)


@pytest.mark.parametrize("sign", ["lock", "postgres/data.new", "postgres/data/postmaster.pid", "valkey/valkey.pid"])
def test_a_start_that_is_broken_off_leaves_nothing_behind(tmp_path: Path, sign: str) -> None:
    with service(tmp_path) as started:
        wait_for(sign, (started.data_dir / sign).exists)
        family = family_of(started.process.pid)
        assert started.end(signal.SIGTERM, 2) in {128 + signal.SIGTERM, 0}
        assert started.out == []
        assert "Traceback" not in "\n".join(started.err)
        wait_for("the end of every part", lambda: not any(alive(pid) for pid in family))
    with service(tmp_path) as again:
        again.wait_until_ready()


def test_it_starts_again_on_the_same_data(tmp_path: Path) -> None:
    with service(tmp_path) as first:
        first.wait_until_ready()
        with first.database() as conn:
            conn.execute("CREATE TABLE kept AS SELECT 42 AS value")
        secret = (first.data_dir / "secret").read_text()
        assert first.end() == 0
    with service(tmp_path) as again:
        again.wait_until_ready()
        with again.database() as conn:
            assert conn.execute("SELECT value FROM kept").fetchone() == (42,)
        assert (again.data_dir / "secret").read_text() == secret


def test_it_starts_again_after_everything_was_killed(tmp_path: Path) -> None:
    with service(tmp_path) as first:
        first.wait_until_ready()
        with first.database() as conn:
            conn.execute("CREATE TABLE kept AS SELECT 42 AS value")
        # The supervisor first, or it would restart what dies.
        for pid in family_of(first.process.pid):
            with contextlib.suppress(ProcessLookupError):  # some die with it
                os.kill(pid, signal.SIGKILL)
        first.process.wait()
        with service(tmp_path, FRONTDESK_PORT=str(first.port)) as again:
            again.wait_until_ready()
            with again.database() as conn:
                assert conn.execute("SELECT value FROM kept").fetchone() == (42,)


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    with service(tmp_path) as started:
        started.wait_until_ready()
        family = family_of(started.process.pid)
        os.kill(started.process.pid, signal.SIGKILL)
        started.process.wait()
        wait_for("the end of every part", lambda: not any(alive(pid) for pid in family))
        with service(tmp_path, FRONTDESK_PORT=str(started.port)) as again:
            again.wait_until_ready()


def test_no_server_worker_outlives_its_manager(running: Service) -> None:
    wait_for("the server", lambda: len(running.parts()["server worker"]) == 2)
    workers = running.parts()["server worker"]
    os.kill(running.parts()["server"][0], signal.SIGKILL)
    wait_for("the end of its workers", lambda: not any(alive(pid) for pid in workers))
    wait_for("health", running.healthy)


def test_a_deep_folder_works_though_socket_paths_are_short(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    with service(deep) as started:
        started.wait_until_ready()
        socket_folder = Path(started.socket_folder())
        assert not socket_folder.is_relative_to(deep)
        assert socket_folder.stat().st_mode & 0o777 == 0o700
        assert started.end() == 0
        assert not socket_folder.exists()


def test_it_works_without_any_cache(tmp_path: Path) -> None:
    with service(tmp_path, FRONTDESK_REDIS_URL="off", FRONTDESK_PORT=str(free_port())) as started:
        started.wait_until_ready()
        assert started.parts()["valkey"] == []
        assert started.healthy()
        assert children_of(started.process.pid)
