"""The day's list of a clinic, the sheet of one visit, and the steps of its life."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk import clock
from frontdesk.audit import reads
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import board
from frontdesk.db import Connection, borrow
from frontdesk.errors import Problem
from frontdesk.portal import steps
from frontdesk.portal.desk import choosing, day, moving
from frontdesk.portal.desk.choosing import Chosen, Wish
from frontdesk.portal.desk.day import Look
from frontdesk.portal.pages import link, page
from frontdesk.portal.route import PageRoute
from frontdesk.web.fields import Day, Text
from frontdesk.web.tx import Read, transaction, viewer_of

router = APIRouter(prefix="/desk", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Desk = Annotated[Actor, allow("board:read")]
Stepper = Annotated[Actor, allow("appointments:step")]
Mover = Annotated[Actor, allow("appointments:move")]
Confirmer = Annotated[Actor, allow("appointments:confirm")]
Canceller = Annotated[Actor, allow("appointments:cancel")]


class Doing(BaseModel):
    """What a button of a visit sends: the version that was shown, and the day to go back to."""

    model_config = ConfigDict(str_strip_whitespace=True)

    clinic: UUID
    on: Day
    version: int | None = None


class ToStep(Doing):
    to: Literal["checked_in", "in_progress", "completed", "no_show"]


class ToCancel(Doing):
    reason: Annotated[Text, Field(min_length=1)]


@router.get("")
async def day_list(request: Request, actor: Desk, conn: Read) -> Response:
    """All visits of a clinic's day. To htmx only the list."""
    return await _list(request, conn, actor, Look.of(request))


@router.get("/visits/{appointment_id}")
async def visit_sheet(request: Request, appointment_id: UUID, actor: Desk, conn: Read) -> Response:
    """One visit, and everything that can be done with it."""
    return await _sheet(request, conn, actor, appointment_id, Wish.of(request))


@router.post("/visits/{appointment_id}/move")
async def move(request: Request, appointment_id: UUID, actor: Mover, chosen: Annotated[Chosen, Form()]) -> Response:
    """To another time or provider of the clinic, with a reason where a rule is broken."""
    try:
        async with transaction(request) as conn:
            await moving.move(conn, actor, appointment_id, chosen)
    except Problem as refused:
        if not choosing.told_in_place(refused, actor):
            raise
        wish = Wish(provider=chosen.provider, on=chosen.on)
        async with borrow(request.app.state.pool, viewer_of(request)) as conn:
            return await _sheet(request, conn, actor, appointment_id, wish, refused=refused, chosen=chosen)
    return RedirectResponse(f"/desk/visits/{appointment_id}", 303)


@router.post("/visits/{appointment_id}/step")
async def step(request: Request, appointment_id: UUID, actor: Stepper, asked: Annotated[ToStep, Form()]) -> Response:
    """The patient has arrived, the visit begins or is over, or nobody came."""
    return await _step(request, actor, appointment_id, asked, asked.to)


@router.post("/visits/{appointment_id}/confirm")
async def confirm(
    request: Request, appointment_id: UUID, actor: Confirmer, asked: Annotated[Doing, Form()]
) -> Response:
    """The patient will come."""
    return await _step(request, actor, appointment_id, asked, "confirmed")


@router.post("/visits/{appointment_id}/cancel")
async def cancel(
    request: Request, appointment_id: UUID, actor: Canceller, asked: Annotated[ToCancel, Form()]
) -> Response:
    """Cancel, with a reason; the time is free at once."""
    return await _step(request, actor, appointment_id, asked, "cancelled", asked.reason)


async def _step(
    request: Request, actor: Actor, appointment_id: UUID, asked: Doing, to: str, reason: str | None = None
) -> Response:
    """Do it and show the day; what is refused is told there, or without scripts on the sheet of the visit."""
    within = "hx-request" in request.headers
    refused, clinic = None, asked.clinic
    try:
        async with transaction(request) as conn:
            row = await steps.step(conn, actor, appointment_id, to, expected=asked.version, reason=reason)
        clinic = row["clinic_id"]  # whatever the form says: what was done is shown where it was done
    except Problem as problem:
        if not choosing.told_in_place(problem, actor):
            raise
        refused = problem
    if not refused and not within:
        return RedirectResponse(f"{link('/desk', clinic=clinic, on=asked.on)}#a-{appointment_id}", 303)
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        if within:
            look = Look(clinic=clinic, on=asked.on)
            return await _list(request, conn, actor, look, about=appointment_id, refused=refused)
        return await _sheet(request, conn, actor, appointment_id, Wish(), refused=refused)


async def _list(
    request: Request,
    conn: Connection,
    actor: Actor,
    look: Look,
    *,
    about: UUID | None = None,
    refused: Problem | None = None,
) -> Response:
    """The list; `about` a visit that was just changed, or was not."""
    told = await day.told(conn, actor, look)
    just = next((visit for visit in told["visits"] if visit["id"] == about), None)
    template = "desk/_day.html" if "hx-request" in request.headers else "desk/day.html"
    return page(request, template, about=about, just=just, refused=refused, **told)


async def _sheet(
    request: Request,
    conn: Connection,
    actor: Actor,
    appointment_id: UUID,
    wish: Wish,
    *,
    refused: Problem | None = None,
    chosen: Chosen | None = None,
) -> Response:
    row = await board.visit(conn, actor, appointment_id)
    await reads.looked(conn, actor, [row["patient_id"]], "appointments:read")
    visit = day.marked(row, clock.now())
    times = await moving.times(request, conn, visit, wish) if visit["status"] in moving.MOVABLE else None
    return page(
        request,
        "desk/visit.html",
        status=refused.status if refused else 200,
        visit=visit,
        times=times,
        refused=refused,
        chosen=chosen,
        minutes=(chosen and chosen.minutes) or moving.minutes(visit),
        local=choosing.local_of(chosen, visit["time_zone"]) if chosen else moving.local_start(visit),
    )
