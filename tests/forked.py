"""The `frontdesk` command in a process of its own, forked from one that has imported everything: 2 s of CPU less each.

`tests/system` starts commands as an operator does. Here modules are imported once in each worker of the suite; a child
gets its arguments, environment and streams, and is from then on what `python -m frontdesk` is: it runs the same
function, can be killed, and ends with an exit status.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
_MESSAGE_BYTES = 1 << 17


class Forked:
    """A command that was started: what `subprocess.Popen` offers of it, as far as tests need that."""

    def __init__(
        self,
        *arguments: str,
        env: dict[str, str],
        stdout: IO[bytes] | None = None,
        stderr: IO[bytes] | None = None,
        start_new_session: bool = False,
    ) -> None:
        self._told, tell = os.pipe()
        self.returncode: int | None = None
        with open(os.devnull, "r+b") as nothing:
            streams = [nothing.fileno(), (stdout or nothing).fileno(), (stderr or nothing).fileno()]
            message = json.dumps([arguments, env, start_new_session]).encode()
            assert len(message) < _MESSAGE_BYTES
            try:
                socket.send_fds(_parent(serves=arguments[0] == "serve"), [message], [*streams, tell])
            finally:
                os.close(tell)
        self.pid = int(os.read(self._told, 20))

    def poll(self) -> int | None:
        """Its exit status if it has ended, negative if a signal ended it."""
        if self.returncode is None and self._ends_within(0):
            self.returncode = int(os.read(self._told, 20))
            os.close(self._told)
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        """Its exit status. Raises subprocess.TimeoutExpired."""
        if self.returncode is None and not self._ends_within(timeout):
            raise subprocess.TimeoutExpired("frontdesk", timeout)
        status = self.poll()
        assert status is not None
        return status

    def _ends_within(self, seconds: float) -> bool:
        waiting = select.poll()  # select() itself knows only the first 1,024 files, and a suite has more of them open
        waiting.register(self._told, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, sign: signal.Signals) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sign)


@cache
def _parent(*, serves: bool) -> socket.socket:
    """A channel to the process that forks; it ends when the channel is closed, at the latest when this process ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MESSAGE_BYTES)
    command = [sys.executable, "-m", "tests.forked", *(["serve"] if serves else [])]
    with theirs:
        process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, cwd=ROOT, start_new_session=True)

    @atexit.register
    def end() -> None:
        ours.close()
        process.wait(30)

    return ours


def _fork_on_demand(*, serves: bool) -> None:
    asked = socket.socket(fileno=0)
    if serves:
        # prometheus_client looks when it is imported whether processes share what they count.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="frontdesk-metrics-")
        importlib.import_module("frontdesk.supervisor.asgi")
    importlib.import_module("frontdesk.cli")
    gc.collect()
    gc.freeze()  # what is never touched stays shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who watches over a command is waited for by nobody
    while True:
        message, descriptors, *_ = socket.recv_fds(asked, _MESSAGE_BYTES, 4)
        if not message:
            if serves:
                shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"])
            return
        if os.fork() == 0:
            asked.detach()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _watch(*json.loads(message), descriptors)
        for each in descriptors:
            os.close(each)


def _watch(arguments: list[str], env: dict[str, str], own_session: bool, descriptors: list[int]) -> None:
    """Fork the command, and tell first who it is and then how it ended."""
    *streams, tell = descriptors
    pid = os.fork()
    if pid == 0:
        os.close(tell)
        _become(arguments, env, own_session, streams)
    os.write(tell, b"%20d" % pid)
    for each in streams:
        os.close(each)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(tell, b"%20d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(arguments: list[str], env: dict[str, str], own_session: bool, streams: list[int]) -> None:
    if own_session:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv = ["frontdesk", *arguments]
    importlib.import_module("frontdesk.__main__").main()
    sys.exit()


if __name__ == "__main__":
    _fork_on_demand(serves=sys.argv[1:] == ["serve"])
