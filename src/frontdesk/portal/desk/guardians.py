"""Who may act for a patient: put together at the desk, which sees both and has seen a proof, and parted there."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.audit import reads
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection, borrow
from frontdesk.errors import InvalidRequest, Problem
from frontdesk.family import service
from frontdesk.family.models import NewGuardian
from frontdesk.patients import service as patients
from frontdesk.portal import forms
from frontdesk.portal.attempt import attempt, go
from frontdesk.portal.desk.patients import Sought
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.web.tx import Read, viewer_of

router = APIRouter(
    prefix="/desk/patients/{patient_id}/guardians", tags=["pages"], route_class=PageRoute, include_in_schema=False
)

Desk = Annotated[Actor, allow("guardians:manage")]

_FOUND = 20


@router.get("")
async def guardians(request: Request, patient_id: UUID, actor: Desk, conn: Read) -> Response:
    """Who may act for the patient, and the search for somebody else who is to."""
    return await _guardians(request, conn, actor, patient_id)


@router.post("/find")
async def find(
    request: Request, patient_id: UUID, actor: Desk, conn: Read, asked: Annotated[Sought, Form()]
) -> Response:
    """Who matches a name, a birth date, a phone number or an e-mail. No address of a page tells it. Changes nothing."""
    return await _guardians(request, conn, actor, patient_id, sought=asked.q.strip())


@router.post("")
async def add(request: Request, patient_id: UUID, actor: Desk) -> Response:
    """Let somebody act for the patient. What is in the way is told in place."""
    typed = await forms.sent(request)
    asked, _ = forms.read(Sought, {"q": typed.pop("q", "")})
    sought = asked.q.strip() if asked else ""
    new, _ = forms.read(NewGuardian, typed)
    refused: Problem | None = InvalidRequest() if new is None or asked is None else None
    if new is not None and refused is None:

        async def change(conn: Connection) -> None:
            await service.appoint(conn, actor, patient_id, new)

        refused = await attempt(request, change)
    if refused is None:
        return go(f"/desk/patients/{patient_id}/guardians")
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        return await _guardians(request, conn, actor, patient_id, sought=sought, refused=refused, typed=typed)


@router.post("/{guardian_id}/end")
async def end(request: Request, patient_id: UUID, guardian_id: UUID, actor: Desk) -> Response:
    """Let them act for the patient no longer."""

    async def change(conn: Connection) -> None:
        await service.dismiss(conn, actor, patient_id, guardian_id)

    await attempt(request, change)
    return go(f"/desk/patients/{patient_id}/guardians")


async def _guardians(
    request: Request,
    conn: Connection,
    actor: Actor,
    patient_id: UUID,
    *,
    sought: str = "",
    refused: Problem | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    row = await patients.get_patient(conn, actor, patient_id)
    there = (await service.guardians(conn, actor, patient_id))["items"]
    found = None
    if sought:
        known = {patient_id, *(one["guardian_id"] for one in there)}
        listed = await patients.list_patients(conn, actor, text=sought, limit=_FOUND, cursor=None)
        await reads.looked(conn, actor, (one["id"] for one in listed["items"]), "patients:list")
        found = [one for one in listed["items"] if one["id"] not in known]
    told = {"patient": row, "guardians": there, "found": found, "q": sought, "refused": refused, "typed": typed or {}}
    return page(request, "desk/guardians.html", status=refused.status if refused else 200, **told)
