"""A time zone for a clinic of which only the offset of its visits is known."""

from datetime import datetime, timedelta

from frontdesk.imports.refusals import Code, Unfit

_HOUR = timedelta(hours=1)

# Etc/GMT zones have whole hours. These zones have had their other offset, all year round, for ten years and more.
_BROKEN_HOURS = {
    timedelta(hours=-9, minutes=-30): "Pacific/Marquesas",
    timedelta(hours=4, minutes=30): "Asia/Kabul",
    timedelta(hours=5, minutes=30): "Asia/Kolkata",
    timedelta(hours=5, minutes=45): "Asia/Kathmandu",
    timedelta(hours=6, minutes=30): "Asia/Yangon",
    timedelta(hours=8, minutes=45): "Australia/Eucla",
    timedelta(hours=9, minutes=30): "Australia/Darwin",
}


def zone_of_offset(moment: datetime) -> str:
    """An IANA zone that always has the offset of `moment`: Etc/GMT-8 for +08:00, its sign being POSIX's.

    A country is not guessed from an offset; whoever knows it names the zone. Raises Unfit when no zone is certain.
    """
    offset = moment.utcoffset() or timedelta(0)
    if offset in _BROKEN_HOURS:
        return _BROKEN_HOURS[offset]
    hours, rest = divmod(offset, _HOUR)
    if rest or not -12 <= hours <= 14:
        raise Unfit(
            Code.ZONE_UNCLEAR, "start: no time zone is certain to have this offset; give --time-zone or --clinic"
        )
    return f"Etc/GMT{-hours:+d}" if hours else "Etc/UTC"
