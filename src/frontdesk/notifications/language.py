"""How a name, a date, a time and a zone are said to a patient."""

import re
from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, get_timezone_name

LANGUAGES = ("en", "es")

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def locale_of(language: str | None, country: str | None, spoken_here: Collection[str] = LANGUAGES) -> Locale:
    """The patient's language if we speak it, else English; dates as in its own country, or else in the clinic's."""
    language = (language or "").replace("_", "-")
    spoken = language.partition("-")[0]
    own = [language] if language != spoken else []
    for tag in (*own, f"{spoken}-{country}", spoken, f"en-{country}"):
        try:
            locale = Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
        if locale.language in spoken_here:
            return locale
    return Locale("en")


def when(at: datetime, until: datetime | None, zone: str, locale: Locale) -> str:
    """Day, time and zone in full: `Monday, 2 March 2026, 09:00 – 09:30 (Central European Standard Time)`."""
    local = at.astimezone(ZoneInfo(zone))
    day, begins = format_date(local, "full", locale), format_time(local, "short", locale=locale)
    ends = f" – {format_time(until.astimezone(ZoneInfo(zone)), 'short', locale=locale)}" if until else ""
    return plain(f"{day}, {begins}{ends} ({get_timezone_name(local, 'long', locale=locale)})")


def briefly(at: datetime, zone: str, locale: Locale) -> str:
    """Day, time and zone for a line: `Mon 2 Mar, 09:00 CET`."""
    local = at.astimezone(ZoneInfo(zone))
    day, time = format_skeleton("MMMEd", local, locale=locale), format_time(local, "short", locale=locale)
    return plain(f"{day}, {time} {get_timezone_name(local, 'short', locale=locale)}")


def one_line(text: str) -> str:
    """Without line breaks, control characters and what turns the direction of writing: names are shown, not obeyed."""
    return " ".join(_UNSEEN.sub(" ", ", ".join(filter(str.strip, text.splitlines()))).split())


def plain(text: str) -> str:
    """With ordinary spaces: a narrow one makes a text message twice as dear."""
    return text.replace("\u202f", " ").replace("\u00a0", " ")
