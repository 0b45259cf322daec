"""`/patients/{id}/export` and `/patients/{id}/erasures`."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.rights import readable, service
from frontdesk.rights.models import AskErasure, Erasure, ErasureList, Export
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.tx import Read, Tx
from frontdesk.web.versions import IfMatch

router = APIRouter(prefix="/patients", tags=["patient rights"])

_EITHER: dict[int | str, dict[str, object]] = {200: {"content": {"text/html": {}}, "description": "The record"}}


@router.get("/{patient_id}/export", response_model=Export, responses=_EITHER)
async def export(
    patient_id: UUID,
    actor: Annotated[Actor, allow("patients:export")],
    conn: Read,
    form: Literal["json", "html"] = "json",
) -> Response:
    """Everything that is kept about one patient: JSON to take along, or a page to read and print."""
    found = await service.export(conn, actor, patient_id)
    if form == "html":
        named = {"Content-Disposition": 'inline; filename="record.html"', "Cache-Control": "no-store"}
        return HTMLResponse(readable.page(found), headers=named)
    return answer(200, found)


@router.post("/{patient_id}/erasures", status_code=201, response_model=Erasure)
async def erase(
    patient_id: UUID,
    body: AskErasure,
    actor: Annotated[Actor, allow("patients:erase")],
    expected: IfMatch,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """Forget a patient: contact data and log-ins at once, the clinical record when no law keeps it any more.

    Answers what was removed, and what is kept until when. 409 visits-ahead while the patient has visits ahead.
    """
    return await once.answer(201, await service.erase(conn, actor, patient_id, reason=body.reason, expected=expected))


@router.get("/{patient_id}/erasures", response_model=ErasureList)
async def erasures(patient_id: UUID, actor: Annotated[Actor, allow("patients:export")], conn: Read) -> Response:
    """What was erased of a patient, when and why."""
    return answer(200, await service.erasures(conn, actor, patient_id))
