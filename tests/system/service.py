"""`frontdesk run` as its operator sees it: a process, two streams, a port, a folder."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

PATIENCE_S = 120.0  # before a test gives up; nothing is measured with it


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    """Call `condition` until it is true. Raises AssertionError naming `what` when patience ends."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not seen in {PATIENCE_S} s: {what}"
        time.sleep(0.05)


def status_of(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the name: state, parent, …; [] when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def alive(pid: int) -> bool:
    return bool(fields := status_of(pid)) and fields[0] != "Z"


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def children_of(pid: int) -> list[int]:
    everyone = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [each for each in everyone if (fields := status_of(each)) and fields[1] == str(pid) and fields[0] != "Z"]


def family_of(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for each in found:
        found += children_of(each)
    return found


def clean_environment() -> dict[str, str]:
    """Ours, without what configures Frontdesk."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("FRONTDESK_", "PROMETHEUS_"))}


class Service:
    """One `frontdesk run` on a port and a folder of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data_dir = folder / "data"
        self.port = int(settings.get("FRONTDESK_PORT", free_port()))
        self._out, self._err = folder / "out", folder / "err"
        base = {"FRONTDESK_DATA_DIR": str(self.data_dir), "FRONTDESK_PORT": str(self.port), "FRONTDESK_DEMO": "0"}
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "frontdesk", "run"],
                stdout=out,
                stderr=err,
                cwd=folder,
                env=clean_environment() | base | settings,
            )

    @property
    def out(self) -> list[str]:
        return self._out.read_text().splitlines()

    @property
    def err(self) -> list[str]:
        return self._err.read_text().splitlines()

    def holds(self) -> bool:
        """Whether the data folder is this one's; from before then on signals are listened to."""
        lock = self.data_dir / "lock"
        return lock.exists() and lock.read_text().strip() == str(self.process.pid)

    def wait_until_ready(self) -> None:
        """Return when the ready line is printed. Raises AssertionError when it ended instead."""

        def greeted() -> bool:
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.err}"
            return any(line.startswith("Frontdesk is ready at ") for line in self.out)

        wait_for("the ready line", greeted)

    def answers(self, path: str) -> int:
        """The status of GET `path`; 0 when nobody answers."""
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            conn.request("GET", path)
            return conn.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            conn.close()

    def healthy(self) -> bool:
        return self.answers("/healthz") == 200 and self.answers("/readyz") == 200

    def parts(self) -> dict[str, list[int]]:
        """Process ids by part: postgres, valkey, server (Granian's main), server worker, worker."""
        found: dict[str, list[int]] = {"postgres": [], "valkey": [], "server": [], "server worker": [], "worker": []}
        for pid in children_of(self.process.pid):
            command = command_of(pid)
            for part, mark in (
                ("postgres", "/bin/postgres -D "),
                ("valkey", "/valkey-server "),
                ("server", "-m frontdesk serve"),
                ("worker", "-m frontdesk worker"),
            ):
                if mark in command and "launch.py" not in command:
                    found[part].append(pid)
        workers = [pid for server in found["server"] for pid in children_of(server)]  # forked: by the same name
        found["server worker"] = workers
        found["server"] = [pid for pid in found["server"] if pid not in workers]
        return found

    def socket_folder(self) -> str:
        """Where PostgreSQL's socket is, as its lock file says."""
        return (self.data_dir / "postgres/data/postmaster.pid").read_text().splitlines()[4]

    def dsn(self) -> str:
        return f"host={self.socket_folder()} port=5432 user=frontdesk dbname=frontdesk"

    def database(self) -> psycopg.Connection:
        return psycopg.connect(self.dsn(), autocommit=True)

    def end(self, how: signal.Signals = signal.SIGTERM, times: int = 1) -> int:
        """Signal it and wait for the end; the exit status."""
        for _ in range(times):
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)


@contextmanager
def service(folder: Path, **settings: str) -> Iterator[Service]:
    """A service that is gone when the block ends, whatever happened in it."""
    started = Service(folder, **settings)
    try:
        yield started
    finally:
        family = family_of(started.process.pid)
        if started.process.poll() is None:
            started.process.terminate()
            try:
                started.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                started.process.kill()
                started.process.wait()
        for pid in family:
            if alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
