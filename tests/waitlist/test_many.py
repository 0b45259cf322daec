"""500 wait, 100 times become free at once: each is offered to one person, in order; none is public before its turn."""

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.concurrency.book import Ask, statuses
from tests.conftest import copy_database
from tests.crash.worker import Worker
from tests.make import Make
from tests.service import Service
from tests.waitlist.crowd import Crowd, Watch
from tests.waitlist.racing import race_timed

PATIENCE_S = 240.0


@pytest.fixture
def cluster(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Service]:
    """Four server workers and the background worker."""
    service = Service(copy_database(postgres), tmp_path, workers=4, FRONTDESK_WORKER_INTERVAL="PT0.2S")
    worker = Worker(service.environment, tmp_path / "worker.log")
    service.start()
    worker.start()
    try:
        yield service
    finally:
        worker.stop()
        service.stop()


@pytest.mark.postgres("18")
def test_a_hundred_times_freed_at_once_find_a_hundred_people(cluster: Service) -> None:
    with psycopg.connect(cluster.dsn, autocommit=True, options="-c timezone=UTC") as conn:
        # Connections and plans are there on a day like any other.
        before = Crowd(cluster, Make(conn), providers=2, slots=10, waiting=20)
        answers, _ = race_timed(cluster, before.cancellations(), before.desk)
        assert statuses(answers) == {200: 20}
        crowd = Crowd(cluster, Make(conn), providers=10, slots=10, waiting=500)
        with Watch(crowd) as watch:
            answers, took = race_timed(cluster, crowd.cancellations(), crowd.desk)
            assert statuses(answers) == {200: 100}
            offers = crowd.standing()
            assert {slot for _, _, slot in offers} == set(crowd.visits.values())
            assert len({entry for _, entry, _ in offers}) == len(offers) == 100
            crowd.consistent()
            crowd.fair()
            sys.stdout.write(f"median, p99, longest: answered {took}; offered {_from_freed_to_offered(conn)}\n")
            _answer_all(crowd, random.Random(7))
        assert not watch.seen, watch.seen[:3]
        assert watch.looks > 5
        crowd.consistent()
        client = cluster.client()
        assert not crowd.wait_in_vain(conn, client)
        booked = set(conn.execute("SELECT provider_id, start_at FROM appointment WHERE status = 'scheduled'"))
        assert set(crowd.visits.values()) <= booked | crowd.public(client)
        assert booked.isdisjoint(crowd.public(client))


def _answer_all(crowd: Crowd, draw: random.Random) -> None:
    """Accept, decline or oversleep every offer, all that stand at once, until none stands."""
    deadline = time.monotonic() + PATIENCE_S
    while standing := crowd.standing():
        assert time.monotonic() < deadline, f"{len(standing)} offers still stand"
        asks, asleep = [], []
        for offer, entry, _ in standing:
            answer = draw.choices(["accept", "decline", None], [4, 4, 2])[0]
            if answer is None:
                asleep.append(offer)
            else:
                asks.append(Ask(path=f"/offers/{offer}/{answer}", token=crowd.wishes[entry].token))
        crowd.overslept(asleep)
        answers, _ = race_timed(crowd.service, asks, crowd.desk)
        assert set(statuses(answers)) <= {200, 201}, [a.text for a in answers if a.status_code >= 400][:3]
        while set(asleep) & {offer for offer, _, _ in crowd.standing()}:
            assert time.monotonic() < deadline, "an offer does not expire"
            time.sleep(0.05)
        crowd.consistent()


def _from_freed_to_offered(conn: psycopg.Connection) -> list[str]:
    """Median, p99 and longest."""
    row = conn.execute(
        "SELECT percentile_disc(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY created_at - freed_at) FROM waitlist_offer"
    ).fetchone()
    return [str(took) for took in row[0]] if row else []
