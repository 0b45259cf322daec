"""Prometheus metrics. `serve` sets PROMETHEUS_MULTIPROC_DIR, so that any worker answers for all of them."""

import contextlib
import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import REGISTRY

REQUESTS = Counter("http_requests_total", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time from the first byte of a request to the last of its answer; of an endless one, to its first.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
BOOKED = Counter("appointments_booked_total", "Appointments booked.")
CONFLICTS = Counter("booking_conflicts_total", "Bookings and moves refused because the time was taken.")

CACHE_HITS = Counter("cache_hits_total", "Weeks of working time that another process had worked out already.")
CACHE_MISSES = Counter("cache_misses_total", "Weeks of working time that no process had kept.")

LISTENERS = Gauge("stream_listeners", "Streams of live updates that are open.", multiprocess_mode="livesum")

RATE_LIMITED = Counter("rate_limited_total", "Requests refused because there were too many (429).", ["policy"])


def forget_the_dead() -> None:
    """Forget the gauges of server workers that were killed. Counters stay: what they counted has happened."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    for file in Path(folder).glob("gauge_live*.db") if folder else ():
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            with contextlib.suppress(FileNotFoundError):  # another worker was faster
                mark_process_dead(pid)  # type: ignore[no-untyped-call]


def exposition() -> bytes:
    """What all workers have counted, in the text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
