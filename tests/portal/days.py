"""Days that lie ahead whenever the tests run; a test that names a year would fail when that year is over."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from frontdesk import clock
from tests.availability.clocks import change_days

_SOON = timedelta(days=3)


def next_on(month: int, day: int) -> date:
    """The next such day; not one of these days."""
    soon = clock.now().date() + _SOON
    return next(on for year in (soon.year, soon.year + 1) if (on := date(year, month, day)) >= soon)


def night_of_change(zone: str) -> tuple[date, bool]:
    """The next local day, from today on, on which the clocks there change, and whether it is a longer one."""
    on = change_days(zone, clock.now().date() - timedelta(days=1))[0]
    begins, ends = (datetime.combine(on + timedelta(days=n), time(), ZoneInfo(zone)).astimezone(UTC) for n in (0, 1))
    return on, ends - begins > timedelta(days=1)


def clocks_change(zone: str, *, forward: bool) -> datetime:
    """The next instant at which the clocks there change, as Python's own tables have it; not on one of these days."""
    here, at = ZoneInfo(zone), clock.now().replace(minute=0, second=0, microsecond=0) + _SOON
    while True:
        before, after = (moment.astimezone(here).utcoffset() for moment in (at - timedelta(hours=1), at))
        assert before is not None
        assert after is not None
        if before != after and (after > before) == forward:
            return at
        at += timedelta(hours=1)
