"""Everything that is measured, running on this machine, and the measurements."""

import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psycopg

from frontdesk.schema.migrate import migrate
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.bench import cpu, figures, load, offer, proof, yardstick
from tests.bench.book import PGBENCH, Reads, get, make_book
from tests.bench.figures import NAMES, Figure
from tests.bench.worker import check_trail, worker
from tests.debian import headless
from tests.service import Service, free_port

CONNECTIONS = 64
WORKERS = 2
WARM_UP_S = 1.0
_ROOT = Path(__file__).parents[2]


class Rig:
    """PostgreSQL 18 as the service ships it, the service, a bare FastAPI beside it, and the load generator.

    Each measurement takes `seconds` after its warm-up. The data lie in `folder`, on the disk that is measured.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._warm_up_s = min(WARM_UP_S, seconds)
        self._stack = ExitStack()
        self._transactions = 0  # of pgbench, committed
        self._sent = self._booked = 0  # bookings over HTTP: asked for, acknowledged
        self._sent_openly = 0  # the same without walls

    def __enter__(self) -> Self:
        with self._stack as stack:
            postgres = EmbeddedPostgres(self._folder / "postgres")
            stack.callback(postgres.stop)
            postgres.start()
            migrate(postgres.dsn())
            self.book = make_book(postgres.dsn())
            open_dsn = _without_walls(postgres)
            # The log as shipped: a line a request is part of the work.
            self._service = Service(postgres.dsn(), self._folder, workers=WORKERS, FRONTDESK_LOG_LEVEL="info")
            stack.callback(self._service.stop)
            self._service.start()
            (self._folder / "open").mkdir()
            self._open = Service(open_dsn, self._folder / "open", workers=WORKERS, FRONTDESK_LOG_LEVEL="info")
            stack.callback(self._open.stop)
            self._open.start()
            self._bare_port = free_port()
            command = [sys.executable, "-m", "tests.bench.bare", str(self._bare_port), str(WORKERS)]
            bare = subprocess.Popen(command, cwd=_ROOT)
            stack.callback(bare.wait, 30)
            stack.callback(bare.terminate)
            _wait_for(f"http://127.0.0.1:{self._bare_port}/empty")
            self._generator = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
            stack.callback(self._generator.shutdown)
            self._served = {"postgres": postgres.pid, "server": self._service.pid}
            self._groups = {**self._served, "load": self._generator.submit(os.getpid).result()}
            self._open_groups = {**self._groups, "server": self._open.pid}
            self._bare_groups = {**self._groups, "server": bare.pid}
            found = headless()
            self._chromium = found if isinstance(found, Path) else None
            self._check_reads()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def letters(self) -> list[str]:
        """What can be measured here: without Chromium not what two browsers see."""
        return [letter for letter in NAMES if letter != "k" or self._chromium]

    def measure(self, letter: str, number: int) -> Figure:
        """One measurement, in the round of this number (each number once)."""
        if letter == "a":
            return self._yardstick(number)
        if letter == "b":
            return self._bookings()
        if letter == "c":
            return self._load(self.book.reads())
        if letter == "d":
            return self._load(Reads((get("/healthz"),)))
        if letter == "e":
            return self._load(Reads((get("/empty"),)), at=(self._bare_port, self._bare_groups))
        if letter in "ij":
            # Nobody listens at a free port: to the worker that is a broker which is down.
            broker = {"FRONTDESK_BROKER_URL": f"amqp://127.0.0.1:{free_port()}"} if letter == "j" else {}
            with worker(self.book.dsn, self._folder / "worker", **broker) as pid:
                return self._bookings({**self._groups, "worker": pid})
        if letter == "k":
            return self._offers()
        if letter == "g":
            return self._load(self.book.own_visits())
        openly = (self._open.port, self._open_groups)
        if letter == "h":
            return self._load(self.book.own_visits(), at=openly)
        figure = self._load(self.book.bookings(), expected=201, first=self._sent_openly, at=openly)
        self._sent_openly += figure.done + figure.errors
        return figure

    def prove(self) -> None:
        """That the book holds each acknowledged booking and no overlap, and its trail is whole. Raises proof.Untrue."""
        proof.check(self.book.dsn, {PGBENCH: self._transactions, self.book.user_id: self._booked})
        if check_trail(self.book.dsn, self._folder / "worker") < self._transactions + self._booked:
            raise proof.Untrue("there are bookings without a sealed entry")

    def _yardstick(self, number: int) -> Figure:
        with cpu.spent(self._served) as cpu_s:
            took_s, elapsed_s, done = yardstick.run(
                self.book, warm_up_s=self._warm_up_s, seconds=self._seconds, number=number
            )
        self._transactions += done
        return figures.of(took_s, elapsed_s, done=done, errors=0, cpu_s=cpu_s)

    def _offers(self) -> Figure:
        """Of twenty, or of fewer in a shorter measurement: the greatest is what stands under p99."""
        assert self._chromium is not None
        times = max(1, min(20, round(self._seconds * 2.5)))
        with worker(self.book.dsn, self._folder / "worker") as pid, cpu.spent({**self._groups, "worker": pid}) as cpu_s:
            took_s = offer.measure(self._service, self._chromium, times)
        return figures.of(took_s, sum(took_s), done=times, errors=0, cpu_s=cpu_s)

    def _bookings(self, groups: dict[str, int | None] | None = None) -> Figure:
        at = (self._service.port, groups or self._groups)
        figure = self._load(self.book.bookings(), expected=201, first=self._sent, at=at)
        self._sent += figure.done + figure.errors
        self._booked += figure.done
        return figure

    def _load(
        self,
        requests: load.Requests,
        *,
        expected: int = 200,
        first: int = 0,
        at: tuple[int, dict[str, int | None]] | None = None,
    ) -> Figure:
        """Send these to the port `at`, or to the service; the groups of processes whose CPU counts go with it."""
        port, groups = at or (self._service.port, self._groups)
        wanted = load.Load(port, requests, CONNECTIONS, self._warm_up_s, self._seconds, first)
        with cpu.spent(groups) as cpu_s:
            tally = self._generator.submit(load.run, wanted).result()
        done = tally.statuses.get(expected, 0)
        errors = tally.sent - done
        return figures.of(
            tally.took_s, self._seconds, done=done, errors=errors, cpu_s=cpu_s, statuses=dict(tally.statuses)
        )

    def _check_reads(self) -> None:
        """Each provider who is read has as many free slots as the book says: an empty answer would be a fast one."""
        with httpx.Client(base_url=self._service.url) as client:
            for path in self.book.read_paths():
                found = len(client.get(path).json()["slots"])
                if found != self.book.free:
                    raise proof.Untrue(f"{found} free slots where {self.book.free} are: {path}")


def _without_walls(postgres: EmbeddedPostgres) -> str:
    """A copy of the database without row-level security; its dsn."""
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as conn:
        conn.execute("CREATE DATABASE open TEMPLATE frontdesk")
    with psycopg.connect(postgres.dsn("open")) as conn:
        conn.execute((Path(__file__).parent / "without_walls.sql").read_bytes())
    return postgres.dsn("open")


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(url).raise_for_status()
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
