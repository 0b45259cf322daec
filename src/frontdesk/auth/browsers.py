"""Who sits before a browser: a session of its own, named by a cookie that only pages look at (ADR-0029)."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from frontdesk import clock
from frontdesk.auth import sessions, tokens
from frontdesk.auth.permissions import Actor
from frontdesk.auth.tokens import Login
from frontdesk.db import Connection, Viewer, work_for
from frontdesk.errors import Unauthenticated
from frontdesk.settings import settings

COOKIE = "frontdesk_session"

_LONGEST_NAME = 80
"""In a cookie, which has 4,096 bytes: a letter takes up to 16 of them there."""


@dataclass(frozen=True, slots=True)
class Switched:
    """A browser's session in place of another: what its cookie will say until when, and who asks from now on."""

    login: Login
    ends_at: datetime
    actor: Actor


async def log_in(conn: Connection, actor: Actor, proven: sessions.Proven) -> Login:
    """Open a session for a browser. Nothing refreshes it: it ends with FRONTDESK_BROWSER_SESSION_TTL at the latest.

    Raises Unauthenticated when the account was deactivated, or its password changed, since it was proven.
    """
    login, _ = await sessions.begin(conn, actor, proven, settings().browser_session_ttl)
    return login


async def switch(request: Request, conn: Connection, actor: Actor, patient_id: UUID, name: str) -> Switched:
    """Let the browser act for somebody for whom the caller may, of this `name`, or for themself again; in this
    transaction from now on, too. Raises Unauthenticated when they may not.
    """
    known = tokens.known(request)
    login, ends_at = await sessions.switch_browser(conn, actor, patient_id, known.expires_at if known else None)
    await work_for(conn, Viewer(login.session_id, actor.request_id))
    acting = replace(tokens.actor_of(request, login), reach=actor.reach)
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return Switched(replace(login, acts_as=short if login.guardian_id else None), ends_at, acting)


def remember(request: Request, response: Response, login: Login, ends_at: datetime | None = None) -> None:
    """Let `response` make the browser known as `login`, until its session ends at the latest."""
    ttl = settings().browser_session_ttl
    if ends_at is not None:
        ttl = min(ttl, ends_at - clock.now())
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
