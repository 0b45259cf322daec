"""What has just happened, told on the page that comes after it: "It is booked", "That time has just been taken".

The address says so (`?done=booked`, `?why=taken`), and anybody can write an address and send it to somebody. So a
browser is believed only where we have just led it, which a cookie says that no link can set; else it is led to the page
as it stands.
"""

import hashlib
from datetime import timedelta
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk.web.browsers import own_path

_NOTICES = frozenset({"done", "saved", "why", "waiting", "full"})
_COOKIE = "frontdesk_told"
_FOR = timedelta(minutes=1)
"""So long a page that is loaded again says it again."""


def made_up(request: Request) -> RedirectResponse | None:
    """The way to the page without a notice, when the address tells one that we have not just given this browser."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    plain = without(here)
    if plain == here or request.cookies.get(_COOKIE) == _digest(here):
        return None
    return RedirectResponse(plain, 303, {"Cache-Control": "no-store"})


def remember(request: Request, response: Response) -> None:
    """Let the browser know that the notice it is led to is ours."""
    there = response.headers.get("location", "").partition("#")[0]
    if response.status_code == 303 and without(there) != there:
        secure = request.app.state.settings.env == "production" or request.url.scheme == "https"
        seconds = int(_FOR.total_seconds())
        response.set_cookie(_COOKIE, _digest(there), seconds, secure=secure, httponly=True, samesite="lax")


def onward(path: str) -> str:
    """`path`, which somebody sent with a form, if it is one of ours; it tells nothing."""
    return without(own_path(path))


def without(path: str) -> str:
    """The address without its notices; as it is when it has none."""
    bare, _, query = path.partition("?")
    fields = query.split("&")
    kept = [field for field in fields if unquote_plus(field.partition("=")[0]) not in _NOTICES]
    if len(kept) == len(fields):
        return path
    return f"{bare}?{'&'.join(kept)}" if kept else bare


def _digest(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:32]
