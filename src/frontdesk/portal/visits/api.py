"""`/visits`: a patient's own visits, and what may be done about each."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import arriving, moving
from frontdesk.booking import service as booking
from frontdesk.db import Connection, borrow
from frontdesk.errors import InvalidRequest, NotFound, Problem
from frontdesk.guests import calendar_api
from frontdesk.portal import forms
from frontdesk.portal.attempt import attempt, go
from frontdesk.portal.book.forms import Reason
from frontdesk.portal.pages import link
from frontdesk.portal.route import PageRoute
from frontdesk.portal.visits import shown
from frontdesk.portal.visits.shown import Done, Meant, When
from frontdesk.web.fields import Day, Instant
from frontdesk.web.pages import Cursor
from frontdesk.web.tx import Read, viewer_of

router = APIRouter(prefix="/visits", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Reader = Annotated[Actor, allow("appointments:read")]
Mover = Annotated[Actor, allow("appointments:move")]
Version = Annotated[int, Form(ge=1, le=2**31 - 1)]


@router.get("")
async def visits(
    request: Request,
    actor: Reader,
    conn: Read,
    when: When | None = None,
    cursor: Cursor = None,
    done: Done | None = None,
) -> Response:
    """What lies ahead, with offers and places on the waitlist; or what is over."""
    if actor.patient_id is None:  # whoever is no patient has other lists
        return go("/")
    return await shown.all_visits(request, actor, conn, when=when, cursor=cursor, done=done)


@router.get("/{appointment_id}")
async def visit(
    request: Request, appointment_id: UUID, actor: Reader, conn: Read, done: Done | None = None
) -> Response:
    """One visit: when, where, with whom, and what may be done about it now."""
    return await shown.one_visit(request, actor, conn, appointment_id, done=done)


@router.get("/{appointment_id}/calendar.ics")
async def calendar_file(request: Request, appointment_id: UUID, actor: Reader, conn: Read) -> Response:
    """The visit for a calendar program."""
    try:
        return await calendar_api.calendar_file(appointment_id, actor, conn, request)
    except NotFound as gone:
        return await shown.others(request, actor, conn, gone)


@router.post("/{appointment_id}/confirm")
async def confirm(
    request: Request,
    appointment_id: UUID,
    actor: Annotated[Actor, allow("appointments:confirm")],
    version: Version,
    meant: Meant = None,
) -> Response:
    """The patient will come."""
    if told := await shown.of_another(request, actor, {"whom": meant}):
        return told
    return await _step(request, actor, appointment_id, "confirmed", version)


@router.post("/{appointment_id}/cancel")
async def cancel(
    request: Request,
    appointment_id: UUID,
    actor: Annotated[Actor, allow("appointments:cancel")],
    version: Version,
) -> Response:
    """Cancel; the time is free at once."""
    sent = await forms.sent(request)
    if told := await shown.of_another(request, actor, sent, sent.get("reason")):
        return told
    said, faults = forms.read(Reason, sent)
    if said is None:
        return await _done(request, actor, appointment_id, InvalidRequest(), typed=sent["reason"], faults=faults)
    return await _step(request, actor, appointment_id, "cancelled", version, typed=said.reason)


@router.post("/{appointment_id}/check-in")
async def check_in(
    request: Request,
    appointment_id: UUID,
    actor: Annotated[Actor, allow("appointments:arrive")],
    version: Version,
    meant: Meant = None,
) -> Response:
    """The patient is here, and the desk knows."""
    if told := await shown.of_another(request, actor, {"whom": meant}):
        return told

    async def arrive(conn: Connection) -> None:
        await arriving.check_in(conn, actor, appointment_id, expected=version)

    return await _done(request, actor, appointment_id, await attempt(request, arrive))


async def _step(
    request: Request, actor: Actor, appointment_id: UUID, status: str, version: int, typed: str | None = None
) -> Response:
    async def step(conn: Connection) -> None:
        reason = typed or (f"cancelled by {actor.role}" if status == "cancelled" else None)
        await booking.step(conn, actor, appointment_id, status, expected=version, reason=reason)

    refused = await attempt(request, step)
    return await _done(request, actor, appointment_id, refused, done=status, typed=typed)


async def _done(
    request: Request,
    actor: Actor,
    appointment_id: UUID,
    refused: Problem | None,
    *,
    done: str | None = None,
    typed: str | None = None,
    **said: Any,
) -> Response:
    """To the visit as it is now; or what was refused, told there."""
    if refused is None:
        return go(link(f"/visits/{appointment_id}", done=done))
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        return await shown.one_visit(request, actor, conn, appointment_id, refused=refused, typed=typed, **said)


@router.get("/{appointment_id}/move")
async def choose(
    request: Request,
    appointment_id: UUID,
    actor: Mover,
    conn: Read,
    since: Annotated[Day | None, Query(alias="from", description="First local day of the clinic.")] = None,
) -> Response:
    """Free times of the same provider at the same clinic, two weeks at once."""
    return await shown.times(request, actor, conn, appointment_id, since)


@router.post("/{appointment_id}/move")
async def move(
    request: Request,
    appointment_id: UUID,
    actor: Mover,
    version: Version,
    start: Annotated[Instant, Form()],
    meant: Meant = None,
) -> Response:
    """Move to another time: the old one is given back and the new one taken, or nothing changes."""
    if told := await shown.of_another(request, actor, {"whom": meant}):
        return told

    async def reschedule(conn: Connection) -> None:
        await moving.reschedule(conn, actor, appointment_id, expected=version, change={"start": start})

    refused = await attempt(request, reschedule)
    if refused is None:
        return go(f"/visits/{appointment_id}?done=moved")
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        if refused.slug in ("status-step", "stale-version"):
            return await shown.one_visit(request, actor, conn, appointment_id, refused=refused)
        return await shown.times(request, actor, conn, appointment_id, None, refused=refused)
