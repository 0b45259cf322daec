"""Who waits for a time at a clinic, what is kept for them, and messages that reached nobody."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import board
from frontdesk.db import Connection, borrow
from frontdesk.errors import Problem
from frontdesk.notifications import service as notifications
from frontdesk.portal.desk import away, choosing, day
from frontdesk.portal.desk.day import Look
from frontdesk.portal.pages import link, page
from frontdesk.portal.route import PageRoute
from frontdesk.waitlist import offers
from frontdesk.waitlist import service as waitlist
from frontdesk.waitlist.models import JoinWaitlist, Urgency
from frontdesk.web.tx import Read, transaction, viewer_of

router = APIRouter(prefix="/desk", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Desk = Annotated[Actor, allow("board:read")]
Joiner = Annotated[Actor, allow("waitlist:join")]
Reader = Annotated[Actor, allow("notifications:read")]
Sender = Annotated[Actor, allow("notifications:send")]
Clinic = Annotated[UUID, Form()]
Calls = Annotated[str | None, Form(pattern=away.CALLS)]

_SHOWN = 100


class Waits(BaseModel):
    clinic: UUID
    visit: UUID
    provider: UUID
    urgency: Urgency = "normal"


@router.get("/waitlist")
async def waiting(request: Request, actor: Desk, conn: Read) -> Response:
    """Who waits, in the order in which they joined, and what is kept for whom. To htmx only the list."""
    return await _waiting(request, conn, actor, Look.of(request))


@router.post("/patients/{patient_id}/wait")
async def wait(request: Request, patient_id: UUID, actor: Joiner, asked: Annotated[Waits, Form()]) -> Response:
    """Put a patient on the waitlist of a provider at a clinic."""
    of = {"visit_type_id": asked.visit, "provider_id": asked.provider, "urgency": asked.urgency}
    wish = JoinWaitlist(patient_id=patient_id, clinic_ids=[asked.clinic], **of)
    return await _change(request, actor, asked.clinic, lambda conn: waitlist.join(conn, actor, wish))


@router.post("/waitlist/{entry_id}/leave")
async def leave(request: Request, entry_id: UUID, actor: Joiner, clinic: Clinic) -> Response:
    """Take somebody off the list; what was kept for them goes to the next."""
    return await _change(request, actor, clinic, lambda conn: waitlist.leave(conn, actor, entry_id))


@router.post("/offers/{offer_id}/accept")
async def accept(request: Request, offer_id: UUID, actor: Joiner, clinic: Clinic, calls: Calls = None) -> Response:
    """The patient takes the time that is kept for them."""
    return await _change(request, actor, clinic, lambda conn: offers.accept(conn, actor, offer_id), calls)


@router.post("/offers/{offer_id}/decline")
async def decline(request: Request, offer_id: UUID, actor: Joiner, clinic: Clinic, calls: Calls = None) -> Response:
    """The patient does not want it: the time goes to the next, the place stays."""
    return await _change(request, actor, clinic, lambda conn: waitlist.decline(conn, actor, offer_id), calls)


async def _change(
    request: Request,
    actor: Actor,
    clinic: UUID,
    change: Callable[[Connection], Awaitable[object]],
    calls: str | None = None,
) -> Response:
    """Back to the list, or to these `calls`, with what was refused told; what is no conflict is a page of its own."""
    try:
        async with transaction(request) as conn:
            await change(conn)
    except Problem as refused:
        if not choosing.told_in_place(refused, actor):
            raise
        async with borrow(request.app.state.pool, viewer_of(request)) as conn:
            if calls:
                provider_id, exception_id = map(UUID, calls.split("/"))
                return await away.listed(request, conn, actor, Look(clinic=clinic), provider_id, exception_id, refused)
            return await _waiting(request, conn, actor, Look(clinic=clinic), refused)
    return RedirectResponse(link(f"/desk/away/{calls}" if calls else "/desk/waitlist", clinic=clinic), 303)


async def _waiting(
    request: Request, conn: Connection, actor: Actor, look: Look, refused: Problem | None = None
) -> Response:
    place = await day.place(conn, actor, look)
    of = {"clinic_id": place.clinic and place.clinic["id"], "status": ["waiting", "offered"]}
    nothing = dict.fromkeys(("patient_id", "provider_id", "specialty_id", "visit_type_id"))
    listed = await waitlist.list_entries(conn, actor, limit=_SHOWN, cursor=None, **nothing, **of)
    entries = listed["items"]
    kinds = ("patient_id", "visit_type_id", "provider_id", "specialty_id")
    ids = {entry[kind] for entry in entries for kind in kinds}
    ids |= {
        UUID(offer[kind]) for entry in entries for offer in entry["offers"] for kind in ("provider_id", "clinic_id")
    }
    names = await board.names(conn, ids)
    template = "desk/_waiting.html" if "hx-request" in request.headers else "desk/waitlist.html"
    status = refused.status if refused else 200
    return page(request, template, status=status, place=place, entries=entries, names=names, refused=refused)


@router.get("/messages")
async def messages(request: Request, actor: Reader, conn: Read) -> Response:
    """The messages of a clinic that reached nobody."""
    return await _messages(request, conn, actor, Look.of(request))


@router.post("/messages/{notification_id}/resend")
async def resend(request: Request, notification_id: UUID, actor: Sender, clinic: Clinic) -> Response:
    """Send one of them once more."""
    try:
        async with transaction(request) as conn:
            await notifications.resend(conn, actor, notification_id)
    except Problem as refused:
        if refused.status != 409:
            raise
        async with borrow(request.app.state.pool, viewer_of(request)) as conn:
            return await _messages(request, conn, actor, Look(clinic=clinic), refused)
    return RedirectResponse(link("/desk/messages", clinic=clinic), 303)


async def _messages(
    request: Request, conn: Connection, actor: Actor, look: Look, refused: Problem | None = None
) -> Response:
    place = await day.place(conn, actor, look)
    failed: list[dict[str, Any]] = []
    if place.clinic:
        failed = await notifications.unheard(conn, actor, place.id, limit=_SHOWN)
    names = await board.names(conn, {message["patient_id"] for message in failed})
    status = refused.status if refused else 200
    correctable = {one["id"] for one in failed if actor.may("patients:write") and notifications.blames_address(one)}
    told: dict[str, Any] = {
        "place": place,
        "messages": failed,
        "names": names,
        "correctable": correctable,
        "refused": refused,
    }
    return page(request, "desk/messages.html", status=status, **told)
