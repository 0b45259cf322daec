"""A new password for somebody who is logged in and knows the present one."""

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import new_passwords, service
from frontdesk.auth.guard import allow
from frontdesk.auth.models import ChangePassword
from frontdesk.auth.new_passwords import WrongPassword
from frontdesk.auth.permissions import Actor
from frontdesk.auth.throttle import TooManyAttempts
from frontdesk.db import Connection
from frontdesk.errors import InvalidRequest, Problem
from frontdesk.portal import forms
from frontdesk.portal.attempt import go
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.web.tx import Read, connection, transaction, viewer_of

router = APIRouter(prefix="/me", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Myself = Annotated[Actor, allow("account")]


@router.get("/password")
async def password_page(request: Request, actor: Myself, conn: Read) -> Response:
    """An empty form."""
    return await _password(request, actor, conn, None, {})


@router.post("/password")
async def change_password(request: Request, actor: Myself) -> Response:
    """Set it, by the rules of the API: all other sessions of the account end, this one goes on."""
    sent, state = await forms.sent(request), request.app.state
    typed = {name: sent.get(name, "") for name in ("old_password", "new_password")}
    asked, faults = forms.read(ChangePassword, typed, forms.OF_PASSWORDS)
    refused: Problem = InvalidRequest()
    if asked is not None:
        old, new = asked.old_password.get_secret_value(), asked.new_password.get_secret_value()
        try:
            change = await new_passwords.prepare_change(state.pool, viewer_of(request), state.keys, actor, old, new)
            async with transaction(request) as conn:
                await new_passwords.change(conn, state.keys, actor, change)
        except (WrongPassword, TooManyAttempts) as told:
            refused, faults = told, {"old_password": "wait" if isinstance(told, TooManyAttempts) else "wrong"}
        except InvalidRequest:
            faults = {"new_password": "guessed"}
        else:
            return go("/me?done=password")
    async with connection(request) as conn:
        return await _password(request, actor, conn, refused, faults)


async def _password(
    request: Request, actor: Actor, conn: Connection, refused: Problem | None, faults: dict[str, str]
) -> Response:
    told = {"user": await service.get_user(conn, actor.user_id), "faults": faults, "here": "/me/password"}
    return page(request, "me/password.html", status=refused.status if refused else 200, private=True, **told)
