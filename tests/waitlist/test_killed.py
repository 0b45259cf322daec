"""`kill -9` of server and worker while offers are accepted, declined and overslept: none is lost, none doubled."""

import asyncio
import contextlib
import random
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import httpx
import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.concurrency.book import Ask
from tests.conftest import copy_database
from tests.crash.worker import Killer, Worker
from tests.make import Make
from tests.service import Service
from tests.waitlist.crowd import Crowd

pytestmark = pytest.mark.postgres("18")

KILLS = 2  # of each, at least
PATIENCE_S = 240.0


class Server:
    """The service, to be killed and started again."""

    def __init__(self, service: Service) -> None:
        self.service, self.kills = service, 0

    def kill(self) -> None:
        self.service.kill()
        self.kills += 1

    def start(self) -> None:
        self.service.start()


@pytest.fixture
def victims(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[tuple[Server, Worker]]:
    """Two server workers and the background worker."""
    service = Service(copy_database(postgres), tmp_path, FRONTDESK_WORKER_INTERVAL="PT0.2S")
    worker = Worker(service.environment, tmp_path / "worker.log")
    service.start()
    worker.start()
    try:
        yield Server(service), worker
    finally:
        worker.stop()
        service.stop()


def test_a_cascade_survives_the_death_of_all_who_carry_it(victims: tuple[Server, Worker]) -> None:
    server, worker = victims
    draw, deadline = random.Random(3), time.monotonic() + PATIENCE_S
    with psycopg.connect(server.service.dsn, autocommit=True, options="-c timezone=UTC") as conn:
        crowd = Crowd(server.service, Make(conn), providers=4, slots=6, waiting=60)
        with Killer(server, worker, seed=5, longest_s=1.0):
            while min(server.kills, worker.kills) < KILLS:
                assert time.monotonic() < deadline, "not enough kills"
                # Slowly: what there is to ask shall last as long as there are kills.
                asyncio.run(_ask(crowd, draw, some=4, longest_s=0.4))
                crowd.consistent()
        while _to_cancel(crowd) or crowd.standing():
            assert time.monotonic() < deadline, f"{len(crowd.standing())} offers still stand"
            asyncio.run(_ask(crowd, draw, some=8))
        client = server.service.client()
        while crowd.wait_in_vain(conn, client):  # the worker still hears of what was freed in the last moment
            assert time.monotonic() < deadline, crowd.wait_in_vain(conn, client)
            time.sleep(0.1)
        crowd.consistent()
        crowd.fair()
        assert conn.execute("SELECT count(*) FROM appointment WHERE status = 'held'").fetchone() == (0,)
        booked = set(conn.execute("SELECT provider_id, start_at FROM appointment WHERE status = 'scheduled'"))
        assert set(crowd.visits.values()) <= booked | crowd.public(client)
        assert len({answer for *_, answer in crowd.offers()}) == 3, "each answer was given"


def _to_cancel(crowd: Crowd) -> list[str]:
    rows = crowd.make.conn.execute(
        "SELECT id FROM appointment WHERE id = ANY (%s) AND status = 'scheduled' ORDER BY id", (list(crowd.visits),)
    )
    return [str(id_) for (id_,) in rows]


async def _ask(crowd: Crowd, draw: random.Random, *, some: int, longest_s: float = 0.05) -> None:
    """Cancel some visits and answer some offers, each at a moment of its own; who is not answered asks again the next
    time."""
    asks = [Ask(path=f"/appointments/{id_}/cancel", body={}) for id_ in _to_cancel(crowd)[: some // 2]]
    standing = crowd.standing()
    for offer, entry, _ in draw.sample(standing, min(some, len(standing))):
        answer = draw.choice(["accept", "decline", None])
        if answer is None:
            crowd.overslept([offer])
        else:
            asks.append(Ask(path=f"/offers/{offer}/{answer}", token=crowd.wishes[entry].token))
    async with crowd.service.rivals(crowd.desk) as client:
        waits = (draw.uniform(0, longest_s) for _ in asks)
        await asyncio.gather(*map(_send, repeat(client), asks, waits), asyncio.sleep(longest_s))


async def _send(client: httpx.AsyncClient, ask: Ask, after_s: float) -> None:
    await asyncio.sleep(after_s)
    with contextlib.suppress(httpx.TransportError):
        answer = await ask.send(client)
        assert answer.status_code in (200, 201, 409, 503), answer.text
