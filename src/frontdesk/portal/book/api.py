"""`/providers/{id}/hold` keeps a time, `/book/{id}` makes a visit of it, and either gives it back."""

import contextlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import browsers
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor, Role
from frontdesk.booking import holds, reholding
from frontdesk.booking.holds import HoldGone, TooManyHolds
from frontdesk.errors import Problem
from frontdesk.family import service as family
from frontdesk.metrics import BOOKED
from frontdesk.portal import forms
from frontdesk.portal.book import booked, choosing, held, typed
from frontdesk.portal.book.choosing import Why, Wish
from frontdesk.portal.book.forms import Reason, see
from frontdesk.portal.book.held import Held
from frontdesk.portal.family import whom
from frontdesk.portal.family.api import switch_to
from frontdesk.portal.pages import link, page
from frontdesk.portal.route import PageRoute
from frontdesk.waitlist import service as waitlist
from frontdesk.waitlist.models import JoinWaitlist
from frontdesk.waitlist.service import AlreadyWaiting
from frontdesk.web.tx import Tx, transaction

router = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)

_NOTHING: Mapping[str, str] = MappingProxyType({})

Holder = Annotated[Actor, allow("holds:make")]
Booker = Annotated[Actor, allow("appointments:book")]
Guarding = Annotated[Actor, allow("family")]
Waiter = Annotated[Actor, allow("waitlist:join")]


@router.post("/providers/{provider_id}/hold")
async def hold(request: Request, provider_id: UUID, wish: Annotated[Wish, Form()], actor: Holder) -> Response:
    """Keep a time; what is in the way is told on the provider's page."""
    asked = wish.of(provider_id)
    try:
        async with transaction(request) as conn:
            made = await holds.make(conn, actor, **asked)
    except (*choosing.REFUSALS, TooManyHolds) as refused:
        return await _not_kept(request, actor, asked, refused)
    return held.keep(request, see(f"/book/{made['id']}"), made)


async def _not_kept(request: Request, actor: Actor, asked: dict[str, Any], refused: Problem) -> Response:
    async with transaction(request) as conn:
        kept = await held.standing(conn, actor, request)
    same = [one for one in kept if all(one[name] == value for name, value in asked.items())]
    if same:  # they have it: the way back was taken, or the button pressed twice
        return see(f"/book/{same[0]['id']}")
    if isinstance(refused, TooManyHolds):
        return see("/book?full=1")
    return see(choosing.instead(asked, choosing.why(refused)))


@router.get("/book")
async def mine(request: Request, actor: Holder, conn: Tx, full: bool = False) -> Response:
    """All times that are kept for this browser."""
    kept = [await Held.of(conn, one) for one in await held.standing(conn, actor, request)]
    return page(request, "book/kept.html", private=True, kept=kept, full=full)


@router.get("/book/{hold_id}")
async def look(request: Request, hold_id: UUID, actor: Holder, other: bool = False) -> Response:
    """What is kept, until when, and how to go on; what became of it, when it is not kept any more."""
    return await _show(request, hold_id, actor, other=other)


@router.post("/book/{hold_id}")
async def book(request: Request, hold_id: UUID, actor: Booker) -> Response:
    """Make a visit of it, for the patient who is logged in."""
    if actor.role is not Role.PATIENT:
        return await _show(request, hold_id, actor)
    sent = await forms.sent(request)
    if whom.other(actor, sent) or (not sent.get("whom") and await _for_another(request, hold_id, actor)):
        return await _show(request, hold_id, actor, sent=sent, why=Why.OTHER)
    said, faults = forms.read(Reason, sent)
    if said is None:
        return await _show(request, hold_id, actor, sent=sent, faults=faults)
    try:
        async with transaction(request) as conn:
            token = held.secret(request, hold_id)
            row = await holds.book(conn, actor, hold_id, token=token, reason=said.reason, asked={})
            end = await booked.link_to(conn, request, row["id"])
    except HoldGone:
        return await _show(request, hold_id, actor, sent=sent)
    except choosing.REFUSALS as refused:
        return await _show(request, hold_id, actor, sent=sent, why=choosing.why(refused))
    BOOKED.inc()
    return held.forget(see(end), hold_id)


async def _for_another(request: Request, hold_id: UUID, actor: Actor) -> bool:
    """Whether it is kept for another of the family than the caller acts for."""
    async with transaction(request) as conn:
        kept = await held.found(conn, request, actor, hold_id)
    return isinstance(kept, Held) and kept.patient_id not in (None, actor.patient_id)


async def _show(
    request: Request,
    hold_id: UUID,
    actor: Actor,
    *,
    sent: Mapping[str, str] = _NOTHING,
    faults: Mapping[str, str] = _NOTHING,
    why: Why | None = None,
    other: bool = False,
    busy: UUID | None = None,
) -> Response:
    async with transaction(request) as conn:
        found = await held.found(conn, request, actor, hold_id)
        if isinstance(found, str):
            return typed.along(request, see(found), hold_id, actor, found, reason=sent.get("reason", ""))
        people = await family.named(conn, actor)
    sent = sent or {"reason": typed.reason(request, actor)}
    told = {"held": found, "role": actor.role, "sent": sent, "faults": faults, "why": why, "people": people}
    told |= {"other": other, "busy": next((one["name"] for one in people if one["patient_id"] == busy), None)}
    return page(request, "book/book.html", status=409 if why else 422 if faults else 200, private=True, **told)


@router.post("/book/{hold_id}/for")
async def keep_for(request: Request, hold_id: UUID, actor: Guarding, patient: Annotated[UUID, Form()]) -> Response:
    """Keep it for one of the family, for whom this browser acts from now on; or all stays as it was."""
    switched = None
    token = held.secret(request, hold_id)
    try:
        async with transaction(request) as conn:
            person = await family.demand(conn, actor, patient)
            if patient != actor.patient_id:
                switched = await switch_to(request, conn, actor, person)
            acting = switched.actor if switched else actor
            kept = await reholding.keep_for(conn, acting, hold_id, token)
    except HoldGone:
        return see(f"/book/{hold_id}")
    except choosing.REFUSALS as refused:
        return await _show(request, hold_id, actor, why=choosing.why(refused), busy=patient)
    response = see(f"/book/{kept}")
    if switched:
        browsers.remember(request, response, switched.login, switched.ends_at)
    return response


@router.post("/book/{hold_id}/drop")
async def drop(request: Request, hold_id: UUID, actor: Holder) -> Response:
    """Give the time back, and look for another."""
    token = held.secret(request, hold_id)
    try:
        async with transaction(request) as conn:
            given = await holds.find(conn, actor, hold_id, token)
            await holds.drop(conn, actor, hold_id, token)
    except HoldGone:
        return see(f"/book/{hold_id}")
    return see(choosing.instead(given, None))  # the browser keeps the secret: the way back tells what became of it


@router.post("/providers/{provider_id}/wait")
async def wait(
    request: Request,
    provider_id: UUID,
    visit: Annotated[UUID, Form()],
    actor: Waiter,
    meant: Annotated[str | None, Form(alias="whom")] = None,
) -> Response:
    """Join the waitlist for this provider; who waits already goes on waiting."""
    whom.check(actor, {"whom": meant})
    wish = JoinWaitlist(provider_id=provider_id, visit_type_id=visit)
    with contextlib.suppress(AlreadyWaiting):
        async with transaction(request) as conn:
            await waitlist.join(conn, actor, wish)
    return see(link(f"/providers/{provider_id}", visit=visit, waiting=1))
