"""`make bench`: what the service does a second, as ratios of one run; on a shared machine no bare figure counts.

Bookings (distinct slots) and availability reads, against the emptiest endpoint of the same server (/healthz), over 32
connections. PostgreSQL 18 with its durability as shipped, two server workers, everything on this machine.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg

from frontdesk import clock
from frontdesk.schema.migrate import migrate
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.make import Make
from tests.service import Service

CONNECTIONS = 32
SECONDS = 6.0
PROVIDERS = 24


@dataclass
class Figures:
    name: str
    answered: int
    errors: int
    per_second: float
    p50_ms: float
    p99_ms: float


async def load(name: str, port: int, requests: Iterator[bytes], expected: int) -> Figures:
    """Send `requests` over CONNECTIONS connections, one at a time on each, for SECONDS or until they run out."""
    took: list[float] = []
    errors = 0
    began = time.perf_counter()

    async def one_connection() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in requests:
            sent = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:"))
            await reader.readexactly(length)
            took.append(time.perf_counter() - sent)
            errors += int(head[9:12]) != expected
            if time.perf_counter() - began > SECONDS:
                break
        writer.close()

    await asyncio.gather(*(one_connection() for _ in range(CONNECTIONS)))
    elapsed = time.perf_counter() - began
    took.sort()
    p50, p99 = took[len(took) // 2] * 1000, took[int(len(took) * 0.99)] * 1000
    return Figures(name, len(took), errors, round(len(took) / elapsed, 1), round(p50, 2), round(p99, 2))


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def post(path: str, token: str, body: dict[str, str]) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        postgres.start()
        migrate(postgres.dsn())
        service = Service(postgres.dsn(), Path(folder))
        service.start()
        try:
            with psycopg.connect(postgres.dsn(), autocommit=True) as conn:
                figures = measure(service, Make(conn))
        finally:
            service.stop()
            postgres.stop()
    report(figures)


def measure(service: Service, make: Make) -> list[Figures]:
    """One load after the other on the same server; each after a short warm-up."""
    clinic, visit = make.clinic("America/New_York"), make.visit_type(15)
    providers = [make.provider() for _ in range(PROVIDERS)]
    for provider in providers:
        make.every_day(provider, clinic)
    patients, token = [make.patient() for _ in range(PROVIDERS)], make.token("admin")
    first = (clock.now() + timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)

    def bookings() -> Iterator[bytes]:
        for slot in range(4 * 24 * 200):
            start = (first + timedelta(minutes=15 * slot)).isoformat()
            for provider, patient in zip(providers, patients, strict=True):
                same = {"visit_type_id": str(visit), "clinic_id": str(clinic), "start": start}
                yield post(
                    "/api/v1/appointments", token, {"provider_id": str(provider), "patient_id": str(patient), **same}
                )

    def reads() -> Iterator[bytes]:
        while True:
            for provider in providers:
                yield get(f"/api/v1/providers/{provider}/availability?visit_type_id={visit}")

    def nothing() -> Iterator[bytes]:
        while True:
            yield get("/healthz")

    asyncio.run(load("warm-up", service.port, nothing(), 200))
    return [
        asyncio.run(load("empty route", service.port, nothing(), 200)),
        asyncio.run(load("bookings", service.port, bookings(), 201)),
        asyncio.run(load("availability", service.port, reads(), 200)),
    ]


def report(figures: list[Figures]) -> None:
    """A line each with its ratio to the empty route, then all of it as one line of JSON."""
    empty = figures[0].per_second
    for f in figures:
        line = f"{f.name:14} {f.per_second:9.1f}/s  ratio {f.per_second / empty:5.3f}  p50 {f.p50_ms:7.2f} ms"
        sys.stdout.write(f"{line}  p99 {f.p99_ms:7.2f} ms  errors {f.errors}\n")
    sys.stdout.write(json.dumps([vars(f) for f in figures]) + "\n")


if __name__ == "__main__":
    main()
