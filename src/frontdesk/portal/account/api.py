"""Log-in and log-out. What proves somebody (passwords, codes) is checked before a transaction begins, as in the API."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk.auth import browsers, devices, factors, passkeys, proofs, second_step, sessions, throttle, tokens
from frontdesk.auth.factors_api import AppCode, RecoveryCode
from frontdesk.auth.guard import allow
from frontdesk.auth.models import LogIn
from frontdesk.auth.new_passwords import CodeRefused
from frontdesk.auth.permissions import Actor
from frontdesk.auth.proofs import Proof, Purpose
from frontdesk.auth.second_step import SecondFactorRefused, SecondFactorRequired
from frontdesk.auth.throttle import TooManyAttempts
from frontdesk.errors import Conflict, Problem, Unauthenticated
from frontdesk.portal import forms
from frontdesk.portal.account.landing import go_on, home
from frontdesk.portal.pages import link, page
from frontdesk.portal.passkeys import NewPasskey, Signed, register
from frontdesk.portal.route import PageRoute
from frontdesk.web.limits import RateLimited, limit_account
from frontdesk.web.tx import transaction

router = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)

Anybody = Annotated[Actor, allow("public")]


class _Code(BaseModel):
    """The digits of an app, or a recovery code."""

    code: AppCode | RecoveryCode


@router.get("/login")
async def log_in_page(request: Request, _: Anybody) -> Response:
    """Who is logged in already goes on at once."""
    onward = request.query_params.get("next", "/")
    login = tokens.known(request)
    if login:
        return RedirectResponse(home(request, login), 303, {"Cache-Control": "no-store"})
    return _shown(request, "login", onward, email="", fault=None)


@router.post("/login")
async def log_in(request: Request, actor: Anybody) -> Response:
    """Password, then a second factor where there is one, then on to where they were going."""
    sent = await forms.sent(request)
    email, onward = sent.get("email", ""), sent.get("next", "/")
    keys = request.app.state.keys
    asked, _ = forms.read(LogIn, {"username": email, "password": sent.get("password", "")})
    try:
        if asked is None:
            raise Unauthenticated
        own = devices.known(request, asked.username)
        await limit_account(request, throttle.account_name(asked.username), own)
        password = asked.password.get_secret_value()
        proven = await sessions.prove(request.app.state.pool, keys, asked.username, password, own)
        async with transaction(request) as conn:
            await second_step.demand(conn, keys, proven)
            login = await browsers.log_in(conn, actor, proven)
    except SecondFactorRequired as needed:
        token = needed.extra.get("factor_token")
        if token:
            return await _ask_second(request, token, onward)
        return await _set_up(request, actor, {"enrolment_token": needed.extra["enrolment_token"], "next": onward})
    except (Unauthenticated, TooManyAttempts, RateLimited) as refused:
        return _shown(request, "login", onward, refused.status, email=email, fault=_fault(refused))
    response = go_on(request, login, onward)
    devices.remember(request, response, asked.username)
    return response


@router.post("/login/second")
async def finish_log_in(request: Request, actor: Anybody) -> Response:
    """The second step: a code of the app, a recovery code, or a passkey. The token of the first allows five tries."""
    sent, keys, pool = await forms.sent(request), request.app.state.keys, request.app.state.pool
    onward, token = sent.get("next", "/"), sent.get("factor_token", "")
    try:
        try:
            given = _given(sent)
            attempt = await second_step.begin(pool, keys, token, given)
            try:
                async with transaction(request) as conn:
                    email, proven = await second_step.finish(conn, keys, actor, attempt)
                    login = await browsers.log_in(conn, actor, proven)
            except SecondFactorRefused:
                await second_step.count_refusal(pool, keys, attempt)
                raise
        except (SecondFactorRefused, TooManyAttempts) as refused:
            fault = "passkey" if sent.get("credential") else _fault(refused)
            return await _ask_second(request, token, onward, fault, refused.status)
    except Unauthenticated as refused:  # the token has expired, or its tries are used up: from the beginning
        return _shown(request, "login", onward, refused.status, email="", fault="again")
    response = go_on(request, login, onward)
    devices.remember(request, response, email)
    return response


@router.post("/login/app")
async def confirm_app(request: Request, actor: Anybody) -> Response:
    """The app that a role demands is set up when it shows the right code; then they log in with it."""
    sent, keys = await forms.sent(request), request.app.state.keys
    owner, proof = _enrolling(request, actor, sent)
    try:
        if forms.read(_Code, {"code": (code := forms.code(sent))})[0] is None:
            raise CodeRefused
        async with transaction(request) as conn:
            made = await factors.confirm_totp(conn, keys, owner, proof, code)
    except CodeRefused as refused:
        return await _set_up(request, actor, sent, "code", refused.status)
    return _codes(request, sent, made)


@router.post("/login/passkey")
async def register_passkey(request: Request, actor: Anybody) -> Response:
    """A passkey in place of the app that a role demands."""
    sent = await forms.sent(request)
    owner, proof = _enrolling(request, actor, sent)
    asked, faults = forms.read(NewPasskey, {**sent, "name": sent.get("name", "").strip()})
    try:
        made = await register(request, owner, proof, asked)
    except (CodeRefused, Conflict) as refused:
        fault = "name" if "name" in faults else "passkey"
        return await _set_up(request, actor, sent, fault, refused.status)
    return _codes(request, sent, made)


@router.post("/logout")
async def log_out(request: Request, actor: Anybody) -> Response:
    """End this session. Idempotent: without one there is nothing to end."""
    login = browsers.login_of(request)
    if login:
        async with transaction(request) as conn:
            owner = replace(actor, user_id=login.user_id, role=login.role)
            await sessions.log_out(conn, owner, login.session_id)
    # What the browser keeps of us goes with it, and with it what the offline page knows.
    response = RedirectResponse("/", 303, {"Cache-Control": "no-store", "Clear-Site-Data": '"cache", "storage"'})
    browsers.forget(request, response)
    return response


def _given(sent: dict[str, str]) -> second_step.Given:
    """What the form proves them by. Raises SecondFactorRefused for what can be none."""
    if sent.get("credential"):
        signed, _ = forms.read(Signed, sent)
        if signed is None:
            raise SecondFactorRefused
        return second_step.Given(credential=signed.credential, challenge_id=signed.challenge_id)
    code = forms.code(sent)
    if forms.read(_Code, {"code": code})[0] is None:
        raise SecondFactorRefused
    return second_step.Given(code=code) if code.isdecimal() else second_step.Given(recovery_code=code)


async def _ask_second(
    request: Request, token: str, onward: str, fault: str | None = None, status: int = 200
) -> Response:
    """Ask for the second factor. Raises Unauthenticated when the token has expired."""
    async with transaction(request) as conn:
        there, passkey = await second_step.question(conn, request.app.state.keys, token)
    return _shown(request, "second", onward, status, token=token, factors=there, passkey=passkey, fault=fault)


def _shown(request: Request, template: str, onward: str, status: int = 200, **told: Any) -> Response:
    """A page of the log-in. Another language begins it anew, and leads on to the same place."""
    here = link("/login", next=onward)
    return page(request, f"account/{template}.html", status=status, private=True, here=here, onward=onward, **told)


def _enrolling(request: Request, actor: Actor, sent: dict[str, str]) -> tuple[Actor, Proof]:
    """Who sets up the first factor, and by what. Raises Unauthenticated."""
    proof = proofs.read(Purpose.ENROLMENT, sent.get("enrolment_token", ""), request.app.state.keys)
    return replace(actor, user_id=proof.user_id, role=proof.role), proof


async def _set_up(
    request: Request, actor: Actor, sent: dict[str, str], fault: str | None = None, status: int = 200
) -> Response:
    """Let somebody who has no second factor and needs one set it up. A key that was shown is shown again."""
    keys = request.app.state.keys
    owner, proof = _enrolling(request, actor, sent)
    async with transaction(request) as conn:
        app = {"secret": sent.get("secret", ""), "uri": sent.get("uri", "")}
        if not app["secret"]:
            app = await factors.begin_totp(conn, keys, owner, proof, proven=True)
        passkey = await passkeys.registration_options(conn, keys, owner, proof, proven=True)
    told = {"token": sent["enrolment_token"], "name": sent.get("name", ""), "app": app, "question": passkey}
    return _shown(request, "app", sent.get("next", "/"), status, fault=fault, **told)


def _codes(request: Request, sent: dict[str, str], made: dict[str, Any]) -> Response:
    return _shown(request, "codes", sent.get("next", "/"), codes=made["recovery_codes"])


def _fault(refused: Problem) -> str:
    """What to tell of it."""
    if isinstance(refused, TooManyAttempts | RateLimited):
        return "wait"
    return "code" if isinstance(refused, SecondFactorRefused) else "wrong"
