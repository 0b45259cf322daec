"""The start page of the demo: who to log in as, and where to look."""

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import demo
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.errors import NotFound
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.web.tx import Read

router = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)


@router.get("/start")
async def start(request: Request, _: Annotated[Actor, allow("public")], conn: Read) -> Response:
    """The demo's log-ins and a tour. 404 where there is no demo."""
    if not await here(request, conn):
        raise NotFound("There is no demo here.")
    return page(
        request, "start/start.html", emails={role: email for email, role in demo.LOGINS.items()}, word=demo.PASSWORD
    )


async def here(request: Request, conn: Connection) -> bool:
    """Whether the demo's log-ins work here. In production they do not, and the database is not asked."""
    return request.app.state.settings.env != "production" and await demo.work(conn)
