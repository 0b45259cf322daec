"""Endpoints of the directory: clinics, their rooms and closures, specialties, visit types."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.clinics import closures, service
from frontdesk.clinics.models import (
    Clinic,
    ClinicPage,
    ClinicPatch,
    Closure,
    ClosurePage,
    HolidaysAdded,
    HolidayYear,
    Moment,
    NewClinic,
    NewClosure,
    NewRoom,
    NewSpecialty,
    NewVisitType,
    Room,
    RoomPage,
    RoomPatch,
    Specialty,
    SpecialtyPage,
    SpecialtyPatch,
    VisitType,
    VisitTypePage,
    VisitTypePatch,
)
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.pages import Cursor, Limit
from frontdesk.web.tx import Read, Tx
from frontdesk.web.versions import IfMatch

router = APIRouter(tags=["directory"])

Reader = Annotated[Actor, allow("directory:read")]
Writer = Annotated[Actor, allow("directory:write")]
Desk = Annotated[Actor, allow("schedules:write")]
Active = Annotated[bool | None, Query(description="Only those in use, or only those no longer in use.")]
From = Annotated[Moment | None, Query(alias="from")]
To = Annotated[Moment | None, Query(alias="to")]


@router.get("/clinics", response_model=ClinicPage)
async def list_clinics(
    actor: Reader, conn: Read, active: Active = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """All clinics."""
    return answer(200, await service.list_clinics(conn, active=active, limit=limit, cursor=cursor))


@router.post("/clinics", status_code=201, response_model=Clinic)
async def create_clinic(body: NewClinic, actor: Writer, once: OnceOnly, conn: Tx) -> Response:
    """Open a clinic."""
    return await once.answer(201, await service.create_clinic(conn, actor, body))


@router.get("/clinics/{clinic_id}", response_model=Clinic)
async def get_clinic(clinic_id: UUID, actor: Reader, conn: Read) -> Response:
    """One clinic."""
    return answer(200, await service.get_clinic(conn, clinic_id))


@router.patch("/clinics/{clinic_id}", response_model=Clinic)
async def change_clinic(clinic_id: UUID, body: ClinicPatch, actor: Writer, expected: IfMatch, conn: Tx) -> Response:
    """Change a clinic. 409 for another time zone, or `active: false`, while appointments stand ahead."""
    return answer(200, await service.change_clinic(conn, actor, clinic_id, body, expected))


@router.get("/clinics/{clinic_id}/rooms", response_model=RoomPage)
async def list_rooms(clinic_id: UUID, actor: Reader, conn: Read, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """The rooms of a clinic."""
    return answer(200, await service.list_rooms(conn, clinic_id, limit=limit, cursor=cursor))


@router.post("/clinics/{clinic_id}/rooms", status_code=201, response_model=Room)
async def create_room(clinic_id: UUID, body: NewRoom, actor: Writer, once: OnceOnly, conn: Tx) -> Response:
    """Add a room. 409 when the clinic has one of that name."""
    return await once.answer(201, await service.create_room(conn, actor, clinic_id, body))


@router.get("/clinics/{clinic_id}/rooms/{room_id}", response_model=Room)
async def get_room(clinic_id: UUID, room_id: UUID, actor: Reader, conn: Read) -> Response:
    """One room."""
    return answer(200, await service.get_room(conn, clinic_id, room_id))


@router.patch("/clinics/{clinic_id}/rooms/{room_id}", response_model=Room)
async def change_room(
    clinic_id: UUID, room_id: UUID, body: RoomPatch, actor: Writer, expected: IfMatch, conn: Tx
) -> Response:
    """Change a room."""
    return answer(200, await service.change_room(conn, actor, clinic_id, room_id, body, expected))


@router.get("/clinics/{clinic_id}/closures", response_model=ClosurePage)
async def list_closures(
    clinic_id: UUID,
    actor: Reader,
    conn: Read,
    since: From = None,
    until: To = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """When the clinic is closed, between two instants."""
    found = await closures.list_closures(conn, clinic_id, since=since, until=until, limit=limit, cursor=cursor)
    return answer(200, found)


@router.post("/clinics/{clinic_id}/closures", status_code=201, response_model=Closure)
async def close(clinic_id: UUID, body: NewClosure, actor: Desk, once: OnceOnly, conn: Tx) -> Response:
    """Close the clinic. 409 appointments-stranded when visits stand in that time, unless override_reason is given."""
    return await once.answer(201, await closures.close(conn, actor, clinic_id, body))


@router.post("/clinics/{clinic_id}/closures/public-holidays", status_code=201, response_model=HolidaysAdded)
async def close_on_holidays(clinic_id: UUID, body: HolidayYear, actor: Desk, once: OnceOnly, conn: Tx) -> Response:
    """Close the clinic on the public holidays of a year; those that are there already are skipped."""
    return await once.answer(201, await closures.close_on_holidays(conn, actor, clinic_id, body))


@router.delete("/clinics/{clinic_id}/closures/{closure_id}", status_code=204)
async def reopen(clinic_id: UUID, closure_id: UUID, actor: Desk, conn: Tx) -> Response:
    """Take a closure back."""
    await closures.reopen(conn, actor, clinic_id, closure_id)
    return Response(status_code=204)


@router.get("/specialties", response_model=SpecialtyPage)
async def list_specialties(actor: Reader, conn: Read, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """All specialties."""
    return answer(200, await service.list_specialties(conn, limit=limit, cursor=cursor))


@router.post("/specialties", status_code=201, response_model=Specialty)
async def create_specialty(body: NewSpecialty, actor: Writer, once: OnceOnly, conn: Tx) -> Response:
    """Add a specialty. 409 when there is one of that name."""
    return await once.answer(201, await service.create_specialty(conn, actor, body))


@router.get("/specialties/{specialty_id}", response_model=Specialty)
async def get_specialty(specialty_id: UUID, actor: Reader, conn: Read) -> Response:
    """One specialty."""
    return answer(200, await service.get_specialty(conn, specialty_id))


@router.patch("/specialties/{specialty_id}", response_model=Specialty)
async def change_specialty(
    specialty_id: UUID, body: SpecialtyPatch, actor: Writer, expected: IfMatch, conn: Tx
) -> Response:
    """Rename a specialty. 409 when there is another of that name."""
    return answer(200, await service.change_specialty(conn, actor, specialty_id, body, expected))


@router.get("/visit-types", response_model=VisitTypePage)
async def list_visit_types(
    actor: Reader, conn: Read, active: Active = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """All visit types."""
    return answer(200, await service.list_visit_types(conn, active=active, limit=limit, cursor=cursor))


@router.post("/visit-types", status_code=201, response_model=VisitType)
async def create_visit_type(body: NewVisitType, actor: Writer, once: OnceOnly, conn: Tx) -> Response:
    """Add a visit type."""
    return await once.answer(201, await service.create_visit_type(conn, actor, body))


@router.get("/visit-types/{visit_type_id}", response_model=VisitType)
async def get_visit_type(visit_type_id: UUID, actor: Reader, conn: Read) -> Response:
    """One visit type."""
    return answer(200, await service.get_visit_type(conn, visit_type_id))


@router.patch("/visit-types/{visit_type_id}", response_model=VisitType)
async def change_visit_type(
    visit_type_id: UUID, body: VisitTypePatch, actor: Writer, expected: IfMatch, conn: Tx
) -> Response:
    """Change a visit type. What is booked keeps its times."""
    return answer(200, await service.change_visit_type(conn, actor, visit_type_id, body, expected))
