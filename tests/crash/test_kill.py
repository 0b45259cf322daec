"""`kill -9` in the middle of a storm of bookings: nothing that was acknowledged is lost, nothing happens twice."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import psycopg
import pytest

from frontdesk.schema.migrate import migrate
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.concurrency.book import Ask, Scene
from tests.concurrency.proof import prove
from tests.make import Make
from tests.service import Service

TIMES = 3
WRITERS = 12
PROVIDERS = 8
SLOTS_A_DAY = 20  # 08:00 to 18:00 in steps of 30 minutes
PATIENCE_S = 60.0


@dataclass
class Storm:
    """Writers who book one slot after the other, each slot wanted by two patients. Keys are idempotency keys."""

    book: Scene
    asked: dict[str, Ask] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)  # the id that a 201 named
    refused: set[str] = field(default_factory=set)

    @property
    def unanswered(self) -> list[str]:
        """Requests that were sent, and of which the client knows nothing."""
        return [key for key in self.asked if key not in self.told and key not in self.refused]

    async def blow(self, day: int, kill: Callable[[], None], restart: Callable[[], None]) -> None:
        """Book on `day`, `kill` at a random moment, and `restart` while the writers notice."""
        draw = random.Random(day)
        slots = [(24 * 60 * day + 30 * slot - 60, n) for slot in range(SLOTS_A_DAY) for n in range(PROVIDERS)]
        draw.shuffle(slots)
        waiting = iter([(start, provider, rival) for start, provider in slots for rival in range(2)])
        over = asyncio.Event()
        enough = len(self.told) + draw.randrange(10, 60)
        async with self.book.service.rivals(self.book.admin, connections=WRITERS) as client:
            writers = [asyncio.create_task(self._write(client, waiting, over)) for _ in range(WRITERS)]
            while len(self.told) < enough:
                assert not any(writer.done() for writer in writers), "the storm was over before the kill"
                await asyncio.sleep(0.002)
            await asyncio.to_thread(kill)
            over.set()
            await asyncio.gather(asyncio.to_thread(restart), *writers)

    async def _write(
        self, client: httpx.AsyncClient, waiting: Iterator[tuple[int, int, int]], over: asyncio.Event
    ) -> None:
        for start, provider, rival in waiting:
            if over.is_set():
                return
            key = f"{start}-{provider}-{rival}"
            # A patient for each provider and rival: the slot is all that anybody fights over.
            self.asked[key] = self.book.booking(start, provider, 2 * provider + rival, key=key)
            await self._send(client, key)

    async def _send(self, client: httpx.AsyncClient, key: str) -> None:
        with contextlib.suppress(httpx.TransportError):
            answer = await self.asked[key].send(client)
            if answer.status_code == 201:
                assert self.told.setdefault(key, answer.json()["id"]) == answer.json()["id"], "two effects of one key"
            elif answer.status_code == 409:
                assert answer.json()["type"] == "/problems/slot-taken"
                assert key not in self.told, "acknowledged before, refused now"
                self.refused.add(key)
            else:
                assert answer.status_code == 503, answer.text  # "try again", which `ask_again` does

    async def ask_again(self) -> None:
        """Repeat what was not answered, and the newest of what was, with the same keys, until nothing is open."""
        deadline = time.monotonic() + PATIENCE_S
        async with self.book.service.rivals(self.book.admin, connections=WRITERS) as client:
            for key in list(self.told)[-10:]:
                await self._send(client, key)
            while self.unanswered:
                assert time.monotonic() < deadline, f"{len(self.unanswered)} requests stay unanswered"
                await asyncio.gather(*(self._send(client, key) for key in self.unanswered))

    def check(self, conn: psycopg.Connection, *, complete: bool) -> None:
        """What clients were told is in the table, each once; once `complete`, nothing else is."""
        rows = conn.execute(
            "SELECT id::text, provider_id, patient_id, lower(during) FROM appointment"
            " WHERE clinic_id = %s AND status = 'scheduled'",
            (self.book.clinic,),
        ).fetchall()
        standing = {id_: tuple(rest) for id_, *rest in rows}
        assert len(set(standing.values())) == len(rows), "one booking stands twice"
        assert len(set(self.told.values())) == len(self.told)
        for key, id_ in self.told.items():
            start, provider, rival = map(int, key.rsplit("-", 2))
            patient = self.book.patients[2 * provider + rival]
            assert standing.get(id_) == (self.book.providers[provider], patient, self.book.at(start)), "lost"
        if complete:
            assert set(standing) == set(self.told.values()), "booked, and nobody was told"
        prove(conn, [self.book.clinic])


@pytest.fixture(scope="module")
def durable(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of this version with the durability that it ships with: fsync is on, commits wait for the disk."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("durable"), postgres.bin_dir)
    server.start()
    migrate(server.dsn())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def killable(durable: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with two workers on it."""
    service = Service(durable.dsn(), tmp_path_factory.mktemp("killable"))
    service.start()
    yield service
    service.stop()


@pytest.mark.postgres("18")
@pytest.mark.parametrize("victim", ["service", "postgres"])
def test_a_kill_of_either_loses_nothing(durable: EmbeddedPostgres, killable: Service, victim: str) -> None:
    if victim == "service":
        _live_through(durable, killable, killable.kill, killable.start)
    else:
        _live_through(durable, killable, durable.kill, durable.start)


def test_a_kill_of_both_loses_nothing(durable: EmbeddedPostgres, killable: Service) -> None:
    def kill() -> None:
        killable.kill()
        durable.kill()

    def restart() -> None:
        durable.start()
        killable.start()

    _live_through(durable, killable, kill, restart)


def _live_through(
    durable: EmbeddedPostgres, killable: Service, kill: Callable[[], None], restart: Callable[[], None]
) -> None:
    with psycopg.connect(durable.dsn(), autocommit=True) as conn:
        book = Scene(killable, Make(conn), providers=PROVIDERS, patients=2 * PROVIDERS)
    storm = Storm(book)
    in_flight = 0
    for time_ in range(TIMES):
        asyncio.run(storm.blow(time_, kill, restart))
        in_flight += len(storm.unanswered)
        with psycopg.connect(durable.dsn(), autocommit=True, options="-c timezone=UTC") as conn:
            storm.check(conn, complete=False)
            asyncio.run(storm.ask_again())
            storm.check(conn, complete=True)
    assert in_flight, "no kill hit a request under way"
