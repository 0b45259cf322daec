"""`/m/{token}`: one appointment, by the link to it (ADR-0025). What a GET answers changes nothing, however often."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from frontdesk.availability.service import days
from frontdesk.booking.models import SlotTakenProblem
from frontdesk.guests import calendar, pages, service
from frontdesk.guests.calendar_api import FILE
from frontdesk.guests.models import CancelByLink, ConfirmByLink, GuestAppointment, GuestSlots, MoveByLink
from frontdesk.guests.route import UNLISTED, LinkRoute, OnceByLink, Opened
from frontdesk.web.answers import answer
from frontdesk.web.browsers import wants_page
from frontdesk.web.fields import Day
from frontdesk.web.versions import IfMatch

router = APIRouter(prefix="/m", tags=["guests"], route_class=LinkRoute)

_PAGE: dict[str, Any] = {"content": {"text/html": {}}}
_EITHER: dict[int | str, dict[str, Any]] = {200: _PAGE | {"description": "The appointment; a page for browsers"}}
_CHANGED: dict[int | str, dict[str, Any]] = {303: {"description": "To a browser: the page shows what came of it"}}
_TAKEN: dict[int | str, dict[str, Any]] = {409: {"model": SlotTakenProblem, "description": "The time is taken"}}


@router.get("/{token}", response_model=GuestAppointment, responses=_EITHER)
async def see_by_link(here: Opened) -> Response:
    """One appointment, by the link that its patient was sent. 404 for a link that is wrong, over or ended."""
    return await here.answer(await service.look(here.conn, here.guest))


@router.get("/{token}/slots", response_model=GuestSlots, responses=_EITHER)
async def slots_by_link(
    here: Opened,
    from_: Annotated[Day | None, Query(alias="from", description="First day, in the clinic's zone.")] = None,
    to: Annotated[Day | None, Query(description="Day after the last; 14 days when left out.")] = None,
) -> Response:
    """Free starts to move to, with the same provider at the same clinic. Each can be had, unless somebody is faster."""
    row = await service.look(here.conn, here.guest)
    free = await service.slots(here.conn, row, here.guest, from_, to)
    if wants_page(here.request):
        return pages.times(row, here.link, here.guest.language, free, later=days(from_, to)["to_on"])
    return answer(200, {"slots": free}, **UNLISTED)


@router.get("/{token}/calendar.ics", response_class=Response, responses=FILE)
async def calendar_by_link(here: Opened) -> Response:
    """The appointment for a calendar program, with the link in it."""
    row = await service.look(here.conn, here.guest, "appointments:calendar")
    file = calendar.of(row, here.guest.language, here.link)
    return calendar.answer(here.request, file, **UNLISTED)


@router.post("/{token}/confirm", response_model=GuestAppointment, responses=_CHANGED)
async def confirm_by_link(
    here: Opened, expected: IfMatch, once: OnceByLink, body: ConfirmByLink | None = None
) -> Response:
    """The patient will come."""
    seen = expected if expected is not None or body is None else body.version
    await service.confirm(here.conn, here.guest, version=seen)
    return await here.changed(once)


@router.post("/{token}/cancel", response_model=GuestAppointment, responses=_CHANGED)
async def cancel_by_link(
    here: Opened, expected: IfMatch, once: OnceByLink, body: CancelByLink | None = None
) -> Response:
    """Cancel; the time is free at once."""
    asked = body or CancelByLink()
    seen = expected if expected is not None else asked.version
    await service.cancel(here.conn, here.guest, version=seen, reason=asked.reason)
    return await here.changed(once)


@router.post("/{token}/accept", response_model=GuestAppointment, responses=_CHANGED)
async def accept_by_link(here: Opened, once: OnceByLink) -> Response:
    """Take the time that is offered; the link then shows the visit. 409 offer-gone when it is not offered any more."""
    return await replace(here, guest=await service.accept(here.conn, here.guest)).changed(once)


@router.post("/{token}/decline", response_model=GuestAppointment, responses=_CHANGED)
async def decline_by_link(here: Opened, once: OnceByLink) -> Response:
    """Leave the time that is offered to the next, and go on waiting."""
    return await replace(here, guest=await service.decline(here.conn, here.guest)).changed(once)


@router.post("/{token}/move", response_model=GuestAppointment, responses=_TAKEN | _CHANGED)
async def move_by_link(here: Opened, expected: IfMatch, once: OnceByLink, body: MoveByLink) -> Response:
    """Move to another start, by the rules that hold for the patient: the old time is given back and the new one taken,
    or nothing changes. 409 slot-taken with alternatives; 422 not-bookable with reasons.
    """
    seen = expected if expected is not None else body.version
    await service.move(here.conn, here.guest, version=seen, start=body.start)
    return await here.changed(once, "moved")
