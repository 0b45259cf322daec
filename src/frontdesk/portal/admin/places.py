"""Of one clinic: its rooms, and when it is closed."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import clock
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.clinics import closures
from frontdesk.clinics import service as clinics
from frontdesk.clinics.models import NewClosure, NewRoom, RoomPatch
from frontdesk.db import Connection
from frontdesk.portal.admin import forms
from frontdesk.portal.admin.forms import SAVED, Field, Told
from frontdesk.portal.attempt import go
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.web.tx import Read, Tx

router = APIRouter(prefix="/admin/clinics", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Writer = Annotated[Actor, allow("directory:write")]
Closer = Annotated[Actor, allow("schedules:write")]

_MOST = 1000
_ROOM = (Field("name", needed=True), Field("kind", needed=True))
_CHANGED_ROOM = (*_ROOM, Field("active", "flag"))
_CLOSURE = (Field("on", "date", needed=True), Field("until_on", "date"), Field("reason"), Field("override_reason"))


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
    """Close the clinic for whole days. Visits that stand there are named, and kept only with a reason."""
    body, shown = await forms.read(request, NewClosure, _CLOSURE)

    async def add(conn: Connection, new: NewClosure) -> dict[str, Any]:
        return await closures.close(conn, actor, clinic_id, new)

    onward = f"/admin/clinics/{clinic_id}/closures{SAVED}"
    return await forms.save(request, body, shown, add, partial(_closures, request, clinic_id), lambda _: onward)


@router.post("/{clinic_id}/closures/{closure_id}/remove")
async def reopen(clinic_id: UUID, closure_id: UUID, actor: Closer, conn: Tx) -> Response:
    """Take a closure back."""
    await closures.reopen(conn, actor, clinic_id, closure_id)
    return go(f"/admin/clinics/{clinic_id}/closures{SAVED}")


def _to_rooms(row: dict[str, Any]) -> str:
    return f"/admin/clinics/{row['clinic_id']}/rooms{SAVED}"


async def _rooms(request: Request, clinic_id: UUID, conn: Connection, shown: Told) -> Response:
    clinic = await clinics.get_clinic(conn, clinic_id)
    listed = await clinics.list_rooms(conn, clinic_id, limit=_MOST, cursor=None)
    told: dict[str, Any] = {"clinic": clinic, "rooms": listed["items"], "fields": _ROOM, "shown": shown}
    return page(request, "admin/rooms.html", status=shown.status, **told)


async def _room(request: Request, clinic_id: UUID, room_id: UUID, conn: Connection, shown: Told) -> Response:
    clinic = await clinics.get_clinic(conn, clinic_id)
    told: dict[str, Any] = {"clinic": clinic, "room_id": room_id, "fields": _CHANGED_ROOM, "shown": shown}
    return page(request, "admin/room.html", status=shown.status, **told)


async def _closures(request: Request, clinic_id: UUID, conn: Connection, shown: Told) -> Response:
    clinic = await clinics.get_clinic(conn, clinic_id)
    listed = await closures.list_closures(conn, clinic_id, since=clock.now(), until=None, limit=_MOST, cursor=None)
    ahead = sorted(listed["items"], key=lambda one: one["start"])
    told: dict[str, Any] = {"clinic": clinic, "closures": ahead, "fields": _CLOSURE, "shown": shown}
    return page(request, "admin/closures.html", status=shown.status, **told)
