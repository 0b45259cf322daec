"""What all brokers of the tests share: a process on a port that does not change, its data, its log."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE_S = 90.0


class Server:
    """A program with children of its own. `kill` is a -9 for all of them; `start` goes on with the same data."""

    def __init__(self, command: Sequence[str | Path], folder: Path, port: int, env: Mapping[str, str]) -> None:
        self.folder, self.port = folder, port
        self._command, self._env = [str(part) for part in command], {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when somebody listens at its port. Raises RuntimeError with the end of its log if nobody ever does."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._env, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + PATIENCE_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"it does not start: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """As if the machine had lost its power, except that the disk is fine."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None
            # Of the whole group only its leader is our child: the others are gone once nobody listens.
            deadline = time.monotonic() + PATIENCE_S
            while self._listens() and time.monotonic() < deadline:
                time.sleep(0.01)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
