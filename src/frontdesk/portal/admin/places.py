"""Of one clinic: its rooms, and when it is closed."""

from datetime import timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field as Range
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import clock
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.clinics import closures
from frontdesk.clinics import service as clinics
from frontdesk.clinics.models import HolidayYear, NewClosure, NewRoom, RoomPatch
from frontdesk.db import Connection
from frontdesk.errors import InvalidRequest, Problem
from frontdesk.portal import forms as plain_forms
from frontdesk.portal.admin import forms
from frontdesk.portal.admin.forms import SAVED, Field, Told
from frontdesk.portal.attempt import go
from frontdesk.portal.pages import page
from frontdesk.portal.provider.schedule import LocalTime
from frontdesk.portal.route import PageRoute
from frontdesk.portal.search import Query
from frontdesk.providers import week
from frontdesk.web.fields import Body, Day, Name, Text
from frontdesk.web.tx import Read, Tx

router = APIRouter(prefix="/admin/clinics", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Writer = Annotated[Actor, allow("directory:write")]
Closer = Annotated[Actor, allow("schedules:write")]

_MOST = 1000
_ROOM = (Field("name", needed=True), Field("kind", needed=True))
_CHANGED_ROOM = (*_ROOM, Field("active", "flag"))
_CLOSURE = (
    Field("on", "date", needed=True),
    Field("begins", "time"),
    Field("until_on", "date"),
    Field("ends", "time"),
    Field("reason"),
    Field("override_reason"),
)
_YEAR = (Field("year", "number", needed=True), Field("override_reason"))


class Closing(Body):
    """Days in the clinic's time, both inclusive; without times whole days."""

    on: Day
    begins: LocalTime | None = None
    until_on: Day | None = None
    ends: LocalTime | None = None
    reason: Text | None = None
    override_reason: Name | None = None

    async def meant(self, conn: Connection, clinic_id: UUID) -> NewClosure:
        """As the service takes it. Raises NotFound, InvalidRequest for no possible span, Fault for one that is over."""
        last = self.until_on or self.on
        why = {"reason": self.reason, "override_reason": self.override_reason}
        until = f"{last} {self.ends}" if self.ends else f"{last + timedelta(days=1)} 00:00"
        span = await week.span(conn, clinic_id, f"{self.on} {self.begins or '00:00'}", until)
        if span["start"] < span["end"] <= clock.now():
            raise plain_forms.Fault("ends" if self.ends else "until_on" if self.until_on else "on", "over")
        try:
            if not (self.begins or self.ends):
                return NewClosure(on=self.on, until_on=last, **why)
            return NewClosure(**span, **why)
        except ValidationError as error:
            raise InvalidRequest("The end lies after the start, and at most a year later.") from error


class Which(Query):
    """The year whose public holidays are shown; this one when left out."""

    year: Annotated[int, Range(ge=1970, le=2100)] | None = None


@router.get("/{clinic_id}/rooms")
async def list_rooms(request: Request, clinic_id: UUID, _: Writer, conn: Read) -> Response:
    """The rooms of the clinic, and the form for another."""
    return await _rooms(request, clinic_id, conn, forms.told(_ROOM, {"kind": "consultation"}))


@router.post("/{clinic_id}/rooms")
async def add_room(request: Request, clinic_id: UUID, actor: Writer) -> Response:
    """Add a room."""
    body, shown = await forms.read(request, NewRoom, _ROOM)

    async def add(conn: Connection, new: NewRoom) -> dict[str, Any]:
        return await clinics.create_room(conn, actor, clinic_id, new)

    return await forms.save(request, body, shown, add, partial(_rooms, request, clinic_id), _to_rooms)


@router.get("/{clinic_id}/rooms/{room_id}")
async def room(request: Request, clinic_id: UUID, room_id: UUID, _: Writer, conn: Read) -> Response:
    """One room."""
    shown = forms.told(_CHANGED_ROOM, await clinics.get_room(conn, clinic_id, room_id))
    return await _room(request, clinic_id, room_id, conn, shown)


@router.post("/{clinic_id}/rooms/{room_id}")
async def change_room(request: Request, clinic_id: UUID, room_id: UUID, actor: Writer) -> Response:
    """Change a room. What is booked in it stays."""
    body, shown = await forms.read(request, RoomPatch, _CHANGED_ROOM)

    async def change(conn: Connection, asked: RoomPatch) -> dict[str, Any]:
        return await clinics.change_room(conn, actor, clinic_id, room_id, asked)

    return await forms.save(request, body, shown, change, partial(_room, request, clinic_id, room_id), _to_rooms)


@router.get("/{clinic_id}/closures")
async def list_closures(request: Request, clinic_id: UUID, _: Writer, conn: Read) -> Response:
    """When the clinic is closed from now on, and the form for more of it."""
    return await _closures(request, clinic_id, conn, forms.told(_CLOSURE, {}))


@router.post("/{clinic_id}/closures")
async def close(request: Request, clinic_id: UUID, actor: Closer) -> Response:
    """Close the clinic for a part of a day, or for days. Visits that stand there are kept only with a reason."""
    body, shown = await forms.read(request, Closing, _CLOSURE)

    async def add(conn: Connection, new: Closing) -> dict[str, Any]:
        return await closures.close(conn, actor, clinic_id, await new.meant(conn, clinic_id))

    onward = f"/admin/clinics/{clinic_id}/closures{SAVED}"
    return await forms.save(request, body, shown, add, partial(_closures, request, clinic_id), lambda _: onward)


@router.post("/{clinic_id}/closures/{closure_id}/remove")
async def reopen(clinic_id: UUID, closure_id: UUID, actor: Closer, conn: Tx) -> Response:
    """Take a closure back."""
    await closures.reopen(conn, actor, clinic_id, closure_id)
    return go(f"/admin/clinics/{clinic_id}/closures{SAVED}")


@router.get("/{clinic_id}/holidays")
async def list_holidays(request: Request, clinic_id: UUID, _: Writer, conn: Read) -> Response:
    """The public holidays of a year where the clinic is, and on which of them it is closed."""
    year = Which.of(request).year or clock.now().year
    return await _holidays(request, clinic_id, conn, forms.told(_YEAR, {"year": year}))


@router.post("/{clinic_id}/holidays")
async def close_on_holidays(request: Request, clinic_id: UUID, actor: Closer) -> Response:
    """Close the clinic on all of them. Visits that stand there are named, and kept only with a reason."""
    body, shown = await forms.read(request, HolidayYear, _YEAR)

    async def add(conn: Connection, of: HolidayYear) -> int:
        await closures.close_on_holidays(conn, actor, clinic_id, of)
        return of.year

    def onward(year: int) -> str:
        return f"/admin/clinics/{clinic_id}/holidays{SAVED}&year={year}"

    return await forms.save(request, body, shown, add, partial(_holidays, request, clinic_id), onward)


def _to_rooms(row: dict[str, Any]) -> str:
    return f"/admin/clinics/{row['clinic_id']}/rooms{SAVED}"


async def _rooms(request: Request, clinic_id: UUID, conn: Connection, shown: Told) -> Response:
    clinic = await clinics.get_clinic(conn, clinic_id)
    listed = await clinics.list_rooms(conn, clinic_id, limit=_MOST, cursor=None)
    told: dict[str, Any] = {"clinic": clinic, "rooms": listed["items"], "fields": _ROOM, "shown": shown}
    told["choices"] = {"kind": await clinics.room_kinds(conn)}
    return page(request, "admin/rooms.html", status=shown.status, **told)


async def _room(request: Request, clinic_id: UUID, room_id: UUID, conn: Connection, shown: Told) -> Response:
    clinic = await clinics.get_clinic(conn, clinic_id)
    told: dict[str, Any] = {"clinic": clinic, "room_id": room_id, "fields": _CHANGED_ROOM, "shown": shown}
    told["choices"] = {"kind": await clinics.room_kinds(conn)}
    return page(request, "admin/room.html", status=shown.status, **told)


async def _closures(request: Request, clinic_id: UUID, conn: Connection, shown: Told) -> Response:
    clinic = await clinics.get_clinic(conn, clinic_id)
    listed = await closures.list_closures(conn, clinic_id, since=clock.now(), until=None, limit=_MOST, cursor=None)
    ahead = sorted(listed["items"], key=lambda one: one["start"])
    told: dict[str, Any] = {"clinic": clinic, "closures": ahead, "fields": _CLOSURE, "shown": shown}
    return page(request, "admin/closures.html", status=shown.status, **told)


async def _holidays(request: Request, clinic_id: UUID, conn: Connection, shown: Told) -> Response:
    """A year that cannot be is told in the form; what cannot be known of the country, instead of the list."""
    asked, _ = plain_forms.read(Which, {"year": shown.typed["year"]})
    clinic = await clinics.get_clinic(conn, clinic_id)
    days: list[dict[str, Any]] = []
    unknown: Problem | None = None
    if asked and asked.year:
        try:
            days = await closures.holidays_of(conn, clinic_id, asked.year)
        except InvalidRequest as problem:
            unknown = problem
    told: dict[str, Any] = {"clinic": clinic, "days": days, "unknown": unknown, "year": asked and asked.year}
    return page(request, "admin/holidays.html", status=shown.status, fields=_YEAR[1:], shown=shown, **told)
