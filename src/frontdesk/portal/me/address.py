"""Another e-mail address to log in by. The address stands in no link: what was asked for is told by the database."""

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import factors, new_addresses, service
from frontdesk.auth.guard import allow
from frontdesk.auth.models import AskAddress, ConfirmAddress
from frontdesk.auth.new_addresses import SameAddress
from frontdesk.auth.new_passwords import CodeRefused, WrongPassword
from frontdesk.auth.permissions import Actor
from frontdesk.auth.service import EmailTaken
from frontdesk.auth.throttle import TooManyAttempts
from frontdesk.db import Connection
from frontdesk.errors import InvalidRequest, Problem
from frontdesk.portal import forms, language
from frontdesk.portal.attempt import go
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.web.tx import Read, connection, transaction, viewer_of

router = APIRouter(prefix="/me/address", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Myself = Annotated[Actor, allow("account")]


@router.get("")
async def address_page(request: Request, actor: Myself, conn: Read) -> Response:
    """A form for the new address; for its code while one is waited for."""
    return await _address(request, actor, conn)


@router.post("")
async def ask_for_address(request: Request, actor: Myself) -> Response:
    """Have a code sent to it, by the rules of the API. The page does not tell whether the address has an account."""
    sent, state = await forms.sent(request), request.app.state
    asked, faults = forms.read(AskAddress, {name: sent.get(name, "") for name in ("email", "password")})
    refused: Problem = InvalidRequest()
    if asked is not None:
        at = "password"  # what is refused before the address is looked at
        try:
            password = asked.password.get_secret_value()
            proven = await factors.reprove(state.pool, viewer_of(request), state.keys, actor, password)
            if proven:
                at = "email"
            async with transaction(request) as conn:
                spoken = language.of(request).language
                await new_addresses.ask(conn, state.keys, actor, proven, asked.email, spoken)
        except (WrongPassword, SameAddress, TooManyAttempts) as told:
            refused, faults = told, {at: told.slug}
        else:
            return go("/me/address")
    async with connection(request) as conn:
        return await _address(request, actor, conn, refused, faults, sent.get("email", ""))


@router.post("/confirm")
async def confirm_address(request: Request, actor: Myself) -> Response:
    """Log in by it from now on: all other sessions of the account end, this one goes on."""
    sent, state = await forms.sent(request), request.app.state
    asked, _ = forms.read(ConfirmAddress, {"code": forms.code(sent)})
    refused: Problem = CodeRefused()
    if asked is not None:
        try:
            async with transaction(request) as conn:
                expected = await new_addresses.take_try(conn, actor)
            async with transaction(request) as conn:
                spoken = language.of(request).language
                await new_addresses.confirm(conn, state.keys, actor, asked.code, expected, spoken)
        except (CodeRefused, EmailTaken) as told:
            refused = told
        else:
            return go("/me?done=address")
    async with connection(request) as conn:
        at = "email" if isinstance(refused, EmailTaken) else "code"
        return await _address(request, actor, conn, refused, {at: refused.slug})


async def _address(
    request: Request,
    actor: Actor,
    conn: Connection,
    refused: Problem | None = None,
    faults: dict[str, str] | None = None,
    typed: str | None = None,
) -> Response:
    waiting, open_ = await new_addresses.waiting(conn, request.app.state.keys, actor)
    told = {
        "user": await service.get_user(conn, actor.user_id),
        "waiting": waiting if open_ else None,
        "typed": (waiting or "") if typed is None else typed,
        "faults": faults or {},
        "here": "/me/address",
    }
    return page(request, "me/address.html", status=refused.status if refused else 200, private=True, **told)
