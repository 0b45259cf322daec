"""Where somebody goes who has logged in."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk.auth import browsers
from frontdesk.auth.permissions import Role
from frontdesk.auth.tokens import Login
from frontdesk.web import notices

_HOMES = {Role.PATIENT: "/visits", Role.STAFF: "/desk", Role.PROVIDER: "/my-day", Role.ADMIN: "/admin"}


def home(request: Request, login: Login) -> str:
    """The first page of somebody's role."""
    path = _HOMES.get(login.role, "/")
    return path if path in request.app.state.templates.values() else "/"


def go_on(request: Request, login: Login, onward: str) -> Response:
    """To where they were going, or home; known from here on."""
    path = notices.onward(onward)
    response = RedirectResponse(path if path != "/" else home(request, login), 303, {"Cache-Control": "no-store"})
    browsers.remember(request, response, login)
    return response
