"""Watchers on real sockets, and the relay that numbers what the service writes."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from pydantic import SecretStr

from frontdesk import ids
from frontdesk.events import log
from frontdesk.settings import Settings
from tests.make import Make
from tests.service import Service

PATIENCE_S = 60


@dataclass(frozen=True)
class Event:
    id: int
    name: str
    data: Any


def parse(text: str, last_id: int = 0) -> tuple[list[Event], int]:
    """The events of complete blocks, and the id a browser would remember (WHATWG HTML §9.2.6)."""
    events = []
    for block in text.split("\n\n"):
        fields = [line.partition(": ")[::2] for line in block.split("\n") if line and not line.startswith(":")]
        named = dict(fields)
        last_id = int(named.get("id", last_id))
        if "data" in named:
            events.append(Event(last_id, named.get("event", "message"), json.loads(named["data"])))
    return events, last_id


class Watcher:
    """One open stream, read by a thread. `events` holds all but `ready`."""

    def __init__(self, service: Service, query: str, token: str | None = None, after: int | None = None) -> None:
        self.events: list[Event] = []
        self.last_id = 0
        self.text = ""
        self.finished = False  # the service ended the answer, as opposed to the connection
        self._socket = socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S)
        lines = [f"GET /api/v1/stream?{query} HTTP/1.1", "Host: localhost"]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        if after is not None:
            lines.append(f"Last-Event-ID: {after}")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers = dict(line.decode().strip().lower().split(": ", 1) for line in iter(self._file.readline, b"\r\n"))
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        if self.status == 200:
            self.until(lambda: "event: ready" in self.text)

    def _read(self) -> None:
        block = ""
        try:
            while size := int(self._file.readline(), 16):
                chunk = self._file.read(size).decode()
                self._file.readline()
                self.text += chunk
                block += chunk
                whole, found, block = block.rpartition("\n\n")
                events, self.last_id = parse(whole + found, self.last_id)
                self.events += [event for event in events if event.name != "ready"]
            self.finished = True
        except (OSError, ValueError):
            pass  # the connection was cut
        finally:
            self.over.set()

    def until(self, true: Callable[[], object]) -> None:
        """Wait for it. Raises AssertionError when it never comes."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < deadline, (self.status, self.text)
            time.sleep(0.01)

    def heard(self, count: int) -> list[Event]:
        """Wait for so many events."""
        self.until(lambda: len(self.events) >= count)
        return self.events

    def close(self) -> None:
        """Leave, if the service has not ended it already."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._file.close()
        self._socket.close()


Watch = Callable[..., Watcher]
"""Opens a stream for a query, as the bearer of a token, after a position; it is closed when the test is over."""


@contextmanager
def watching(service: Service) -> Iterator[Watch]:
    """Within, streams are opened by this; at the end all are closed."""
    with ExitStack() as stack:

        def watch(query: str, token: str | None = None, after: int | None = None) -> Watcher:
            return stack.enter_context(contextlib.closing(Watcher(service, query, token, after)))

        yield watch


@contextmanager
def relay(dsn: str) -> Iterator[None]:
    """Numbers events, as the background worker does."""
    stopping, over = asyncio.Event(), threading.Event()
    loop = asyncio.new_event_loop()
    faults: list[BaseException] = []

    def work() -> None:
        try:
            loop.run_until_complete(log.relay(Settings(database_url=SecretStr(dsn)), stopping))
        except BaseException as fault:
            faults.append(fault)
        finally:
            over.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(PATIENCE_S)
        loop.close()
    assert not faults, faults


class Place:
    """A clinic with two providers who are always there, and a visit type."""

    def __init__(self, service: Service, conn: psycopg.Connection) -> None:
        self.service, self.make = service, Make(conn)
        self.clinic, self.elsewhere = self.make.clinic(), self.make.clinic()
        self.visit_type = self.make.visit_type()
        self.provider, self.colleague = self.make.provider(), self.make.provider()
        for provider in (self.provider, self.colleague):
            self.make.every_day(provider, self.clinic)
        self.patient = self.make.patient()
        self.staff = self.make.token("staff", clinic_ids=(self.clinic,))
        self.admin = self.make.token("admin")
        self._first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)

    def at(self, number: int) -> str:
        """The number-th half hour."""
        return (self._first + timedelta(minutes=30 * number)).isoformat()

    def book(self, number: int, patient: UUID | None = None, provider: UUID | None = None) -> dict[str, Any]:
        body = {
            "provider_id": provider or self.provider,
            "clinic_id": self.clinic,
            "visit_type_id": self.visit_type,
            "patient_id": patient or self.patient,
        }
        text = {name: str(value) for name, value in body.items()} | {"start": self.at(number)}
        response = self.service.client(self.admin).post("/appointments", json=text)
        assert response.status_code == 201, response.text
        booked: dict[str, Any] = response.json()
        return booked

    def change(self, appointment: dict[str, Any], **change: Any) -> dict[str, Any]:
        response = self.service.client(self.admin).patch(f"/appointments/{appointment['id']}", json=change)
        assert response.status_code == 200, response.text
        changed: dict[str, Any] = response.json()
        return changed

    def step(self, appointment: dict[str, Any], word: str) -> None:
        response = self.service.client(self.admin).post(f"/appointments/{appointment['id']}/{word}", json={})
        assert response.status_code == 200, response.text


def minute(number: int) -> str:
    """The number-th minute of a distant year."""
    return (datetime(2099, 1, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat()


def write(conn: psycopg.Connection, provider: UUID, clinic: UUID, *, count: int, first: int = 0) -> None:
    """Events as a booking writes them, one a minute: `minute(first)` and so on."""
    conn.execute(
        """
        INSERT INTO outbox (event_id, topic, key, payload, changed_by, request_id)
        SELECT gen_random_uuid(), 'appointments.scheduled.v1', %(provider)s::text,
               jsonb_build_object('appointment_id', gen_random_uuid(), 'version', 1, 'provider_id', %(provider)s::text,
                                  'clinic_id', %(clinic)s::text, 'patient_id', NULL,
                                  'start', to_char(at, %(iso)s), 'end', to_char(at + interval '1 minute', %(iso)s)),
               %(system)s, %(system)s
        FROM generate_series(%(first)s::int, %(first)s::int + %(count)s::int - 1) AS n,
             LATERAL (SELECT timestamp '2099-01-01' + n * interval '1 minute' AS at) AS instant
        """,
        {
            "provider": provider,
            "clinic": clinic,
            "count": count,
            "first": first,
            "system": ids.SYSTEM,
            "iso": 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"',
        },
    )
    conn.execute(f"NOTIFY {log.WRITTEN}")
