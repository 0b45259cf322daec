"""Places on the waitlist and offers, as pages."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import service as booking
from frontdesk.db import Connection, borrow
from frontdesk.errors import Problem
from frontdesk.portal.attempt import attempt, go
from frontdesk.portal.pages import link
from frontdesk.portal.route import PageRoute
from frontdesk.portal.visits import shown
from frontdesk.portal.visits.shown import Done, Meant
from frontdesk.waitlist import offers, service
from frontdesk.waitlist.models import JoinWaitlist
from frontdesk.web.tx import Read, viewer_of

router = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)

Reader = Annotated[Actor, allow("waitlist:read")]
Joiner = Annotated[Actor, allow("waitlist:join")]

_A_DAY = timedelta(days=1)


@router.get("/waitlist/{entry_id}")
async def place(request: Request, entry_id: UUID, actor: Reader, conn: Read) -> Response:
    """One place: what is waited for, the position, and why."""
    return await shown.one_place(request, actor, conn, entry_id)


@router.post("/visits/{appointment_id}/earlier")
async def earlier(request: Request, appointment_id: UUID, actor: Joiner, meant: Meant = None) -> Response:
    """Wait for an earlier time with the same provider: an accepted offer moves the visit there."""
    if told := await shown.of_another(request, actor, {"whom": meant}):
        return told

    async def wait(conn: Connection) -> None:
        visit = await booking.find(conn, actor, appointment_id)
        wish = {name: visit[name] for name in ("patient_id", "visit_type_id", "provider_id")}
        last = (visit["start"] + _A_DAY).date()  # wherever the clinic is
        await service.join(conn, actor, JoinWaitlist(**wish, appointment_id=appointment_id, latest=last))

    refused = await attempt(request, wait)
    if refused is None:
        return go("/visits?done=joined")
    if actor.patient_id is None:
        raise refused
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        return await shown.one_visit(request, actor, conn, appointment_id, refused=refused)


@router.post("/waitlist/{entry_id}/leave")
async def leave(
    request: Request,
    entry_id: UUID,
    actor: Joiner,
    version: Annotated[int, Form(ge=1, le=2**31 - 1)],
    meant: Meant = None,
) -> Response:
    """Wait no longer. A time that was kept goes to the next."""
    if told := await shown.of_another(request, actor, {"whom": meant}):
        return told

    async def end(conn: Connection) -> None:
        await service.leave(conn, actor, entry_id, version)

    refused = await attempt(request, end)
    if refused is None:
        return go("/visits?done=left")
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        return await shown.one_place(request, actor, conn, entry_id, refused=refused)


@router.post("/offers/{offer_id}/accept")
async def accept(request: Request, offer_id: UUID, actor: Joiner, meant: Meant = None) -> Response:
    """Book the time that was offered, or move the visit there that it stands in for."""
    if told := await shown.of_another(request, actor, {"whom": meant}):
        return told
    booked: list[UUID] = []

    async def take(conn: Connection) -> None:
        booked.append((await offers.accept(conn, actor, offer_id))["id"])

    refused = await attempt(request, take)
    if refused is None:
        return go(f"/visits/{booked[-1]}?done=booked")
    return await _refused(request, actor, offer_id, refused)


@router.post("/offers/{offer_id}/decline")
async def decline(request: Request, offer_id: UUID, actor: Joiner, meant: Meant = None) -> Response:
    """Leave the time to the next, and go on waiting."""
    if told := await shown.of_another(request, actor, {"whom": meant}):
        return told

    async def give_back(conn: Connection) -> None:
        await service.decline(conn, actor, offer_id)

    refused = await attempt(request, give_back)
    if refused is None:
        return go("/visits?done=declined")
    return await _refused(request, actor, offer_id, refused, done="taken")


async def _refused(
    request: Request, actor: Actor, offer_id: UUID, refused: Problem, *, done: Done | None = None
) -> Response:
    """To the visit of an offer that was taken: in another tab, or the button was pressed twice. Else why it could not
    be answered, with all that the patient has; whoever is no patient has no such page."""
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        if visit := await offers.taken(conn, actor, offer_id):
            return go(link(f"/visits/{visit}", done=done))
        if actor.patient_id is None:
            raise refused
        return await shown.all_visits(request, actor, conn, refused=refused)
