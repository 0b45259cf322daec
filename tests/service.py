"""The service that is tested: real processes on a real socket, killable."""

import contextlib
import os
import signal
import socket
import ssl
import time
import weakref
from pathlib import Path

import httpx

from tests.canaries import Heard
from tests.forked import Forked

SECRET = "a secret for tests only, long enough to pass"

TRUST = ssl.create_default_context()
"""For every client that a test makes: without one httpx reads all authorities anew, 26 ms of CPU for each client."""


_given: set[int] = set()


def free_port() -> int:
    """Another one each time: at the one before nobody may listen yet."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port


def port_of(owner: object) -> int:
    """A port that nobody else is given as long as `owner` lives, also while its server is down."""
    kept = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):  # so that a server may listen beside it
        kept.setsockopt(socket.SOL_SOCKET, option, 1)
    kept.bind(("127.0.0.1", 0))
    weakref.finalize(owner, kept.close)
    return int(kept.getsockname()[1])


class Service:
    """`frontdesk serve` with `workers` workers on `dsn`."""

    def __init__(self, dsn: str, folder: Path, *, workers: int = 2, **env: str) -> None:
        self.dsn, self.folder, self.port = dsn, folder, port_of(self)
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = f"{self.url}/api/v1"
        self.log_path = folder / "service.log"
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")},
            "FRONTDESK_DATABASE_URL": dsn,
            "FRONTDESK_REDIS_URL": "off",
            "FRONTDESK_RATE_LIMITS": "off",
            "FRONTDESK_SECRET": SECRET,
            "FRONTDESK_PORT": str(self.port),
            "FRONTDESK_WORKERS": str(workers),
            "FRONTDESK_DATA_DIR": str(folder / "data"),
            "FRONTDESK_LOG_LEVEL": "debug",  # everything that is ever logged is looked through (tests/canaries.py)
            **env,
        }
        self._process: Forked | None = None
        self._clients: list[httpx.Client] = []
        self._heard = Heard(folder)

    def start(self, *, patience_s: float = 60.0, verify: ssl.SSLContext = TRUST) -> None:
        with self.log_path.open("ab") as log:
            self._process = Forked("serve", env=self._env, stdout=log, stderr=log, start_new_session=True)
        try:
            self.wait_ready(patience_s, verify)
        except BaseException:
            self.stop()
            raise

    @property
    def environment(self) -> dict[str, str]:
        """The settings it runs with, for a process beside it."""
        return dict(self._env)

    @property
    def pid(self) -> int:
        """The server's main process; its workers are children."""
        assert self._process is not None
        return self._process.pid

    def wait_ready(self, patience_s: float = 60.0, verify: ssl.SSLContext = TRUST) -> None:
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=5, verify=verify).status_code == 200:
                    return
            assert self._process is not None
            assert self._process.poll() is None, self.log_path.read_text()
            time.sleep(0.1)
        raise AssertionError(f"not ready: {self.log_path.read_text()}")

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                self._heard.metrics(httpx.get(f"{self.url}/metrics", timeout=5, verify=TRUST).text)
            self._process.terminate()
            self._process.wait(30)

    def ask_to_stop(self) -> int:
        """SIGTERM, as an operator sends it; the exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def kill(self) -> None:
        """SIGKILL to the server and all of its workers at once."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)

    def client(self, token: str | None = None) -> httpx.Client:
        """A client of the API, open until the service stops; with a token, as that user."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        hooks = {"response": [self._heard.answer]}
        self._clients.append(
            httpx.Client(base_url=self.api, headers=headers, timeout=30, event_hooks=hooks, verify=TRUST)
        )
        return self._clients[-1]

    def rivals(self, token: str | None = None, *, connections: int = 100) -> httpx.AsyncClient:
        """A client for many requests at once."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        hooks = {"response": [self._heard.later_answer]}
        return httpx.AsyncClient(
            base_url=self.api, headers=headers, timeout=60, limits=limits, event_hooks=hooks, verify=TRUST
        )


def answered(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """The answer; of one without an end, what it says first."""
    response = client.send(request, stream=True)
    try:
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            response.read()
            return response
        first = next(response.iter_bytes())
        return httpx.Response(response.status_code, headers=response.headers, content=first, request=request)
    finally:
        response.close()
