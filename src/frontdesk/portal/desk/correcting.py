"""A patient's record put right at the desk: who they are, and how the clinic reaches them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.audit import reads
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection, borrow
from frontdesk.errors import Problem, StaleVersion
from frontdesk.patients import service as patients
from frontdesk.patients.models import PatientPatch
from frontdesk.portal import forms
from frontdesk.portal.attempt import attempt, go
from frontdesk.portal.pages import link, page
from frontdesk.portal.route import PageRoute
from frontdesk.web.fields import BirthDate, Body, Email, Name, Short, Text
from frontdesk.web.tx import Read, viewer_of

router = APIRouter(
    prefix="/desk/patients/{patient_id}/edit", tags=["pages"], route_class=PageRoute, include_in_schema=False
)

Desk = Annotated[Actor, allow("board:read")]
Writer = Annotated[Actor, allow("patients:write")]


class Corrected(Body):
    """The whole form. What is left empty is empty from now on."""

    version: int
    first_name: Name
    last_name: Name
    date_of_birth: BirthDate
    phone: forms.Phone | None = None
    email: Email | None = None
    language: Short | None = None
    address: Text | None = None


class AsItWas(Corrected):
    """The phone number stays, whatever it is: other systems keep what nobody can dial."""

    phone: Short | None = None


_FIELDS = tuple(name for name in Corrected.model_fields if name != "version")


@router.get("")
async def form(
    request: Request,
    patient_id: UUID,
    actor: Desk,
    conn: Read,
    clinic: UUID | None = None,
    message: UUID | None = None,
) -> Response:
    """The record as a form. `clinic` and `message`: who comes from a message that failed goes back to it."""
    return await _form(request, conn, actor, patient_id, clinic, message)


@router.post("")
async def correct(
    request: Request, patient_id: UUID, actor: Writer, clinic: UUID | None = None, message: UUID | None = None
) -> Response:
    """Change what differs. What cannot be is told at its field, and what somebody else changed meanwhile stays."""
    typed = await forms.sent(request)
    asked, faults = forms.read(Corrected, typed)
    if "phone" in faults:
        async with borrow(request.app.state.pool, viewer_of(request)) as conn:
            row = await patients.get_patient(conn, actor, patient_id)
        if typed["phone"].strip() == row["phone"]:
            asked, faults = forms.read(AsItWas, typed)
    if asked is None:
        refused: Problem | None = forms.unread(faults)
    else:

        async def change(conn: Connection) -> None:
            row = await patients.get_patient(conn, actor, patient_id)
            differs = {name: value for name in _FIELDS if (value := getattr(asked, name)) != row[name]}
            if differs:
                await patients.change_patient(conn, actor, patient_id, PatientPatch(version=asked.version, **differs))

        refused = await attempt(request, change)
    if refused is None:
        there = (
            link("/desk/messages", clinic=clinic, saved="yes") if clinic else f"/desk/patients/{patient_id}?saved=yes"
        )
        return go(f"{there}#m-{message}" if clinic and message else there)
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        told: dict[str, Any] = {"typed": typed, "faults": faults, "refused": refused}
        return await _form(request, conn, actor, patient_id, clinic, message, **told)


async def _form(
    request: Request,
    conn: Connection,
    actor: Actor,
    patient_id: UUID,
    clinic: UUID | None,
    message: UUID | None,
    *,
    typed: dict[str, str] | None = None,
    faults: dict[str, str] | None = None,
    refused: Problem | None = None,
) -> Response:
    row = await patients.get_patient(conn, actor, patient_id)
    if refused and not actor.is_desk:
        raise refused  # the page is the desk's, although patients may write their own record
    await reads.looked(conn, actor, [patient_id], "patients:read")
    kept = {name: str(row[name] or "") for name in _FIELDS}
    sent = kept | {name: value for name, value in (typed or {}).items() if name in kept}
    stale = isinstance(refused, StaleVersion)
    return page(
        request,
        "desk/edit.html",
        # No precondition was sent that could fail (412): the form is in conflict with the record.
        status=409 if stale else refused.status if refused else 200,
        patient=row,
        sent=sent,
        version=forms.version(typed, refused, row["version"]),
        differs=forms.differing(sent, kept) if stale else set(),
        stale=stale,
        refused=refused,
        faults=faults or {},
        logs_in=await patients.logs_in(conn, patient_id),
        action=link(f"/desk/patients/{patient_id}/edit", clinic=clinic, message=message),
        back=link("/desk/messages", clinic=clinic) if clinic else f"/desk/patients/{patient_id}",
    )
