"""Patients at the desk: found, registered, seen with their visits, and booked for."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk import clock
from frontdesk.audit import reads
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import board
from frontdesk.booking import service as booking
from frontdesk.clinics import service as clinics
from frontdesk.db import Connection, borrow
from frontdesk.errors import Problem
from frontdesk.metrics import BOOKED
from frontdesk.patients import service as patients
from frontdesk.patients.models import NewPatient
from frontdesk.portal import forms
from frontdesk.portal.desk import choosing, day
from frontdesk.portal.desk.choosing import NewTime, Wish
from frontdesk.portal.desk.day import Look
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.web.fields import Text
from frontdesk.web.tx import Read, still_in, transaction, viewer_of

router = APIRouter(prefix="/desk/patients", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Desk = Annotated[Actor, allow("board:read")]
Registrar = Annotated[Actor, allow("patients:create")]
Booker = Annotated[Actor, allow("appointments:book")]

_FOUND = 20
_FIELDS = ("first_name", "last_name", "date_of_birth", "phone", "email", "language", "address")


class _Alike(Exception):
    """Who is being registered may be here already; nothing is to be written yet."""

    def __init__(self, ids: list[UUID]) -> None:
        self.ids = ids


class Registered(NewPatient):
    """As the form of the correction takes it."""

    phone: forms.Phone | None = None


class Sought(BaseModel):
    q: Text = ""


@router.get("")
async def search(request: Request, _: Desk) -> Response:
    """The search for a patient."""
    await still_in(request)
    return page(request, "desk/patients.html", q="", found=None, more=False)


@router.get("/find")
async def found_before(request: Request, _: Desk) -> Response:
    """Who opens the address of an answer by itself means the search: no address tells what was sought."""
    await still_in(request)
    return RedirectResponse("/desk/patients", 303)


@router.post("/find")
async def find(request: Request, actor: Desk, conn: Read, asked: Annotated[Sought, Form()]) -> Response:
    """Who matches a name, a birth date, a phone number, an e-mail or a reference. No address of a page tells it."""
    text = asked.q.strip()
    listed = await patients.list_patients(conn, actor, text=text, limit=_FOUND, cursor=None) if text else {"items": ()}
    await reads.looked(conn, actor, (row["id"] for row in listed["items"]), "patients:list")
    template = "desk/_found.html" if "hx-request" in request.headers else "desk/patients.html"
    found, more = listed["items"] if text else None, bool(listed.get("next_cursor"))
    return page(request, template, q=asked.q, found=found, more=more)


@router.get("/new")
async def new_patient(request: Request, _: Registrar) -> Response:
    """The form for somebody who was never here."""
    await still_in(request)
    return _form(request, {})


@router.post("")
async def register(request: Request, actor: Registrar) -> Response:
    """Register somebody; whoever may be here already is shown first, and nothing is written until that is looked at."""
    sent = await forms.sent(request)
    body, faults = forms.read(Registered, {name: sent.get(name, "") for name in _FIELDS})
    if body is None:
        return _form(request, sent, faults=faults, status=422)
    try:
        async with transaction(request) as conn:
            row = await patients.create_patient(conn, actor, body)
            if row["possible_duplicates"] and "anyway" not in sent:
                raise _Alike(row["possible_duplicates"])
    except _Alike as alike:
        async with borrow(request.app.state.pool, viewer_of(request)) as conn:
            known = await patients.some(conn, actor, alike.ids)
            known.sort(key=lambda one: bool(one["date_of_birth"] != body.date_of_birth))
            await reads.looked(conn, actor, (one["id"] for one in known), "patients:list")
        return _form(request, sent, alike=known, status=409)
    return RedirectResponse(f"/desk/patients/{row['id']}", 303)


def _form(
    request: Request,
    sent: dict[str, str],
    *,
    faults: dict[str, str] | None = None,
    alike: list[dict[str, Any]] | None = None,
    status: int = 200,
) -> Response:
    typed = dict.fromkeys(_FIELDS, "") | sent
    return page(request, "desk/register.html", status=status, typed=typed, faults=faults or {}, alike=alike)


@router.get("/{patient_id}")
async def patient(request: Request, patient_id: UUID, actor: Desk, conn: Read) -> Response:
    """A patient, their visits at the clinics of this desk, and the way to a new one."""
    row = await patients.get_patient(conn, actor, patient_id)
    await reads.looked(conn, actor, [patient_id], "patients:read")
    now = clock.now()
    visits = [day.marked(one, now) for one in await board.of_patient(conn, actor, patient_id)]
    ahead = [one for one in visits if one["end"] > now and one["steps"]]
    past = [one for one in reversed(visits) if one not in ahead]
    country = next((one["country"] for one in visits), None)
    may = actor.may("patients:write")
    return page(request, "desk/patient.html", patient=row, ahead=ahead, past=past, country=country, may_correct=may)


@router.get("/{patient_id}/book")
async def choose_time(request: Request, patient_id: UUID, actor: Desk, conn: Read) -> Response:
    """What is free for the patient: kind of visit, then provider and day."""
    return await _times(request, conn, actor, patient_id, Wish.of(request))


@router.post("/{patient_id}/book")
async def book(request: Request, patient_id: UUID, actor: Booker, chosen: Annotated[NewTime, Form()]) -> Response:
    """Book for the patient. What is taken or against a rule is told in place, and booked all the same with a reason."""
    try:
        async with transaction(request) as conn:
            row = await booking.book(
                conn,
                actor,
                provider_id=chosen.provider,
                visit_type_id=chosen.visit,
                clinic_id=chosen.clinic,
                start=await choosing.start_of(conn, chosen.clinic, chosen),
                patient_id=patient_id,
                reason=chosen.reason,
                override_reason=chosen.why,
                overbook=chosen.overbook and chosen.why is not None,
            )
    except Problem as refused:
        if not choosing.told_in_place(refused, actor):
            raise
        wish = Wish(clinic=chosen.clinic, visit=chosen.visit, provider=chosen.provider, on=chosen.on)
        async with borrow(request.app.state.pool, viewer_of(request)) as conn:
            return await _times(request, conn, actor, patient_id, wish, refused=refused, chosen=chosen)
    BOOKED.inc()
    return RedirectResponse(f"/desk/visits/{row['id']}", 303)


async def _times(
    request: Request,
    conn: Connection,
    actor: Actor,
    patient_id: UUID,
    wish: Wish,
    *,
    refused: Problem | None = None,
    chosen: NewTime | None = None,
) -> Response:
    row = await patients.get_patient(conn, actor, patient_id)
    await reads.looked(conn, actor, [patient_id], "patients:read")
    place = await day.place(conn, actor, Look(clinic=wish.clinic, on=wish.on))
    listed = await clinics.list_visit_types(conn, active=True, limit=200, cursor=None)
    kinds = sorted((one for one in listed["items"] if one["capacity"] == 1), key=lambda one: str(one["name"]))
    kind = next((one for one in kinds if one["id"] == wish.visit), kinds[0] if kinds else None)
    staff = choosing.offering(await board.providers(conn, place.id), kind and kind["id"])
    wanted = [one for one in staff if wish.provider in (None, one["id"])]
    groups = []
    if kind and place.clinic:
        of = {"clinic": place.clinic, "visit_type_id": kind["id"], "on": place.on, "patient_id": patient_id}
        groups = await choosing.free(request, conn, wanted, **of)
    return page(
        request,
        "desk/book.html",
        status=refused.status if refused else 200,
        patient=row,
        place=place,
        kinds=kinds,
        kind=kind,
        providers=staff,
        provider=wish.provider,
        groups=groups,
        refused=refused,
        chosen=chosen,
        local=choosing.local_of(chosen, place.zone) if chosen else f"{place.on}T09:00",
    )
