"""What guards one's log-in besides the password: an app, passkeys, and recovery codes.

Who sets one up or takes one away gives the password once more, and is heard as often as by the API. What is shown once
is the answer to a form, so that no address leads to it.
"""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import factors, passkeys, service
from frontdesk.auth.factors_api import AppCode, RemoveApp, WithPassword
from frontdesk.auth.guard import allow
from frontdesk.auth.new_passwords import CodeRefused, WrongPassword
from frontdesk.auth.permissions import Actor
from frontdesk.auth.throttle import TooManyAttempts
from frontdesk.db import Connection
from frontdesk.errors import Conflict, NotFound, Problem
from frontdesk.portal import forms
from frontdesk.portal.attempt import go
from frontdesk.portal.pages import page
from frontdesk.portal.passkeys import Named, NewPasskey, register
from frontdesk.portal.route import PageRoute
from frontdesk.web.tx import Read, connection, transaction, viewer_of

router = APIRouter(prefix="/me/factors", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Myself = Annotated[Actor, allow("account")]

_REFUSED = (WrongPassword, CodeRefused, TooManyAttempts, Conflict, NotFound)


class _Shown(BaseModel):
    """An app that is being set up, as its page showed it: the page shows it again when the code is wrong."""

    secret: Annotated[str, StringConstraints(pattern=r"^[A-Z2-7]{32}$")]
    uri: Annotated[str, StringConstraints(pattern=r"^otpauth://totp/", max_length=1000)]


class _Code(BaseModel):
    """The code that the app shows."""

    code: AppCode


@router.get("")
async def factors_page(
    request: Request,
    actor: Myself,
    conn: Read,
    done: Literal["app", "already", "replaced", "removed", "added", "passkey"] | None = None,
) -> Response:
    """What there is, and what can be done about it."""
    return await _factors(request, actor, conn, done=done)


@router.post("/app")
async def set_up_app(request: Request, actor: Myself) -> Response:
    """A secret for an authenticator app. It counts when a code of it is confirmed."""
    try:
        proven = await _once_more(request, actor)
        async with transaction(request) as conn:
            app = await factors.begin_totp(conn, request.app.state.keys, actor, None, proven)
    except _REFUSED as refused:
        return await _refused(request, actor, "app", refused)
    return page(request, "me/app.html", private=True, app=app, fault=None, here="/me/factors")


@router.post("/app/confirm")
async def confirm_app(request: Request, actor: Myself) -> Response:
    """From here on log-in asks for a code of the app. Recovery codes are shown, unless there are some."""
    sent = await forms.sent(request)
    asked, _ = forms.read(_Code, {"code": forms.code(sent)})
    try:
        async with transaction(request) as conn:
            code = asked.code if asked else ""
            made = await factors.confirm_totp(conn, request.app.state.keys, actor, None, code)
    except CodeRefused as refused:
        app, _ = forms.read(_Shown, sent)
        async with connection(request) as conn:
            there = await factors.overview(conn, actor)
            pending = await factors.pending_key(conn, request.app.state.keys, actor)
        if there["totp"]:  # by this very form, sent once more, or in another tab
            return go("/me/factors?done=already")
        if app is None:
            return go("/me/factors")
        if app.secret != pending:
            return go("/me/factors?done=replaced")
        told = {"app": app, "fault": "code", "here": "/me/factors"}
        return page(request, "me/app.html", status=refused.status, private=True, **told)
    return _codes(request, made["recovery_codes"]) if made["recovery_codes"] else go("/me/factors?done=app")


@router.post("/app/remove")
async def remove_app(request: Request, actor: Myself) -> Response:
    """No code is asked for any more. Takes the password, and a code of the app or a recovery code."""
    sent, pool, keys = await forms.sent(request), request.app.state.pool, request.app.state.keys
    code = forms.code(sent)
    given = {"password": sent.get("password", ""), "code" if code.isdecimal() else "recovery_code": code}
    asked, faults = forms.read(RemoveApp, given)
    try:
        if asked is None:
            raise WrongPassword if set(faults) == {"password"} else CodeRefused
        async with factors.guessing(pool, keys, actor, asked.code):
            password = asked.password.get_secret_value()
            proven = await factors.reprove(pool, viewer_of(request), keys, actor, password)
            async with transaction(request) as conn:
                await factors.remove_totp(conn, keys, actor, proven, asked.code, asked.recovery_code)
    except _REFUSED as refused:
        return await _refused(request, actor, "remove", refused)
    return go("/me/factors?done=removed")


@router.post("/codes")
async def renew_codes(request: Request, actor: Myself) -> Response:
    """Ten new recovery codes; those before work no more."""
    try:
        proven = await _once_more(request, actor)
        async with transaction(request) as conn:
            made = await factors.renew_recovery_codes(conn, request.app.state.keys, actor, proven)
    except _REFUSED as refused:
        return await _refused(request, actor, "codes", refused)
    return _codes(request, made["recovery_codes"])


@router.post("/passkeys")
async def ask_new_passkey(request: Request, actor: Myself) -> Response:
    """What a new passkey is to sign; the page that shows it lets the device do so."""
    name = (await forms.sent(request)).get("name", "").strip()
    try:
        faults = forms.read(Named, {"name": name})[1]
        if faults:
            raise forms.Fault("name", faults["name"])
        proven = await _once_more(request, actor)
        async with transaction(request) as conn:
            question = await passkeys.registration_options(conn, request.app.state.keys, actor, None, proven)
    except (*_REFUSED, forms.Fault) as refused:
        return await _refused(request, actor, "passkey", refused, name)
    return page(request, "me/passkey.html", private=True, question=question, name=name, here="/me/factors")


@router.post("/passkeys/confirm")
async def register_passkey(request: Request, actor: Myself) -> Response:
    """From here on log-in asks for a second factor, and this is one. Shows recovery codes, unless there are some."""
    sent = await forms.sent(request)
    asked, _ = forms.read(NewPasskey, sent)
    try:
        made = await register(request, actor, None, asked)
    except (CodeRefused, Conflict) as refused:
        return await _refused(request, actor, "passkey", refused, sent.get("name", ""))
    return _codes(request, made["recovery_codes"]) if made["recovery_codes"] else go("/me/factors?done=added")


@router.post("/passkeys/{passkey_id}/remove")
async def remove_passkey(request: Request, passkey_id: UUID, actor: Myself) -> Response:
    """This passkey opens nothing any more."""
    try:
        proven = await _once_more(request, actor)
        async with transaction(request) as conn:
            await factors.remove_passkey(conn, request.app.state.keys, actor, proven, passkey_id)
    except _REFUSED as refused:
        return await _refused(request, actor, str(passkey_id), refused)
    return go("/me/factors?done=passkey")


async def _once_more(request: Request, actor: Actor) -> bool:
    """Whether the form has the password. Raises TooManyAttempts."""
    sent = await forms.sent(request)
    asked, _ = forms.read(WithPassword, {"password": sent.get("password", "")})
    password = asked.password.get_secret_value() if asked and asked.password else None
    return await factors.reprove(request.app.state.pool, viewer_of(request), request.app.state.keys, actor, password)


def _codes(request: Request, codes: list[str]) -> Response:
    return page(request, "me/codes.html", private=True, codes=codes, here="/me/factors")


async def _refused(request: Request, actor: Actor, form: str, refused: Problem, name: str = "") -> Response:
    """The page as it now stands. What is wrong is told in `form`, if that is still there."""
    async with connection(request) as conn:
        return await _factors(request, actor, conn, form, refused, name=name)


async def _factors(
    request: Request,
    actor: Actor,
    conn: Connection,
    form: str | None = None,
    refused: Problem | None = None,
    done: str | None = None,
    name: str = "",
) -> Response:
    told = {
        "user": await service.get_user(conn, actor.user_id),
        "guards": await factors.overview(conn, actor),
        "form": form,
        "refused": refused and refused.slug,
        "done": done,
        "name": name,
        "most": passkeys.MOST,
        "here": "/me/factors",
    }
    return page(request, "me/factors.html", status=refused.status if refused else 200, private=True, **told)
