"""`/family`, for guardians, and `/patients/{id}/guardians`, for the desk."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import sessions
from frontdesk.auth.guard import allow
from frontdesk.auth.models import Tokens
from frontdesk.auth.permissions import Actor
from frontdesk.family import service
from frontdesk.family.models import ActFor, Family, Guardian, GuardianList, NewGuardian, NewWard, Ward
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.tx import Read, Tx

router = APIRouter(tags=["family"])

Guarding = Annotated[Actor, allow("family")]
Desk = Annotated[Actor, allow("guardians:manage")]


@router.get("/family", response_model=Family)
async def list_family(actor: Guarding, conn: Read) -> Response:
    """For whom the caller may act, and until when; the same whomever they act for at the moment."""
    return answer(200, await service.family(conn, actor))


@router.post("/family", status_code=201, response_model=Ward)
async def add_ward(body: NewWard, actor: Guarding, once: OnceOnly, conn: Tx) -> Response:
    """Register a child who has no record here. One who has is linked at the front desk. 409 family-full."""
    return await once.answer(201, await service.add(conn, actor, body))


@router.delete("/family/{patient_id}", status_code=204, response_class=Response)
async def leave_ward(patient_id: UUID, actor: Guarding, conn: Tx) -> Response:
    """Act for them no longer: the caller's sessions that did open nothing from now on."""
    await service.leave(conn, actor, patient_id)
    return Response(status_code=204)


@router.post("/family/{patient_id}/session", response_model=Tokens)
async def act_for(patient_id: UUID, body: ActFor, actor: Guarding, request: Request, conn: Tx) -> Response:
    """Replace this session by one that acts for somebody of the family; with one's own id, for oneself again.

    It lives no longer than the one that it replaces, whose tokens open nothing from now on.
    """
    await service.demand(conn, actor, patient_id)
    key = request.app.state.keys.tokens
    return answer(200, await sessions.switch(conn, actor, patient_id, key, refresh_token=body.refresh_token))


@router.get("/patients/{patient_id}/guardians", response_model=GuardianList)
async def list_guardians(patient_id: UUID, actor: Desk, conn: Read) -> Response:
    """Who may act for the patient, and until when."""
    return answer(200, await service.guardians(conn, actor, patient_id))


@router.post("/patients/{patient_id}/guardians", status_code=201, response_model=Guardian)
async def add_guardian(patient_id: UUID, body: NewGuardian, actor: Desk, once: OnceOnly, conn: Tx) -> Response:
    """Let another patient act for this one, once the desk has seen proof of it. 409 guardian-already."""
    return await once.answer(201, await service.appoint(conn, actor, patient_id, body))


@router.delete("/patients/{patient_id}/guardians/{guardian_id}", status_code=204, response_class=Response)
async def end_guardian(patient_id: UUID, guardian_id: UUID, actor: Desk, conn: Tx) -> Response:
    """Let them act for the patient no longer: their sessions that did open nothing from now on."""
    await service.dismiss(conn, actor, patient_id, guardian_id)
    return Response(status_code=204)
