"""Devices on which somebody has logged in before, told by a cookie (OWASP: device cookies against guessing).

The cookie is a random secret and, for each of the last accounts that logged in there, a keyed digest of both. It opens
nothing; it gives its device a count of wrong guesses of its own (`throttle`).
"""

import hmac
import re
import secrets

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth.throttle import account_name
from frontdesk.secrets import Keys

COOKIE = "frontdesk_device"
_DAYS = 365
_MOST_ACCOUNTS = 20  # a shared computer of the front desk; the oldest gives way
_SECRET_BYTES, _MARK_DIGITS = 16, 32
_FORM = re.compile(rf"[\w-]{{22}}(\.[0-9a-f]{{{_MARK_DIGITS}}}){{1,{_MOST_ACCOUNTS}}}", re.ASCII)


def known(request: Request, email: str) -> str:
    """The secret of the device if this account has logged in there before, else ""."""
    secret, marks = _read(request)
    mark = _mark(request.app.state.keys, secret, email)
    return secret if secret and any(hmac.compare_digest(mark, one) for one in marks) else ""


def remember(request: Request, response: Response, email: str) -> None:
    """Let `response` tell the device that this account has logged in there."""
    secret, marks = _read(request)
    secret = secret or secrets.token_urlsafe(_SECRET_BYTES)
    mark = _mark(request.app.state.keys, secret, email)
    marks = [*[one for one in marks if one != mark], mark][-_MOST_ACCOUNTS:]
    response.set_cookie(
        COOKIE,
        ".".join([secret, *marks]),
        max_age=_DAYS * 24 * 3600,
        path=request.url.path.rpartition("/")[0] or "/login",  # for log-in and its neighbours alone, also from a form
        secure=request.app.state.settings.env == "production" or request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def _read(request: Request) -> tuple[str, list[str]]:
    """The secret and the digests of the cookie; nothing for a text that is not one of ours."""
    cookie = request.cookies.get(COOKIE, "")
    if not _FORM.fullmatch(cookie):
        return "", []
    secret, *marks = cookie.split(".")
    return secret, marks


def _mark(keys: Keys, secret: str, email: str) -> str:
    return keys.digest("known devices", secret, account_name(email)).hex()[:_MARK_DIGITS]
