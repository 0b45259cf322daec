"""Plans copied through a Redis cluster whose master is killed: every answer shows every acknowledged write."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.availability.copying import copies_found, told, works_until, worlds, write_and_read
from tests.make import Make
from tests.redis_cluster import debian_cluster
from tests.service import Service

pytestmark = pytest.mark.postgres("18")

WRITERS = 2
PATIENCE_S = 120.0


def test_every_read_shows_every_acknowledged_write_over_a_failover(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    with ExitStack() as stack:
        cluster = stack.enter_context(debian_cluster(tmp_path / "cluster"))
        make = Make(stack.enter_context(psycopg.connect(database, autocommit=True, options="-c timezone=UTC")))
        service = Service(database, folder, workers=2, FRONTDESK_REDIS_URL=cluster.url)
        stack.callback(service.stop)
        service.start()
        wrote = threading.Event()
        pool = stack.enter_context(ThreadPoolExecutor(WRITERS + 1))
        jobs = [pool.submit(write_and_read, world, make.patient(), wrote) for world in worlds(service, make, WRITERS)]
        assert wrote.wait(PATIENCE_S)
        pool.submit(cluster.kill_a_master).result()
        for job in jobs:
            job.result()
        assert '"status":500' not in service.log_path.read_text()

        deadline = time.monotonic() + PATIENCE_S
        before, _ = copies_found(service)
        (world,) = worlds(service, make, 1)
        for n in range(1000):  # until copies are found again, whatever node they are on
            offered = works_until(world, 24 - n % 5)
            assert all(answer == offered for _ in range(2) for answer in told(world))
            if copies_found(service)[0] > before:
                return
            assert time.monotonic() < deadline
