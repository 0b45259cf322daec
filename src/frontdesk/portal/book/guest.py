"""`/book/{id}/guest`: without an account, by an e-mail address that is proven with a code."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor, Role
from frontdesk.auth.throttle import TooManyAttempts
from frontdesk.booking.holds import HoldGone
from frontdesk.guests import newcomers
from frontdesk.guests.newcomers import Newcomer
from frontdesk.metrics import BOOKED
from frontdesk.portal import forms, language
from frontdesk.portal.book import booked, choosing, held, typed
from frontdesk.portal.book.forms import Code, Details, see
from frontdesk.portal.book.held import Held
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.web.tx import transaction

router = APIRouter(prefix="/book/{hold_id}", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Holder = Annotated[Actor, allow("holds:make")]

_NOTHING: Mapping[str, str] = MappingProxyType({})


@router.get("/guest")
async def details(request: Request, hold_id: UUID, actor: Holder) -> Response:
    """Who comes; what was typed before stands there already, for a time that is gone, too."""
    before = typed.asked(request, hold_id) or typed.asked(request, None)
    sent = {name: str(getattr(before.who, name)) for name in Details.model_fields} if before else {}
    return await _show(request, hold_id, actor, "guest", sent=sent)


@router.post("/guest")
async def send_code(request: Request, hold_id: UUID, actor: Holder) -> Response:
    """Send a code to the address, and ask for it on the next page."""
    sent = await forms.sent(request)
    said, faults = forms.read(Details, sent)
    if said is None:
        return await _show(request, hold_id, actor, "guest", 422, sent=sent, faults=faults)
    who = Newcomer(**dict(said), language=language.of(request).language)
    try:
        async with transaction(request) as conn:
            found = await held.found(conn, request, actor, hold_id)
            if isinstance(found, str) or actor.role is not Role.ANONYMOUS:
                return _instead(request, hold_id, actor, found, who)
            sealed = await newcomers.ask(conn, request.app.state.keys, actor, hold_id, who)
    except TooManyAttempts as refused:
        return await _show(request, hold_id, actor, "guest", refused.status, sent=sent, fault="often")
    path = f"/book/{hold_id}"
    response = typed.remember(request, see(f"{path}/code"), typed.GUEST, sealed, path)
    if held.TYPED in request.cookies:
        response.delete_cookie(held.TYPED, path="/book")
    return response


@router.get("/code")
async def ask_code(request: Request, hold_id: UUID, actor: Holder) -> Response:
    """The code that was sent, and why they come."""
    return await _show(request, hold_id, actor, "code", sent={"reason": typed.reason(request, actor)})


@router.post("/code")
async def book(request: Request, hold_id: UUID, actor: Holder) -> Response:
    """Make a visit of it, if the code is right."""
    sent, keys, before = await forms.sent(request), request.app.state.keys, typed.asked(request, hold_id)
    said, faults = forms.read(Code, sent)
    if before is None or said is None:
        return await _show(request, hold_id, actor, "code", 422, sent=sent, faults=faults)
    token = held.secret(request, hold_id)
    try:
        async with transaction(request) as conn:  # by itself: a guess stays counted, whatever comes of it
            found = await held.found(conn, request, actor, hold_id)
            if isinstance(found, str):
                return _instead(request, hold_id, actor, found, before.who, said.reason)
            await newcomers.count_try(conn, keys, hold_id)
        if not before.proves(keys, hold_id, said.code):
            return await _show(request, hold_id, actor, "code", 422, sent=sent, faults={"code": "wrong"})
        async with transaction(request) as conn:
            row = await newcomers.book(conn, keys, actor, hold_id, token, before.who, said.reason)
            link = await booked.link_to(conn, request, row["id"])
    except HoldGone:
        return await _show(request, hold_id, actor, "code", sent=sent)
    except TooManyAttempts as refused:
        return await _show(request, hold_id, actor, "code", refused.status, sent=sent, fault="often")
    except choosing.REFUSALS as refused:
        return await _show(request, hold_id, actor, "code", 409, sent=sent, fault=choosing.why(refused))
    BOOKED.inc()
    response = see(link)
    response.delete_cookie(typed.GUEST, path=f"/book/{hold_id}")
    return held.forget_typed(response)


def _instead(
    request: Request,
    hold_id: UUID,
    actor: Actor,
    found: Held | str,
    who: Newcomer | None = None,
    reason: str | None = None,
) -> Response:
    """To what became of the hold. When a guest lost it, what they typed goes along to the time they choose next."""
    response = see(f"/book/{hold_id}")
    if actor.role is not Role.ANONYMOUS or not isinstance(found, str):
        return response
    return typed.along(request, response, hold_id, actor, found, who=who, reason=reason or "")


async def _show(
    request: Request,
    hold_id: UUID,
    actor: Actor,
    step: Literal["guest", "code"],
    status: int = 200,
    *,
    sent: Mapping[str, str] = _NOTHING,
    faults: Mapping[str, str] = _NOTHING,
    fault: str | None = None,
) -> Response:
    """The page of a step. Elsewhere whoever is logged in, whose hold is gone, or who gave no address yet."""
    async with transaction(request) as conn:
        found = await held.found(conn, request, actor, hold_id)
    if isinstance(found, str) or actor.role is not Role.ANONYMOUS:
        return _instead(request, hold_id, actor, found, reason=sent.get("reason"))
    before = typed.asked(request, hold_id)
    if step == "code" and before is None:
        return see(f"{found.path}/guest")
    told = {"held": found, "sent": sent, "faults": faults, "fault": fault, "to": before and before.who.email}
    return page(request, f"book/{step}.html", status=status, private=True, **told)
