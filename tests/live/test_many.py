"""A thousand listeners on one process, one who does not read, limits, and the end of the service."""

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.conftest import copy_database, drop_database
from tests.live.world import PATIENCE_S, Event, minute, parse, relay, watching, write
from tests.service import TRUST, Service

pytestmark = pytest.mark.postgres("18")

MANY, EVENTS = 1000, 100
PROVIDER, CLINIC = UUID(int=1), UUID(int=2)
ABOUT = f"provider_id={PROVIDER}"


@pytest.fixture
def one_process(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Service]:
    running = Service(copy_database(postgres), tmp_path, workers=1, FRONTDESK_STREAMS_PER_CLIENT="2000")
    running.start()
    with relay(running.dsn):
        yield running
    running.stop()
    drop_database(postgres, running.dsn)


async def _listen(port: int, ready: asyncio.Semaphore, count: int) -> list[Event]:
    """All events of one connection, until there are `count`; `ready` is released when it has begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET /api/v1/stream?{ABOUT} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        text, events, last_id = "", [], 0
        while len(events) < count + 1:
            size = int(await reader.readline(), 16)
            text += (await reader.readexactly(size + 2))[:-2].decode()
            whole, found, text = text.rpartition("\n\n")
            more, last_id = parse(whole + found, last_id)
            if not events:
                ready.release()
            events += more
        return events
    finally:
        writer.close()


def test_a_thousand_listeners_on_one_process_hear_everything_in_order(one_process: Service) -> None:
    gauge, took_s = "", 0.0

    async def all_of_them() -> list[list[Event]]:
        nonlocal gauge, took_s
        ready, began = asyncio.Semaphore(0), time.monotonic()
        async with asyncio.timeout(PATIENCE_S * 3), asyncio.TaskGroup() as together:
            heard = [together.create_task(_listen(one_process.port, ready, EVENTS)) for _ in range(MANY)]
            for _ in range(MANY):
                await ready.acquire()
            async with httpx.AsyncClient(timeout=PATIENCE_S, verify=TRUST) as client:
                assert (await client.get(f"{one_process.url}/readyz")).status_code == 200, "they hold no connection"
                gauge = (await client.get(f"{one_process.url}/metrics")).text
            took_s = time.monotonic() - began
            await asyncio.to_thread(_write)
        return [task.result() for task in heard]

    def _write() -> None:
        with psycopg.connect(one_process.dsn, autocommit=True) as conn:
            for first in range(EVENTS):
                write(conn, PROVIDER, CLINIC, count=1, first=first)

    heard = asyncio.run(all_of_them())
    assert len(heard) == MANY
    assert heard[0][0].name == "ready"
    assert [event.name for event in heard[0][1:]] == ["change"] * EVENTS
    assert [event.data["times"][0]["start"] for event in heard[0][1:]] == [minute(n) for n in range(EVENTS)]
    assert [event.id for event in heard[0]] == list(range(EVENTS + 1))
    assert all(events == heard[0] for events in heard)
    assert f"stream_listeners {MANY}.0" in gauge
    route = 'route="/api/v1/stream"'
    assert f"http_request_duration_seconds_count{{{route}}} {MANY}.0" in gauge, "counted when they begin"
    (sum_s,) = re.findall(rf"^http_request_duration_seconds_sum{{{route}}} (\S+)$", gauge, re.MULTILINE)
    assert 0 < float(sum_s) < MANY * took_s, "and only until then"


def test_who_does_not_read_is_sent_away_and_holds_up_nobody(one_process: Service) -> None:
    """More than what fits between the two: the buffers of the kernel on both sides, the server's, and the thousand."""
    count = 40_000
    with (
        psycopg.connect(one_process.dsn, autocommit=True) as conn,
        socket.socket() as slow,
        watching(one_process) as watch,
    ):
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(PATIENCE_S)
        slow.connect(("127.0.0.1", one_process.port))
        slow.sendall(f"GET /api/v1/stream?{ABOUT} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        told = slow.recv(1)
        reader = watch(ABOUT)
        for first in range(0, count, 500):
            write(conn, PROVIDER, CLINIC, count=500, first=first)
            reader.heard(first + 500)
        assert [event.data["times"][0]["start"] for event in reader.events] == [minute(n) for n in range(count)]
        with contextlib.suppress(ConnectionResetError):
            while not told.endswith(b"\r\n0\r\n\r\n") and (chunk := slow.recv(1_000_000)):
                told += chunk
    text = re.sub(rb"\r\n[0-9a-f]+\r\n", b"", told.split(b"\r\n\r\n", 1)[1]).decode()
    events, _ = parse("\n" + text.partition("\n")[2].rpartition("\n\n")[0])  # the last may have been cut in two
    names = [event.name for event in events]
    assert 0 < len(events) < count, "it was never too slow"
    assert names[-1] == "reset" or not told.endswith(b"\r\n0\r\n\r\n"), "whoever takes nothing is cut off in the end"
    assert set(names[:-1]) == {"ready", "change"}
    ids = [event.id for event in events if event.name == "change"]
    assert ids == list(range(1, len(ids) + 1)), "what it was told before has no gap"


def test_the_service_stops_although_somebody_listens(one_process: Service) -> None:
    with watching(one_process) as watch:
        watchers = [watch(ABOUT) for _ in range(5)]
        assert one_process.ask_to_stop() == 0
        for watcher in watchers:
            watcher.until(watcher.over.is_set)
            assert watcher.finished, "the answer was cut off in the middle"
    assert "refused to gracefully stop" not in one_process.log_path.read_text()


@pytest.fixture
def few_places(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Service]:
    limits = {"FRONTDESK_STREAM_LISTENERS": "4", "FRONTDESK_STREAMS_PER_CLIENT": "2"}
    limits |= {"FRONTDESK_CORS_ORIGINS": "https://portal.example.org"}
    running = Service(copy_database(postgres), tmp_path, workers=1, FRONTDESK_TRUSTED_PROXIES="127.0.0.1", **limits)
    running.start()
    yield running
    running.stop()
    drop_database(postgres, running.dsn)


def test_so_many_streams_for_one_client_and_for_all(few_places: Service) -> None:
    with watching(few_places) as watch, ExitStack() as places:
        first, _ = (watch(ABOUT) for _ in range(2))
        refused = few_places.client().get(f"/stream?{ABOUT}")
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-streams")
        assert refused.headers["retry-after"]

        client = few_places.client()
        other = {"X-Forwarded-For": "192.0.2.7"}
        places.enter_context(client.stream("GET", f"/stream?{ABOUT}", headers=other))
        full = client.get(f"/stream?{ABOUT}", headers=other)
        assert (full.status_code, full.json()["type"]) == (503, "/problems/streams-full"), "one place is for users"
        first.close()
        first.until(lambda: _asked(few_places) == 200)


def test_a_page_of_another_origin_may_listen_and_come_back(few_places: Service) -> None:
    origin = {"Origin": "https://portal.example.org"}
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,last-event-id"}
    assert few_places.client().options("/stream", headers=origin | asks).status_code == 200
    with few_places.client().stream("GET", f"/stream?{ABOUT}", headers=origin) as response:
        assert response.headers["access-control-allow-origin"] == origin["Origin"]
        assert response.headers["x-request-id"]


def _asked(service: Service) -> int:
    with service.client().stream("GET", f"/stream?{ABOUT}") as response:
        return response.status_code
