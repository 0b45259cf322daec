"""The one place that reads the wall clock, so that no datetime is ever naive."""

from datetime import UTC, datetime


def now() -> datetime:
    """This instant, aware, in UTC."""
    return datetime.now(UTC)
