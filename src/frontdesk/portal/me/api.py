"""`/me`: where somebody is logged in, and the way to what is theirs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import browsers, service, sessions
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.portal.attempt import go
from frontdesk.portal.me.record import Done
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.web.pages import Cursor
from frontdesk.web.tx import Read, Tx

router = APIRouter(prefix="/me", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Myself = Annotated[Actor, allow("account")]

_AT_ONCE = 50


@router.get("")
async def me(request: Request, actor: Myself, conn: Read, cursor: Cursor = None, done: Done | None = None) -> Response:
    """The account and its sessions."""
    user = await service.get_user(conn, actor.user_id)
    found = await sessions.list_own(conn, actor, cursor, _AT_ONCE)
    told = {"sessions": found["items"], "more": found["next_cursor"], "here": "/me"}
    return page(request, "me/me.html", private=True, user=user, done=done, refused=None, **told)


@router.post("/sessions/{session_id}/end")
async def end_session(session_id: UUID, actor: Myself, conn: Tx) -> Response:
    """Log out there."""
    await sessions.end_own(conn, actor, session_id)
    return go("/me?done=ended")


@router.post("/logout-everywhere")
async def log_out_everywhere(request: Request, actor: Myself, conn: Tx) -> Response:
    """End all sessions, this one too, and the links of a patient and their family."""
    if actor.patient_id is not None:
        await sessions.end_own_links(conn, actor)
    await sessions.log_out_everywhere(conn, actor, actor.user_id)
    response = go("/login")
    browsers.forget(request, response)
    return response
