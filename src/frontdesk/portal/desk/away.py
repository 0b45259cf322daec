"""A sick day: see what it would displace, enter it, and call whoever has to be called."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk import clock
from frontdesk.audit import reads
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.availability.stranded import AppointmentsStranded
from frontdesk.booking import board
from frontdesk.db import Connection, borrow
from frontdesk.errors import Conflict, Problem
from frontdesk.portal.desk import choosing, day
from frontdesk.portal.desk.day import Look
from frontdesk.portal.forms import Fault
from frontdesk.portal.pages import link, page
from frontdesk.portal.route import PageRoute
from frontdesk.sickday import service as sickday
from frontdesk.sickday.models import NewTimeAway
from frontdesk.web.fields import Name, Short
from frontdesk.web.tx import Read, transaction, viewer_of

router = APIRouter(prefix="/desk/away", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Desk = Annotated[Actor, allow("board:read")]
Keeper = Annotated[Actor, allow("schedules:write")]
_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

CALLS = rf"^{_ID}/{_ID}$"
"""The call list of a time off, as its address ends: the provider and the exception."""


class Away(BaseModel):
    """Who is away, and when, by the clinic's clocks; everywhere, not only at this clinic."""

    clinic: UUID
    provider: UUID
    start: Short = ""
    end: Short = ""
    reason: Name | None = None
    seen: str | None = None
    known: Annotated[str, Field(pattern=rf"^({_ID}(,{_ID})*)?$")] = ""

    @property
    def mark(self) -> str:
        """Of what a preview shows. `seen` is that of the last one: the fields of its form may have changed since.

        `known` are the ids of the visits that it showed.
        """
        return f"{self.provider} {self.start} {self.end}"


@router.get("")
async def dialog(request: Request, actor: Desk, conn: Read) -> Response:
    """The form."""
    place = await day.place(conn, actor, Look.of(request))
    return await _form(request, conn, place, Look.of(request))


@router.post("/preview")
async def preview(request: Request, actor: Keeper, asked: Annotated[Away, Form()]) -> Response:
    """What it would displace, and which other times there are. Changes nothing."""
    return await _previewed(request, actor, asked)


@router.post("")
async def enter(request: Request, actor: Keeper, asked: Annotated[Away, Form()]) -> Response:
    """Enter it, and offer the other times to all whom it displaces; what was not looked at is shown first, and so is
    what has been booked since. Of visits that have gone since nobody has to be told."""
    if asked.seen != asked.mark:
        return await _previewed(request, actor, asked, Conflict(why="unseen"))
    try:
        async with transaction(request) as conn:
            known = {UUID(one) for one in asked.known.split(",") if one}
            row = await sickday.enter(conn, actor, asked.provider, await _time_away(conn, asked), known)
    except AppointmentsStranded as since:
        return await _previewed(request, actor, asked, since)
    except Problem as refused:
        if refused.slug not in ("invalid-request", "busy") and refused.status != 409:
            raise
        async with borrow(request.app.state.pool, viewer_of(request)) as conn:
            place = await day.place(conn, actor, Look(clinic=asked.clinic))
            return await _form(request, conn, place, Look(clinic=asked.clinic), asked=asked, refused=refused)
    return RedirectResponse(link(f"/desk/away/{asked.provider}/{row['id']}", clinic=asked.clinic), 303)


@router.get("/{provider_id}/{exception_id}")
async def call_list(request: Request, provider_id: UUID, exception_id: UUID, actor: Desk, conn: Read) -> Response:
    """What became of the visits, and whose patients have to be called."""
    return await listed(request, conn, actor, Look.of(request), provider_id, exception_id)


async def listed(
    request: Request,
    conn: Connection,
    actor: Actor,
    look: Look,
    provider_id: UUID,
    exception_id: UUID,
    refused: Problem | None = None,
) -> Response:
    """The call list; `refused`: what was tried there and is told on it."""
    place = await day.place(conn, actor, look)
    told = await sickday.call_list(conn, actor, provider_id, exception_id)
    await reads.looked(conn, actor, (row["patient_id"] for row in told["items"]), "sick-day:calls")
    ids = {row[kind] for row in told["items"] for kind in ("patient_id", "visit_type_id", "clinic_id")}
    for row in told["items"]:
        for time in (*row["offers"], *filter(None, [row["new"]])):
            time |= {kind: UUID(time[kind]) for kind in ("provider_id", "clinic_id")}  # texts, of JSON
            ids |= {time["provider_id"], time["clinic_id"]}
    names = await board.names(conn, {*ids, provider_id})
    return page(
        request,
        "desk/calls.html",
        status=refused.status if refused else 200,
        place=place,
        own={clinic["id"] for clinic in place.clinics},
        provider=names.get(provider_id),
        names=names,
        calls=told,
        path=f"{provider_id}/{exception_id}",
        refused=refused,
    )


async def _time_away(conn: Connection, asked: Away) -> NewTimeAway:
    """As the service takes it. Raises Fault for a span that cannot be."""
    for field, local in (("start", asked.start), ("end", asked.end)):
        if not choosing.known(local):
            raise Fault(field, "wrong")
    start, end = [await board.instant(conn, asked.clinic, local) for local in (asked.start, asked.end)]
    if start < end <= clock.now():
        raise Fault("end", "over")
    try:
        return NewTimeAway(kind="time_off", start=start, end=end, reason=asked.reason, offer_alternatives=True)
    except ValidationError as error:
        raise Fault("end", "order" if end <= start else "long") from error


async def _previewed(request: Request, actor: Actor, asked: Away, refused: Problem | None = None) -> Response:
    found = None
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        place = await day.place(conn, actor, Look(clinic=asked.clinic))
        try:
            found = (await sickday.preview(conn, actor, asked.provider, await _time_away(conn, asked)))["appointments"]
        except Problem as problem:
            if problem.slug != "invalid-request" and problem.status != 409:
                raise
            refused = problem
        return await _form(request, conn, place, Look(clinic=asked.clinic), asked=asked, found=found, refused=refused)


async def _form(
    request: Request,
    conn: Connection,
    place: day.Place,
    look: Look,
    *,
    asked: Away | None = None,
    found: list[dict[str, Any]] | None = None,
    refused: Problem | None = None,
) -> Response:
    providers = await board.providers(conn, place.id) if place.clinic else []
    visits = found or []
    ids = {visit[kind] for visit in visits for kind in ("patient_id", "visit_type_id", "clinic_id")}
    ids |= {time[kind] for visit in visits for time in visit["alternatives"] for kind in ("provider_id", "clinic_id")}
    on, after = place.on, place.after
    return page(
        request,
        "desk/away.html",
        status=refused.status if refused else 200,
        place=place,
        providers=providers,
        names=await board.names(conn, ids),
        asked=asked or {"provider": None, "start": f"{on}T00:00", "end": f"{after}T00:00", "reason": None},
        found=found,
        refused=refused,
        faults=refused.faults if isinstance(refused, Fault) else {},
    )
