"""Several server processes fill the same plan, and one of them dies or hangs in the middle of it (ADR-0026)."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import httpx
import psycopg
import pytest
import redis

from frontdesk.supervisor.postgres import EmbeddedPostgres
from frontdesk.supervisor.valkey import EmbeddedValkey
from tests.availability.copying import told, works_until, worlds
from tests.booking.conftest import World
from tests.conftest import copy_database, drop_database
from tests.make import Make
from tests.service import Service

pytestmark = pytest.mark.postgres("18")

PATIENCE_S = 60.0
ROUNDS = 2
CLAIMS = "frontdesk:cache:fill:*"

Answer = TypeVar("Answer")


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def shared(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The database of all servers."""
    dsn = copy_database(postgres)
    yield dsn
    drop_database(postgres, dsn)


@pytest.fixture(scope="module")
def three(shared: str, tmp_path_factory: pytest.TempPathFactory, valkey: EmbeddedValkey) -> Iterator[list[Service]]:
    """Three servers of one worker each, with one database and one Valkey. Each test leaves them running."""
    with ExitStack() as stack:
        servers = []
        # Who is kept waiting in the middle of a plan shall not give up while the others come to wait too.
        env = {
            "FRONTDESK_REDIS_URL": valkey.url,
            "FRONTDESK_LOCK_TIMEOUT": "PT1M",
            "FRONTDESK_STATEMENT_TIMEOUT": "PT1M",
        }
        for name in ("one", "two", "three"):
            servers.append(Service(shared, tmp_path_factory.mktemp(name), workers=1, **env))
            stack.callback(servers[-1].stop)
            servers[-1].start()
        yield servers


@pytest.fixture
def make(shared: str) -> Iterator[Make]:
    with psycopg.connect(shared, autocommit=True, options="-c timezone=UTC") as conn:
        yield Make(conn)


def until(true: Callable[[], Answer]) -> Answer:
    """Wait until it is true; what it then was."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := true()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return answer


@contextmanager
def nobody_works_out_a_plan(dsn: str) -> Iterator[Callable[[int], None]]:
    """Within, whoever sets out to is kept waiting in the middle of it; until(n) waits for n of them."""
    with psycopg.connect(dsn) as conn, psycopg.connect(dsn, autocommit=True) as watching:
        conn.execute("LOCK TABLE provider_visit_type IN ACCESS EXCLUSIVE MODE")  # read for plans, not for the book

        def waiting(count: int) -> None:
            asked = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND query LIKE '%next_release%'"
            )
            until(lambda: watching.execute(asked).fetchone() == (count,))

        yield waiting


def ask(world: World, server: Service) -> set[datetime]:
    """What this server tells of the day."""
    with httpx.Client(base_url=server.api, timeout=PATIENCE_S) as client:
        span = {"from": world.at(0).date().isoformat(), "to": world.at(24).date().isoformat()}
        return replace(world, me=client).offered(**span)


def test_a_claim_whose_holder_was_killed_holds_up_nobody(
    three: list[Service], make: Make, valkey: EmbeddedValkey
) -> None:
    """Even one that would never end."""
    (world,) = worlds(three[0], make, 1)
    offered = works_until(world, 20)
    killed, *others = three
    with redis.Redis.from_url(valkey.url) as cache, ThreadPoolExecutor(1) as pool:
        cache.flushall()
        with nobody_works_out_a_plan(world.service.dsn) as waiting:
            lost = pool.submit(ask, world, killed)
            (claim,) = until(lambda: cache.keys(CLAIMS))
            cache.set(claim, b"")
            waiting(1)
            killed.kill()
        assert isinstance(lost.exception(), httpx.TransportError)
        assert [ask(world, server) for server in others] == [offered] * 2
        assert cache.exists(claim)
        offered = works_until(replace(world, service=others[0]), 18)
        killed.start()
        assert [ask(world, server) for server in three] == [offered] * 3
        assert cache.exists(claim)


def test_whoever_dies_while_all_fill_the_others_tell_the_newest(three: list[Service], make: Make) -> None:
    (world,) = worlds(three[0], make, 1)
    with ThreadPoolExecutor(3) as pool:
        for n in range(ROUNDS):
            victim = three[n % 3]
            offered = works_until(replace(world, service=three[(n + 1) % 3]), 24 - n)
            with nobody_works_out_a_plan(world.service.dsn) as waiting:
                answers: dict[Service, Future[set[datetime]]] = {
                    server: pool.submit(ask, world, server) for server in three
                }
                waiting(3)
                victim.kill()
            assert isinstance(answers.pop(victim).exception(), httpx.TransportError)
            assert [answer.result() for answer in answers.values()] == [offered] * 2
            victim.start()
            assert ask(world, victim) == offered


def test_what_is_kept_by_one_who_hung_since_is_told_by_nobody(three: list[Service], make: Make) -> None:
    """It has worked out the old plan, and keeps it after the others have worked out the new one."""
    (world,) = worlds(three[0], make, 1)
    hung, *others = three
    with ThreadPoolExecutor(1) as pool:
        for n in range(ROUNDS):
            works_until(replace(world, service=others[0]), 24 - 2 * n)
            with nobody_works_out_a_plan(world.service.dsn) as waiting:
                late = pool.submit(ask, world, hung)
                waiting(1)
                os.killpg(hung.pid, signal.SIGSTOP)
            try:
                offered = works_until(replace(world, service=others[0]), 23 - 2 * n)
                assert [ask(world, server) for server in others] == [offered] * 2
            finally:
                os.killpg(hung.pid, signal.SIGCONT)
            assert late.result() == offered
            others[0].kill()
            others[0].start()  # it knows what is kept in Valkey alone
            assert [ask(world, server) for server in three] == [offered] * 3


def test_a_valkey_that_hangs_costs_no_answer(shared: str, make: Make, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    """Copies and limits are asked of PostgreSQL meanwhile, and of Valkey again when it is back."""
    folder = tmp_path / "limited"
    folder.mkdir()
    # So much that whoever asks without a pause until Valkey is back is not sent away.
    limits = {"FRONTDESK_RATE_LIMITS": "on", "FRONTDESK_RATE_ANONYMOUS": "1000000", "FRONTDESK_RATE_USER": "1000000"}
    service = Service(shared, folder, workers=1, FRONTDESK_REDIS_URL=valkey.url, **limits)
    with ExitStack() as stack:
        stack.callback(service.stop)
        service.start()
        (world,) = worlds(service, make, 1)
        assert valkey.pid is not None
        os.kill(valkey.pid, signal.SIGSTOP)
        try:
            for n in range(ROUNDS):
                offered = works_until(world, 24 - n)
                assert all(answer == offered for answer in told(world))
            assert "limits_without_redis" in service.log_path.read_text()
        finally:
            os.kill(valkey.pid, signal.SIGCONT)

        def is_asked_again() -> bool:
            offered = works_until(world, 12)
            assert all(answer == offered for answer in told(world))
            return "limits_with_redis_again" in service.log_path.read_text()

        until(is_asked_again)
