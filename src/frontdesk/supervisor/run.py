"""`frontdesk run`: from an empty folder to a running service, and back to nothing on SIGTERM."""

import asyncio
import http.client
import os
import signal
import sys
import time
from types import FrameType

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from frontdesk import demo, secrets, server
from frontdesk.schema.migrate import migrate, reason
from frontdesk.settings import Settings
from frontdesk.supervisor import folder, weak
from frontdesk.supervisor.keeper import Keeper, Program
from frontdesk.supervisor.postgres import EmbeddedPostgres
from frontdesk.supervisor.process import StartError
from frontdesk.supervisor.valkey import EmbeddedValkey

READY_PATIENCE_S = 90.0  # a slow disk on a busy laptop; usually 2 s
TICK_S = 0.1  # how often we look whether a part has died
WORKER_PATIENCE_S = 10.0

log = structlog.get_logger(__name__)


class _Stop(BaseException):
    """A signal asked us to end. Not an Exception, so that no handler on the way mistakes it for a failure."""

    def __init__(self, number: int) -> None:
        self.number = number


def run(settings: Settings) -> int:
    """Start everything, print the address when it answers, keep it alive until SIGTERM, SIGINT or SIGHUP.

    Returns the exit status: 0 after a stop that was asked for, 128 + the signal if it came before all was ready.
    Raises StartError, MigrationError or server.PortUnusable, each with one line, when the service cannot start;
    whatever had been started is stopped by then.
    """
    ready = False
    _listen_to_signals()
    keeper = Keeper()
    try:
        with folder.held(settings.data_dir):
            try:
                _start(settings, keeper)
                ready = True
                while True:
                    time.sleep(TICK_S)
                    keeper.tend()
            finally:
                _ignore_signals()
                keeper.stop()
    except _Stop as stop:
        return 0 if ready else 128 + stop.number


def _start(settings: Settings, keeper: Keeper) -> None:
    server.usable_address(settings.host, settings.port)
    env = dict(os.environ)
    env.pop(server.METRICS_VARIABLE, None)  # `serve` makes a folder of its own; other processes keep no metrics there
    env["FRONTDESK_SECRET"] = _secret(settings)
    dsn = _database(settings, keeper)
    env["FRONTDESK_DATABASE_URL"] = dsn
    env["FRONTDESK_REDIS_URL"] = _redis(settings, keeper)
    owner_dsn = settings.owner_dsn or dsn
    migrate(owner_dsn)
    weak.refuse_demo_logins(settings, owner_dsn)
    # Never in production: the demo's passwords are known to everybody.
    if settings.demo and settings.env != "production":
        asyncio.run(fill_if_empty(owner_dsn, settings.demo_seed))
    command = [sys.executable, "-m", "frontdesk"]
    keeper.start("worker", Program([*command, "worker"], env, patience_s=WORKER_PATIENCE_S))
    keeper.start("server", Program([*command, "serve"], env, patience_s=server.STOP_PATIENCE_S + 4.0))
    _wait_until_ready(settings, keeper)
    _greet(settings, dsn)


def _secret(settings: Settings) -> str:
    try:
        return secrets.load_or_create(settings)
    except OSError as error:
        raise StartError(f"the secret in {settings.data_dir} cannot be kept: {error.strerror}") from None


def _database(settings: Settings, keeper: Keeper) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    postgres = EmbeddedPostgres(settings.data_dir / "postgres")
    keeper.start("postgres", postgres)
    return postgres.dsn()


def _redis(settings: Settings, keeper: Keeper) -> str:
    if settings.redis_url is not None:
        return settings.redis_url
    valkey = EmbeddedValkey(settings.data_dir / "valkey")
    keeper.start("valkey", valkey)
    return valkey.url


async def fill_if_empty(dsn: str, seed: int) -> bool:
    """Write the demo if nobody has begun to use the database; answers whether it was written. Raises StartError.

    All of it or nothing: a start that is killed half-way leaves the database empty, and the next one fills it.
    """
    began = time.monotonic()
    try:
        async with await AsyncConnection.connect(dsn, autocommit=True, row_factory=dict_row) as conn:
            written = await demo.fill(conn, seed=seed)
    except demo.NotEmpty:
        return False
    except psycopg.Error as error:
        raise StartError(f"the demo cannot be written: {reason(error)}") from None
    log.info("demo_filled", seed=seed, patients=written.patients, seconds=round(time.monotonic() - began, 1))
    return True


def _wait_until_ready(settings: Settings, keeper: Keeper) -> None:
    """Return once both health pages answer 200 through the real port. Raises StartError."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  # read, not bound
    deadline = time.monotonic() + READY_PATIENCE_S
    while not all(_answers(host, settings.port, path) for path in ("/healthz", "/readyz")):
        if dead := keeper.dead():
            raise StartError(f"the {dead[0]} ended while starting; what it said stands above")
        if time.monotonic() > deadline:
            raise StartError(f"the service is not ready after {READY_PATIENCE_S:.0f} s")
        time.sleep(0.05)


def _answers(host: str, port: int, path: str) -> bool:
    conn = http.client.HTTPConnection(host, port, timeout=5.0)
    try:
        conn.request("GET", path)
        return conn.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        conn.close()


def _greet(settings: Settings, dsn: str) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{settings.port}"
    lines = [f"Frontdesk is ready at {address}", f"API documentation: {address}/docs"]
    with psycopg.connect(dsn) as conn:
        query = "SELECT count(*) FROM user_account WHERE email = ANY(%s)"
        found = conn.execute(query, (list(demo.LOGINS),)).fetchone()
    if found is not None and found[0] == len(demo.LOGINS):
        lines.append(f"Two minutes to look around: {address}/start")
        lines.append(f"Demo log-ins: {', '.join(demo.LOGINS)} (password {demo.PASSWORD})")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _listen_to_signals() -> None:
    def stop(number: int, _frame: FrameType | None) -> None:
        # make hands SIGTERM on a second time: from the first on, we are busy ending and need no reminder.
        _ignore_signals()
        raise _Stop(number)

    for number in _SIGNALS:
        signal.signal(number, stop)


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
