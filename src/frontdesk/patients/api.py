"""Endpoints of patients. Whom the caller may not see is answered 404."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from frontdesk.audit import reads
from frontdesk.audit.models import AccessPage
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.patients import service
from frontdesk.patients.models import (
    NewlyRegistered,
    NewPatient,
    Patient,
    PatientAppointmentPage,
    PatientPage,
    PatientPatch,
)
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.fields import Text
from frontdesk.web.pages import Cursor, Limit
from frontdesk.web.tx import Read, Tx
from frontdesk.web.versions import IfMatch

router = APIRouter(prefix="/patients", tags=["patients"])

Reader = Annotated[Actor, allow("patients:read")]
Writer = Annotated[Actor, allow("patients:write")]


@router.get("", response_model=PatientPage)
async def list_patients(
    actor: Reader,
    conn: Read,
    q: Annotated[
        Text | None, Query(description="Name, e-mail, phone, date of birth (YYYY-MM-DD) or reference.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Find patients: a patient finds only themself, a provider those in their care, the desk those of its clinics."""
    page = await service.list_patients(conn, actor, text=q, limit=limit, cursor=cursor)
    await reads.looked(conn, actor, (row["id"] for row in page["items"]), "patients:list")
    return answer(200, page)


@router.post("", status_code=201, response_model=NewlyRegistered)
async def create_patient(
    body: NewPatient, actor: Annotated[Actor, allow("patients:create")], once: OnceOnly, conn: Tx
) -> Response:
    """Register a patient. Likely duplicates are named in possible_duplicates, never refused."""
    return await once.answer(201, await service.create_patient(conn, actor, body))


@router.get("/{patient_id}", response_model=Patient)
async def get_patient(patient_id: UUID, actor: Reader, conn: Read) -> Response:
    """One patient. Whoever is not the patient leaves an entry in the list of accesses, as for every look here."""
    row = await service.get_patient(conn, actor, patient_id)
    await reads.looked(conn, actor, [patient_id], "patients:read")
    return answer(200, row)


@router.patch("/{patient_id}", response_model=Patient)
async def change_patient(patient_id: UUID, body: PatientPatch, actor: Writer, expected: IfMatch, conn: Tx) -> Response:
    """Change a patient. Names, birth date, national id, registration and activity are for the desk only."""
    return answer(200, await service.change_patient(conn, actor, patient_id, body, expected))


@router.delete("/{patient_id}", status_code=204)
async def delete_patient(
    patient_id: UUID, actor: Annotated[Actor, allow("patients:delete")], expected: IfMatch, conn: Tx
) -> Response:
    """Delete a patient without any history. 409 for one with appointments or a log-in."""
    await service.delete_patient(conn, actor, patient_id, expected)
    return Response(status_code=204)


@router.get("/{patient_id}/appointments", response_model=PatientAppointmentPage)
async def list_appointments(
    patient_id: UUID,
    actor: Reader,
    conn: Read,
    when: service.When | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """The patient's appointments, upcoming or past."""
    page = await service.list_appointments(conn, actor, patient_id, when=when, limit=limit, cursor=cursor)
    await reads.looked(conn, actor, [patient_id], "patients:appointments")
    return answer(200, page)


@router.get("/{patient_id}/accesses", response_model=AccessPage)
async def list_accesses(
    patient_id: UUID,
    actor: Annotated[Actor, allow("patients:accesses")],
    conn: Read,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Who has looked at the patient's record, their appointments included, or changed it; the latest first."""
    await service.get_patient(conn, actor, patient_id)
    await reads.looked(conn, actor, [patient_id], "patients:accesses")
    return answer(200, await reads.accesses(conn, patient_id, limit=limit, cursor=cursor))
