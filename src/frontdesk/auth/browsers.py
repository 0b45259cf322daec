"""Who sits before a browser: a session of its own, named by a cookie that only pages look at (ADR-0029)."""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import sessions, tokens
from frontdesk.auth.permissions import Actor
from frontdesk.auth.tokens import Login
from frontdesk.db import Connection
from frontdesk.errors import Unauthenticated
from frontdesk.settings import settings

COOKIE = "frontdesk_session"


async def log_in(conn: Connection, actor: Actor, proven: sessions.Proven) -> Login:
    """Open a session for a browser. Nothing refreshes it: it ends with FRONTDESK_BROWSER_SESSION_TTL at the latest.

    Raises Unauthenticated when the account was deactivated, or its password changed, since it was proven.
    """
    login, _ = await sessions.begin(conn, actor, proven, settings().browser_session_ttl)
    return login


def remember(request: Request, response: Response, login: Login) -> None:
    """Let `response` make the browser known as `login`."""
    ttl = settings().browser_session_ttl
    token = tokens.write(login, request.app.state.keys.tokens, ttl, tokens.PAGES)
    response.set_cookie(COOKIE, token, int(ttl.total_seconds()), secure=_secure(request), httponly=True, samesite="lax")


def forget(request: Request, response: Response) -> None:
    """Let `response` make the browser nobody's."""
    response.delete_cookie(COOKIE, secure=_secure(request), httponly=True, samesite="lax")


def login_of(request: Request) -> Login | None:
    """The log-in of the cookie; None without one, or with one that is expired or not ours.

    Whether its session still stands, the database says when it is asked for rows (ADR-0021).
    """
    try:
        return tokens.read(request.cookies.get(COOKIE, ""), request.app.state.keys.tokens, tokens.PAGES)
    except Unauthenticated:
        return None


def _secure(request: Request) -> bool:
    return request.app.state.settings.env == "production" or request.url.scheme == "https"
