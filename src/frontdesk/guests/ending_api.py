"""`DELETE /patients/{id}/links`: what was sent to the wrong one, or forwarded, opens nothing any more."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from frontdesk.auth import sessions
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.patients import service as patients
from frontdesk.web.tx import Tx

router = APIRouter(prefix="/patients", tags=["guests"])


@router.delete("/{patient_id}/links", status_code=204, response_class=Response)
async def end_links(patient_id: UUID, actor: Annotated[Actor, allow("patients:write")], conn: Tx) -> Response:
    """End all links to appointments that messages have brought the patient so far; the next message brings new ones."""
    await patients.get_patient(conn, actor, patient_id)
    await sessions.end_links(conn, actor, patient_id)
    return Response(status_code=204)
