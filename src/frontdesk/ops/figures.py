"""How messages and events are doing, for `/metrics`: read from the database, because the worker answers no requests."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from frontdesk import db
from frontdesk.db import Connection

_READ = "SELECT figure, labels, value FROM message_figures()"


class Figure(NamedTuple):
    """What a number means, and which labels it has."""

    family: type[CounterMetricFamily | GaugeMetricFamily]
    meaning: str
    labels: tuple[str, ...] = ()


FIGURES = {
    "notifications_sent_total": Figure(CounterMetricFamily, "Messages handed over.", ("kind", "channel")),
    "notifications_failed_total": Figure(
        CounterMetricFamily, "Messages given up: refused for good, or for too long.", ("kind", "channel")
    ),
    "notifications_skipped_total": Figure(
        CounterMetricFamily, "Messages left out: no longer true, wanted or possible.", ("kind", "channel")
    ),
    "notifications_waiting": Figure(GaugeMetricFamily, "Messages that may still leave.", ("kind", "channel")),
    "notifications_oldest_waiting_seconds": Figure(
        GaugeMetricFamily, "For how long the oldest of them has been due; quiet hours are no delay."
    ),
    "outbox_waiting": Figure(GaugeMetricFamily, "Events that the relay has not numbered."),
    "outbox_behind": Figure(GaugeMetricFamily, "Numbered events that a reader has not had.", ("reader",)),
    "events_laid_aside": Figure(GaugeMetricFamily, "Events that a handler could not take."),
    "waitlist_waiting": Figure(GaugeMetricFamily, "People on the waitlist who are offered nothing."),
    "waitlist_offers_day": Figure(
        GaugeMetricFamily, "Offers to those who wait, of the last 24 hours, by how they stand.", ("status",)
    ),
    "sick_day_offers_day": Figure(
        GaugeMetricFamily, "Offers of other times to those whom time off displaced, of the last 24 hours.", ("status",)
    ),
    "waitlist_time_to_offer_seconds_day": Figure(
        GaugeMetricFamily, "The mean of the last 24 hours, from when a time became free to an offer of it."
    ),
}


class _Read(Collector):
    """Figures as they were read just now."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows = list(rows)

    def collect(self) -> Iterable[Metric]:
        for name, figure in FIGURES.items():
            family = figure.family(name, figure.meaning, labels=figure.labels)
            for row in self._rows:
                if row["figure"] == name:
                    family.add_metric([row["labels"][label] for label in figure.labels], row["value"])
            yield family


async def told(conn: Connection) -> list[dict[str, Any]]:
    """The same for people: `figure`, one of FIGURES, `labels` and `value`."""
    return await db.many(conn, _READ)


async def figures(conn: Connection) -> CollectorRegistry:
    """All of them, as the database has them now: the same whichever worker is asked."""
    registry = CollectorRegistry()
    registry.register(_Read(await told(conn)))
    return registry
