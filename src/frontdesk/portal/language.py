"""The language of a page, and how it says days and times. Its words are in `locale/`, by Babel; English is the key."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from importlib import resources
from io import BytesIO
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_timezone_name
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from markupsafe import Markup, escape
from starlette.requests import Request

from frontdesk import phones
from frontdesk.notifications import language as messages
from frontdesk.notifications.language import locale_of, plain
from frontdesk.web import browsers

COOKIE = "language"
"""Holds the language that the visitor chose on a page; it outweighs what the browser says."""


LANGUAGES = (*messages.LANGUAGES, "ar")
"""What pages are written in."""

_PARTLY = {"ar": re.compile(r"/(find|language|providers/.*|book(ed)?(/.*)?|login(/.*)?|register|forgot|password/.*)?")}
"""What is written in a language that not all pages are: the way to a booking."""


def spoken(path: str) -> tuple[str, ...]:
    """The languages in which the page at `path` is written."""
    return tuple(one for one in LANGUAGES if one not in _PARTLY or _PARTLY[one].fullmatch(path))


def of(request: Request) -> Locale:
    """The language to answer in, with the country that the browser names, whose dates and times they are."""
    asked, here = browsers.languages(request), spoken(request.url.path)
    chosen = request.cookies.get(COOKIE)
    if chosen in here:
        asked = [*(tag for tag in asked if tag.partition("-")[0] == chosen), chosen]
    known = (tag for tag in asked if tag.partition("-")[0].lower() in here)
    return locale_of(next(known, None), None, here)


@cache
def words(language: str) -> NullTranslations:
    """The catalogue of a language, made from its text: there is no compiled file that could be of another day."""
    file = resources.files(__package__).joinpath("locale", f"{language}.po")
    if language == "en":
        return NullTranslations()
    compiled = BytesIO()
    with file.open("rb") as text:
        write_mo(compiled, read_po(text, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def named(locale: Locale, codes: Iterable[str]) -> list[tuple[str, str]]:
    """Languages (BCP 47) with their names, in the order of these; what has no name stays a code."""
    names = {
        code: locale.languages.get(code.replace("-", "_")) or locale.languages.get(code[:2], code) for code in codes
    }
    return sorted(names.items(), key=lambda pair: pair[1].casefold())


def _instant(at: datetime | str) -> datetime:
    return datetime.fromisoformat(at) if isinstance(at, str) else at


class Said:
    """Days and times as one reader reads them, in the zone of a clinic."""

    def __init__(self, locale: Locale) -> None:
        self.locale = locale

    def time(self, at: datetime, zone: str) -> str:
        """`9:00 AM` or `09:00`."""
        return plain(format_time(at.astimezone(ZoneInfo(zone)), "short", locale=self.locale))

    def span(self, start: datetime, end: datetime, zone: str) -> str:
        """`9:00 AM–9:30 AM`; where clocks change in between, `1:30 AM EDT – 1:15 AM EST`."""
        first, last = start.astimezone(ZoneInfo(zone)), end.astimezone(ZoneInfo(zone))
        if first.utcoffset() == last.utcoffset():
            return f"{self.time(start, zone)}–{self.time(end, zone)}"
        return " – ".join(
            f"{self.time(at, zone)} {plain(get_timezone_name(at, 'short', locale=self.locale))}" for at in (first, last)
        )

    def day(self, on: date) -> str:
        """`Mon, Nov 23`."""
        return plain(format_skeleton("MMMEd", on, locale=self.locale))

    def full_day(self, on: date) -> str:
        """`Monday, November 23, 2026`."""
        return plain(format_date(on, "full", locale=self.locale))

    def short_date(self, on: date) -> str:
        """`Nov 23, 2026`."""
        return plain(format_date(on, "medium", locale=self.locale))

    def moment(self, at: datetime | str, zone: str) -> str:
        """`Mon, Nov 23, 9:00 AM`; what JSON holds is a text (ISO 8601 with its offset)."""
        instant = _instant(at)
        return f"{self.day(instant.astimezone(ZoneInfo(zone)).date())}, {self.time(instant, zone)}"

    def month(self, on: date) -> str:
        """`November 2026`."""
        return plain(format_skeleton("yMMMM", on, locale=self.locale))

    def weekday(self, on: date) -> str:
        """`Mon`."""
        return plain(format_skeleton("E", on, locale=self.locale))

    def day_of_week(self, weekday: int) -> str:
        """`Monday`; 1 (ISO)."""
        name: str = self.locale.days["stand-alone"]["wide"][weekday - 1]
        return name[:1].upper() + name[1:]

    def local(self, at: datetime, zone: str) -> date:
        """The day that it is there."""
        return at.astimezone(ZoneInfo(zone)).date()

    def phone(self, number: str, country: str | None) -> str:
        """`(212) 555-0123` or `+1 212-555-0123`; `country` is that of the clinic which knows the number."""
        return phones.said(number, country, self.locale.territory)

    def call(self, number: str, country: str | None, name: str | None = None) -> Markup:
        """The same as a link that dials it; `name` is its id, by which it keeps the focus in a live part."""
        dialled, words = phones.link(number, country), self.phone(number, country)
        if dialled is None:
            return escape(words)
        named = Markup(' id="{}"').format(name) if name else ""
        return Markup('<a{} dir="ltr" href="{}">{}</a>').format(named, dialled, words)

    def zone(self, at: datetime | str, zone: str) -> str:
        """`Eastern Standard Time`: the name that the clocks of this zone have at that moment."""
        return plain(get_timezone_name(_instant(at).astimezone(ZoneInfo(zone)), "long", locale=self.locale))
