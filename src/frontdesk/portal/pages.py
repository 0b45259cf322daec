"""How a page is put together: its language, its frame, and what a browser may do with it."""

from collections.abc import Iterable, Iterator
from functools import cache, partial
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from babel import Locale
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import tokens
from frontdesk.portal import assets, language
from frontdesk.portal.language import Said
from frontdesk.settings import settings
from frontdesk.web.problems import methods

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    # Never older than the book: the way back asks again.
    "Cache-Control": "no-cache, private",
    "Vary": "Accept, Accept-Encoding, Accept-Language, Cookie, HX-Request",
}

_HEARS = "reset from:#live, change from:#live delay:150ms"

_NAMES = {code: Locale(code).get_display_name(code) for code in language.LANGUAGES}
"""Each language by its own name, for the switch."""


@cache
def _templates(spoken: str) -> Environment:
    made = Environment(
        loader=PackageLoader("frontdesk.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(language.words(spoken), newstyle=True)  # type: ignore[attr-defined]
    made.filters["runs"] = runs
    made.globals |= {"asset": assets.url, "link": link, "uuid": UUID}
    return made


def runs(rows: Iterable[dict[str, Any]], name: str) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Neighbours that agree in `name`, in the order in which they come; Jinja's own groupby would sort them."""
    return ((value, list(of)) for value, of in groupby(rows, key=itemgetter(name)))


def link(path: str, **query: object) -> str:
    """`path` with a query of what is not None, in the order in which it is given."""
    said = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(said)}" if said else path


def above(request: Request) -> str:
    """The nearest page at or above an address that may only take forms: `/visits/{id}` of `…/cancel`."""
    path = request.url.path
    while path and "GET" not in methods(request.app, path):
        path = path.rpartition("/")[0]
    return path or "/"


def _here(request: Request) -> str:
    if request.method not in ("GET", "HEAD"):
        return above(request)
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def page(request: Request, template: str, *, status: int = 200, private: bool = False, **told: Any) -> Response:
    """The page in the visitor's language. It knows `said`, the forms of days and times, `here`, its address, `origin`,
    where browsers should find the service, and `me`, the log-in or None: what somebody sees who is logged in, or who is
    about to be (`private`), is kept nowhere.

    Whom they act for is named where the database was asked whether they still may (`acts_as`).
    `unknown` are days that no calendar has, as they stand in the address, by the names of their fields.
    It shows at least what had happened up to the event `since`: its stream begins there, and it reads itself anew when
    it hears of something (`hears`), or when the stream opens and `since` is not known.
    """
    locale, me, since = language.of(request), tokens.known(request), getattr(request.state, "since", None)
    unknown: dict[str, str] = getattr(request.state, "unknown", {})
    frame = {
        "unknown": unknown,
        "here": _here(request),
        "me": me,
        "acts_as": me.acts_as if me and getattr(request.state, "judged", False) else None,
        "language": locale.language,
        "dir": locale.text_direction,
        "languages": {code: _NAMES[code] for code in language.spoken(request.url.path)},
        "said": Said(locale),
        "origin": settings().origin,
        "named": partial(language.named, locale),
        "saved": request.query_params.get("saved") == "yes",
        "since": since,
        "hears": _HEARS if since is not None else f"ready from:#live, {_HEARS}",
    }
    headers = HEADERS | {"Content-Language": locale.language}
    if me or private:
        headers["Cache-Control"] = "no-store"
    body = _templates(locale.language).get_template(template).render(frame | told).encode()
    packed, _, headers = assets.packed(body, request, headers)
    return Response(packed, 422 if unknown and status == 200 else status, headers, "text/html; charset=utf-8")
