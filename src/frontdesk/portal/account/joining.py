"""Pages to open an account, and to choose a new password when the old one is forgotten."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import browsers, devices, new_passwords, passwords, service, sessions
from frontdesk.auth.guard import allow
from frontdesk.auth.models import AskReset, Registration, ResetPassword
from frontdesk.auth.new_passwords import CodeRefused
from frontdesk.auth.permissions import Actor
from frontdesk.auth.service import EmailTaken
from frontdesk.errors import InvalidRequest
from frontdesk.portal import forms, language
from frontdesk.portal.account.landing import go_on
from frontdesk.portal.pages import link, page
from frontdesk.portal.route import PageRoute
from frontdesk.web.tx import transaction

router = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)

Anybody = Annotated[Actor, allow("public")]


class _Account(Registration):
    """As the API takes it, with a phone number that can be dialled."""

    phone: forms.Phone | None = None


@router.get("/register")
async def register_page(request: Request, _: Anybody) -> Response:
    """An empty form."""
    onward = request.query_params.get("next", "/")
    return page(request, "account/register.html", private=True, onward=onward, sent={}, faults={})


@router.post("/register")
async def register(request: Request, actor: Anybody) -> Response:
    """Open an account as a patient, and log in. What cannot be is told at its field; nothing typed is lost but the
    password."""
    sent = await forms.sent(request)
    onward = sent.pop("next", "/")
    asked, faults = forms.read(_Account, sent, forms.OF_PASSWORDS)
    if asked is not None:
        password_hash = await passwords.hashed(asked.password.get_secret_value())
        try:
            async with transaction(request) as conn:
                patient = asked.model_dump(exclude={"password"}) | {"language": language.of(request).language}
                made = await service.register(conn, actor, patient, password_hash)
                login = await browsers.log_in(conn, actor, sessions.Proven(UUID(str(made["id"])), password_hash))
        except EmailTaken:
            faults = {"email": "taken"}
        else:
            response = go_on(request, login, onward)
            devices.remember(request, response, asked.email)
            return response
    here = link("/register", next=onward)
    told = {"here": here, "onward": onward, "sent": {**sent, "password": ""}, "faults": faults}
    return page(
        request, "account/register.html", status=409 if "taken" in faults.values() else 422, private=True, **told
    )


@router.get("/forgot")
async def forgot_page(request: Request, _: Anybody) -> Response:
    """Where to send a link to."""
    return page(request, "account/forgot.html", private=True, email="", done=False, fault=False)


@router.post("/forgot")
async def forgot(request: Request, actor: Anybody) -> Response:
    """Have a link sent. The page is the same whether the address has an account or not."""
    sent = await forms.sent(request)
    asked, faults = forms.read(AskReset, {"email": sent.get("email", "")})
    if asked is not None:
        async with transaction(request) as conn:
            await new_passwords.ask_reset(conn, request.app.state.keys, actor, asked.email)
    told = {"email": sent.get("email", ""), "done": not faults, "fault": bool(faults)}
    return page(request, "account/forgot.html", status=422 if faults else 200, private=True, **told)


@router.get("/password/{token}")
async def new_password_page(request: Request, token: str, _: Anybody) -> Response:
    """Two fields. Whether the link still works is told when they are sent: opening a mail uses nothing up."""
    return page(request, "account/password.html", private=True, done=False, fault=None)


@router.post("/password/{token}")
async def set_new_password(request: Request, token: str, actor: Anybody) -> Response:
    """Set the password, once for one link. All sessions of the account end."""
    sent = await forms.sent(request)
    typed = {"token": token, "password": sent.get("password", "")}
    asked, faults = forms.read(ResetPassword, typed, forms.OF_PASSWORDS)
    fault = "gone" if "token" in faults else faults.get("password")
    if asked is not None:
        state = request.app.state
        try:
            prepared = await new_passwords.prepare_reset(state.pool, asked.token, asked.password.get_secret_value())
            async with transaction(request) as conn:
                await new_passwords.reset(conn, state.keys, actor, prepared)
        except CodeRefused:
            fault = "gone"
        except InvalidRequest:
            fault = "guessed"
    status = 422 if fault else 200
    return page(request, "account/password.html", status=status, private=True, done=not fault, fault=fault)
