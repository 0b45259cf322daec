"""`/book/{id}/guest`: without an account, by an e-mail address that is proven with a code."""

import base64
import binascii
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor, Role
from frontdesk.auth.throttle import TooManyAttempts
from frontdesk.booking.holds import HoldGone
from frontdesk.guests import newcomers
from frontdesk.guests.newcomers import Asked, Newcomer
from frontdesk.metrics import BOOKED
from frontdesk.portal import language
from frontdesk.portal.book import booked, choosing, held
from frontdesk.portal.book.choosing import Why
from frontdesk.portal.book.forms import Code, Details, Typed, own, read, see
from frontdesk.portal.route import PageRoute
from frontdesk.settings import settings
from frontdesk.web.tx import transaction

router = APIRouter(prefix="/book/{hold_id}", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Holder = Annotated[Actor, allow("holds:make")]

_COOKIE = "frontdesk_guest"
"""What was typed, sealed: it goes with requests about its own hold, and nowhere else."""


@router.get("/guest")
async def details(request: Request, hold_id: UUID, actor: Holder) -> Response:
    """Who comes; what was typed before stands there already."""
    before = _asked(request, hold_id)
    return await _show(request, hold_id, actor, "book/guest.html", _typed(before.who) if before else Typed())


@router.post("/guest")
async def send_code(request: Request, hold_id: UUID, actor: Holder) -> Response:
    """Send a code to the address, and ask for it on the next page."""
    said, typed = await read(request, Details)
    if said is None:
        return await _show(request, hold_id, actor, "book/guest.html", typed)
    who = Newcomer(**dict(said), language=language.of(request).language)
    try:
        async with transaction(request) as conn:
            found = await held.found(conn, request, actor, hold_id)
            if isinstance(found, str) or actor.role is not Role.ANONYMOUS:
                return see(f"/book/{hold_id}")
            sealed = await newcomers.ask(conn, request.app.state.keys, actor, hold_id, who)
    except TooManyAttempts:
        return await _show(request, hold_id, actor, "book/guest.html", typed, often=True)
    return _remember(request, see(f"/book/{hold_id}/code"), hold_id, sealed)


@router.get("/code")
async def ask_code(request: Request, hold_id: UUID, actor: Holder) -> Response:
    """The code that was sent, and why they come."""
    return await _ask(request, hold_id, actor, Typed())


@router.post("/code")
async def book(request: Request, hold_id: UUID, actor: Holder) -> Response:
    """Make a visit of it, if the code is right."""
    said, typed = await read(request, Code)
    before, keys = _asked(request, hold_id), request.app.state.keys
    if before is None or said is None:
        return await _ask(request, hold_id, actor, typed)
    token = held.secret(request, hold_id)
    try:
        async with transaction(request) as conn:  # by itself: a guess stays counted, whatever comes of it
            if isinstance(await held.found(conn, request, actor, hold_id), str):
                raise HoldGone
            await newcomers.count_try(conn, keys, hold_id)
        if not before.proves(keys, hold_id, said.code):
            return await _ask(request, hold_id, actor, typed.but("code"))
        async with transaction(request) as conn:
            row = await newcomers.book(conn, keys, actor, hold_id, token, before.who, said.reason)
            link = await booked.link_to(conn, request, row["id"])
    except TooManyAttempts:
        return await _ask(request, hold_id, actor, typed, often=True)
    except HoldGone:
        return see(f"/book/{hold_id}")
    except choosing.REFUSALS as refused:
        return await _ask(request, hold_id, actor, typed, why=choosing.why(refused))
    BOOKED.inc()
    response = see(link)
    response.delete_cookie(_COOKIE, path=f"/book/{hold_id}")
    return response


async def _ask(request: Request, hold_id: UUID, actor: Actor, typed: Typed, **told: Any) -> Response:
    before = _asked(request, hold_id)
    if before is None:
        return see(f"/book/{hold_id}/guest")
    return await _show(request, hold_id, actor, "book/code.html", typed, to=before.who.email, **told)


async def _show(
    request: Request,
    hold_id: UUID,
    actor: Actor,
    template: str,
    typed: Typed,
    *,
    often: bool = False,
    why: Why | None = None,
    **told: Any,
) -> Response:
    """The page, or the one where a browser learns what became of the hold; whoever is logged in is no guest."""
    async with transaction(request) as conn:
        found = await held.found(conn, request, actor, hold_id)
    if isinstance(found, str) or actor.role is not Role.ANONYMOUS:
        return see(f"/book/{hold_id}")
    status = 429 if often else 409 if why else typed.status
    return own(request, template, status=status, held=found, typed=typed, often=often, why=why, **told)


def _typed(who: Newcomer) -> Typed:
    return Typed({name: str(getattr(who, name)) for name in Details.model_fields})


def _asked(request: Request, hold_id: UUID) -> Asked | None:
    try:
        sealed = base64.urlsafe_b64decode(request.cookies.get(_COOKIE, ""))
    except (binascii.Error, ValueError):
        return None
    return newcomers.asked(request.app.state.keys, hold_id, sealed)


def _remember(request: Request, response: Response, hold_id: UUID, sealed: bytes) -> Response:
    value, lifetime = base64.urlsafe_b64encode(sealed).decode(), settings().contact_code_ttl
    secure = request.url.scheme == "https"
    response.set_cookie(
        _COOKIE,
        value,
        int(lifetime.total_seconds()),
        httponly=True,
        secure=secure,
        samesite="lax",
        path=f"/book/{hold_id}",
    )
    return response
