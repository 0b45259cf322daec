"""Visits, medical records and broken glass."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.records import service
from frontdesk.records.models import (
    BreakGlass,
    GlassPage,
    Kind,
    NewRecord,
    Opened,
    Record,
    RecordPage,
    Visit,
    VisitPatch,
)
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.pages import Cursor, Limit
from frontdesk.web.tx import Read, Tx
from frontdesk.web.versions import IfMatch

router = APIRouter(tags=["records"])

Reader = Annotated[Actor, allow("visits:read")]
Writer = Annotated[Actor, allow("visits:write")]


@router.get("/appointments/{appointment_id}/visit", response_model=Visit)
async def get_visit(appointment_id: UUID, actor: Reader, conn: Read) -> Response:
    """What was written down at a visit: for the patient, and for providers in whose care they are."""
    return answer(200, await service.get_visit(conn, actor, appointment_id))


@router.patch("/appointments/{appointment_id}/visit", response_model=Visit)
async def write_visit(appointment_id: UUID, body: VisitPatch, actor: Writer, expected: IfMatch, conn: Tx) -> Response:
    """Write down what happened, from check-in on; the first time begins the sheet (its version was 0)."""
    return answer(200, await service.write_visit(conn, actor, appointment_id, body, expected))


@router.get("/patients/{patient_id}/records", response_model=RecordPage)
async def list_records(
    patient_id: UUID,
    actor: Reader,
    conn: Read,
    kind: Kind | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """A patient's medical record, the oldest entry first."""
    return answer(200, await service.list_records(conn, actor, patient_id, kind=kind, limit=limit, cursor=cursor))


@router.post("/patients/{patient_id}/records", status_code=201, response_model=Record)
async def add_record(patient_id: UUID, body: NewRecord, actor: Writer, once: OnceOnly, conn: Tx) -> Response:
    """Write an entry of the medical record, or one that corrects another."""
    return await once.answer(201, await service.add_record(conn, actor, patient_id, body))


@router.post("/patients/{patient_id}/break-glass", status_code=201, response_model=Opened)
async def break_glass(
    patient_id: UUID,
    body: BreakGlass,
    actor: Annotated[Actor, allow("break-glass:open")],
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """Read a patient's clinical text outside of their care, for a time. The patient sees who did it and why."""
    return await once.answer(201, await service.break_glass(conn, actor, patient_id, **dict(body)))


@router.get("/patients/{patient_id}/break-glass", response_model=GlassPage)
async def list_glass(
    patient_id: UUID,
    actor: Annotated[Actor, allow("patients:accesses")],
    conn: Read,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Every time the glass was broken for a patient."""
    return answer(200, await service.list_glass(conn, actor, patient_id, limit=limit, cursor=cursor))
