"""Prometheus metrics. `serve` sets PROMETHEUS_MULTIPROC_DIR, so that any worker answers for all of them."""

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

REQUESTS = Counter("http_requests_total", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time from the first byte of a request to the last of its answer.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
BOOKED = Counter("appointments_booked_total", "Appointments booked.")
CONFLICTS = Counter("booking_conflicts_total", "Bookings and moves refused because the time was taken.")

RATE_LIMITED = Counter("rate_limited_total", "Requests refused because there were too many (429).", ["policy"])


def exposition() -> bytes:
    """All metrics of all workers, in the text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
