"""The pages behind a link: nothing to run, nothing to load, and whatever they do is a form that POSTs."""

import base64
import hashlib
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from importlib import resources
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from frontdesk import phones
from frontdesk.guests.words import WORDS
from frontdesk.notifications.language import briefly, locale_of, plain, when

_STYLE = resources.files(__package__).joinpath("templates", "page.css").read_text("utf-8")
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Vary": "Accept",
    "X-Robots-Tag": "noindex, nofollow",
}

_pages = Environment(loader=PackageLoader("frontdesk.guests"), autoescape=True, undefined=StrictUndefined)
_pages.globals["style"] = Markup(_STYLE)  # noqa: S704 - a file of ours, and no markup in it


def appointment(
    row: dict[str, Any],
    link: str,
    language: str | None,
    *,
    status: int = 200,
    notice: str | None = None,
    typed: str = "",
) -> HTMLResponse:
    """The appointment and what may be done about it. `notice` is a key of WORDS: what has just happened, or failed.
    `typed`: why it was to be cancelled.
    """
    locale = locale_of(language, row["country"])
    if row["offer"]:
        return _offer(row, link, locale, status, notice)
    state = row["status"] if row["actions"] or row["status"] == "cancelled" else "over"
    return _page(
        "appointment.html",
        locale,
        status,
        **_told(row, link, locale),
        state=WORDS[locale.language][state],
        notice=_notice(notice, locale),
        is_refusal=status >= 400,
        typed=typed,
    )


def _offer(row: dict[str, Any], link: str, locale: Locale, status: int, notice: str | None) -> HTMLResponse:
    """A time that is offered: until when, and the buttons that take or leave it."""
    offer, zone = row["offer"], row["time_zone"]
    return _page(
        "offer.html",
        locale,
        status,
        **_told(row, link, locale),
        state=WORDS[locale.language][f"{offer['status']}{'-displaced' if offer['displaced'] else ''}"],
        until=briefly(offer["expires_at"], zone, locale) if row["actions"] else None,
        moves_from=when(offer["moves_from"], None, zone, locale) if row["actions"] and offer["moves_from"] else None,
        notice=_notice(notice, locale),
        is_refusal=status >= 400,
    )


def times(
    row: dict[str, Any],
    link: str,
    language: str | None,
    slots: Iterable[dict[str, Any]],
    *,
    status: int = 200,
    notice: str | None = None,
    later: date | None = None,
) -> HTMLResponse:
    """Free times to move to, by day; `later` is the first day of the next page."""
    locale = locale_of(language, row["country"])
    zone = ZoneInfo(row["time_zone"])
    days = [
        (format_date(day, "full", locale=locale), [(slot["start"], _time(slot["start"], zone, locale)) for slot in of])
        for day, of in groupby(slots, key=lambda slot: slot["start"].astimezone(zone).date())
    ]
    span = f"?from={later}&to={later + timedelta(days=14)}" if later else None
    return _page(
        "times.html",
        locale,
        status,
        **_told(row, link, locale),
        days=days,
        later=span,
        notice=_notice(notice, locale),
        is_refusal=status >= 400,
    )


def gone() -> HTMLResponse:
    """The one page for links that do not open: it knows neither whose they were nor the language."""
    return _page("gone.html", Locale("en"), 404, others=[WORDS[language] for language in WORDS if language != "en"])


def _page(template: str, locale: Locale, status: int, **told: Any) -> HTMLResponse:
    words = WORDS[locale.language]
    body = _pages.get_template(template).render(words=words, language=locale.language, **told)
    return HTMLResponse(body, status, HEADERS | {"Content-Language": locale.language})


def _told(row: dict[str, Any], link: str, locale: Locale) -> dict[str, Any]:
    phone = row["clinic"]["phone"]
    return {
        "row": row,
        "link": link,
        "when": when(row["start"], row["end"], row["time_zone"], locale),
        "phone": phone and phones.said(phone, row["country"], locale.territory),
        "call": phone and phones.link(phone, row["country"]),
    }


def _time(at: datetime, zone: ZoneInfo, locale: Locale) -> str:
    return plain(format_time(at, "short", tzinfo=zone, locale=locale))


def _notice(key: str | None, locale: Locale) -> str | None:
    return WORDS[locale.language].get(key) if key else None
