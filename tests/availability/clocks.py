"""An independent, slow and obvious reckoning of wall clocks, by the standard library alone."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "Australia/Sydney",
    "Australia/Lord_Howe",  # changes by half an hour
    "America/Santiago",  # changes at midnight: a day that begins at 01:00
    "Asia/Kathmandu",  # no changes, an offset of 05:45
)


def first_instant(local: datetime, zone: str) -> datetime:
    """The first instant at which a clock in `zone` shows `local` (naive by meaning) or later, found by looking."""
    assert local.tzinfo is None
    moment = local.replace(tzinfo=UTC) - timedelta(hours=16)
    while moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) < local:
        moment += timedelta(minutes=15)
    return moment


def change_days(zone: str, after: date) -> list[date]:
    """The next two local days on which the clocks of `zone` change, forward and back; none if they never do."""
    # From one change to the same of the next year it is 364 days or 371.
    noons = [datetime.combine(after + timedelta(days=n), time(12), ZoneInfo(zone)) for n in range(380)]
    return [b.date() for a, b in pairwise(noons) if a.utcoffset() != b.utcoffset()][:2]


def starts(day: date, opens: str, closes: str, zone: str, step_min: int) -> list[datetime]:
    """The starts of one session: elapsed minutes from its first instant, as long as a whole step fits."""
    begin, end = time.fromisoformat(opens), time.fromisoformat(closes)
    first = first_instant(datetime.combine(day, begin), zone)
    last = first_instant(datetime.combine(day + timedelta(days=end <= begin), end), zone)
    found = []
    while first + timedelta(minutes=step_min) <= last:
        found.append(first)
        first += timedelta(minutes=step_min)
    return found
