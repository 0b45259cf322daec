"""`kill -9` in the middle of a storm of bookings: nothing that was acknowledged is lost, nothing happens twice."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from frontdesk.schema.migrate import migrate
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.concurrency.book import Ask, Scene
from tests.concurrency.proof import prove
from tests.make import Make
from tests.service import Service

WRITERS = 12
TIMES = 5
PROVIDERS = 8
SLOTS_A_DAY = 20  # 08:00 to 18:00 in steps of 30 minutes
DAYS = 4

Told = dict[str, str]
"""What clients were told: the id of the appointment by the idempotency key of the request."""


@dataclass
class Storm:
    """Writers who book one slot after the other, each slot wanted by two of them, until told to stop."""

    book: Scene
    told: Told = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    unanswered: dict[str, Ask] = field(default_factory=dict)

    async def blow(self, day: int, kill: Callable[[], None]) -> None:
        """Book; after a random moment, in the middle of it, `kill`; return when every writer has noticed."""
        wanted = [(day * 24 * 60 + 30 * slot - 60, provider) for slot in range(SLOTS_A_DAY) for provider in range(PROVIDERS)]
        random.Random(day).shuffle(wanted)
        asks = iter([(rival, start, provider) for start, provider in wanted for rival in range(2)])
        over = asyncio.Event()
        async with self.book.service.rivals(self.book.admin, connections=WRITERS) as client:
            writers = [asyncio.create_task(self._write(client, asks, over, day)) for _ in range(WRITERS)]
            enough = len(self.told) + 10 + random.Random(day).randrange(40)
            while len(self.told) < enough:
                assert not all(writer.done() for writer in writers), "the storm was over before the kill"
                await asyncio.sleep(0.002)
            await asyncio.to_thread(kill)
            over.set()
            await asyncio.gather(*writers)

    async def _write(
        self, client: httpx.AsyncClient, asks: Iterator[tuple[int, int, int]], over: asyncio.Event, day: int
    ) -> None:
        for rival, start, provider in asks:
            # A patient of its own for each request: the slot is all that rivals fight over.
            key = f"{day}-{start}-{provider}-{rival}"
            patient = (start // 30 * PROVIDERS + provider) * 2 + rival
            ask = self.book.booking(start, provider, patient % len(self.book.patients), key=key)
            self.unanswered[key] = ask
            with contextlib.suppress(httpx.TransportError):
                self.hear(key, await ask.send(client))
            if over.is_set():
                return

    def hear(self, key: str, answer: httpx.Response) -> None:
        """Note an answer. 503 is none: the client shall ask again."""
        assert answer.status_code in (201, 409, 503), answer.text
        if answer.status_code == 503:
            return
        self.unanswered.pop(key, None)
        if answer.status_code == 201:
            assert self.told.setdefault(key, answer.json()["id"]) == answer.json()["id"]
        else:
            assert answer.json()["type"] == "/problems/slot-taken"
            assert key not in self.told, "acknowledged before, refused now"
            self.refused.add(key)

    async def ask_again(self) -> None:
        """Repeat, with their keys, every request that was not answered, and some that were, until all are."""
        acknowledged = {key: None for key in list(self.told)[-10:]}
        deadline = time.monotonic() + 60
        async with self.book.service.rivals(self.book.admin, connections=WRITERS) as client:
            for key in acknowledged:
                self.unanswered.setdefault(key, self._ask_of(key))
            while self.unanswered:
                assert time.monotonic() < deadline, f"{len(self.unanswered)} requests stay unanswered"
                for key, ask in list(self.unanswered.items()):
                    with contextlib.suppress(httpx.TransportError):
                        self.hear(key, await ask.send(client))

    def _ask_of(self, key: str) -> Ask:
        raise NotImplementedError
