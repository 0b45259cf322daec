"""What differs from a provider's week: time off and extra hours, asked for, approved, declined, entered, taken back."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import clock
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.availability.stranded import AppointmentsStranded
from frontdesk.booking import board
from frontdesk.clinics import service as clinics
from frontdesk.db import Connection
from frontdesk.errors import InvalidRequest, Problem
from frontdesk.portal import forms
from frontdesk.portal.admin.forms import SAVED
from frontdesk.portal.attempt import attempt, go
from frontdesk.portal.hours import outside
from frontdesk.portal.pages import page
from frontdesk.portal.provider.schedule import TimeOff
from frontdesk.portal.route import PageRoute
from frontdesk.providers import exceptions, schedules, week
from frontdesk.providers import service as providers
from frontdesk.providers.models import LONGEST_SESSION, LONGEST_TIME_OFF, ExceptionPatch, Kind, NewException
from frontdesk.sickday import service as sickday
from frontdesk.web.fields import Body, Name
from frontdesk.web.tx import Read, connection

router = APIRouter(prefix="/desk/providers", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Keeper = Annotated[Actor, allow("schedules:write")]

Deed = Literal["approve", "decline", "remove"]

_MOST = 1000
_STATUS: dict[str, Literal["approved", "declined"]] = {"approve": "approved", "decline": "declined"}


class Entered(TimeOff):
    """`everywhere`: time off at all clinics, in the time of this one."""

    kind: Kind
    everywhere: Literal["on"] | None = None
    override_reason: Name | None = None


class Decided(Body):
    """The version that was shown, and why visits may stay that would stand outside."""

    version: int | None = None
    override_reason: Name | None = None


@router.get("/{provider_id}/exceptions")
async def differing(request: Request, provider_id: UUID, actor: Keeper, conn: Read) -> Response:
    """What lies ahead, and the form for more of it."""
    return await _shown(request, conn, actor, provider_id)


@router.post("/{provider_id}/exceptions")
async def enter(request: Request, provider_id: UUID, actor: Keeper) -> Response:
    """Enter time off or extra hours. Visits in time off are named, and kept only with a reason."""
    typed = await forms.sent(request)
    asked, faults = forms.read(Entered, typed)
    refused: Problem | None = InvalidRequest()
    if asked is not None:

        async def add(conn: Connection) -> None:
            await exceptions.add(conn, actor, provider_id, await _new(conn, asked))

        refused = await attempt(request, add)
        if refused is None:
            return go(f"/desk/providers/{provider_id}/exceptions{SAVED}")
    if isinstance(refused, forms.Fault):
        faults = refused.faults
    async with connection(request) as conn:
        return await _shown(request, conn, actor, provider_id, refused=refused, typed=typed, faults=faults)


@router.post("/{provider_id}/exceptions/{exception_id}/{deed}")
async def decide(request: Request, provider_id: UUID, exception_id: UUID, deed: Deed, actor: Keeper) -> Response:
    """Approve, decline or take back. What visits stand in the way of is told, and done with a reason."""
    typed = await forms.sent(request)
    decided, faults = forms.read(Decided, typed)
    refused: Problem | None = InvalidRequest(why="reason" if "override_reason" in faults else None)
    if decided is not None:

        async def change(conn: Connection) -> None:
            if deed == "remove":
                await exceptions.remove(conn, actor, provider_id, exception_id, decided.override_reason)
                return
            body = ExceptionPatch(status=_STATUS[deed], **decided.model_dump())
            await exceptions.change(conn, actor, provider_id, exception_id, body)

        refused = await attempt(request, change)
        if refused is None:
            return go(f"/desk/providers/{provider_id}/exceptions{SAVED}")
    about = {"id": exception_id, "deed": deed, "why": typed.get("override_reason", "")}
    async with connection(request) as conn:
        return await _shown(request, conn, actor, provider_id, refused=refused, about=about)


async def _new(conn: Connection, asked: Entered) -> NewException:
    """As the service takes it. Raises NotFound for no clinic, Fault for a span that cannot be or is over."""
    span = await week.span(conn, asked.clinic, *asked.local)
    asked.refuse(**span, longest=LONGEST_SESSION if asked.kind == "extra_session" else LONGEST_TIME_OFF)
    clinic_id = None if asked.everywhere and asked.kind == "time_off" else asked.clinic
    of = {"kind": asked.kind, "clinic_id": clinic_id, "reason": asked.reason, "override_reason": asked.override_reason}
    return NewException(**of, **span)


async def _shown(
    request: Request,
    conn: Connection,
    actor: Actor,
    provider_id: UUID,
    *,
    refused: Problem | None = None,
    about: dict[str, Any] | None = None,
    typed: dict[str, str] | None = None,
    faults: dict[str, str] | None = None,
) -> Response:
    """`about`: what was refused is told beside the exception that it is about, else above the form."""
    works_at = await schedules.refuse_unseen(conn, actor, provider_id)
    provider = await providers.get_provider(conn, actor, provider_id)
    places = (await clinics.list_clinics(conn, active=None, limit=_MOST, cursor=None))["items"]
    own = await board.clinics(conn, actor)
    listed = await exceptions.list_exceptions(
        conn, actor, provider_id, since=clock.now(), until=None, limit=_MOST, cursor=None
    )
    displacing = await sickday.displacing(conn, [one["id"] for one in listed["items"]])
    ahead = [
        one
        | {
            "mine": not schedules.is_elsewhere(actor, {one["clinic_id"]} if one["clinic_id"] else set(works_at)),
            "displaced": one["id"] in displacing,
        }
        for one in sorted(listed["items"], key=lambda one: one["start"])
    ]
    stranded = refused.extra["appointments"] if isinstance(refused, AppointmentsStranded) else []
    # Somebody whose clinics are all out of use is told by the clocks of one of them.
    first = next((one for one in places if one["id"] in (works_at or provider["clinic_ids"])), None)
    return page(
        request,
        "hours/exceptions.html",
        status=refused.status if refused else 200,
        provider=provider,
        clinics={str(one["id"]): one for one in places},
        own=own,
        ahead=ahead,
        zone=first["time_zone"] if first else "UTC",
        refused=refused,
        about=about,
        stranded=await outside.told(conn, actor, stranded),
        typed=typed or {},
        faults=faults or {},
    )
