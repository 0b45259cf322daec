"""The calls on appointments. Each translates and delegates; the transaction commits before the answer leaves."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import db
from frontdesk.audit import reads
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import any_provider, holds, moving, service
from frontdesk.booking.claims import q
from frontdesk.booking.models import (
    PLAIN,
    Appointment,
    AppointmentPage,
    BookAppointment,
    Cancel,
    ChangeAppointment,
    History,
    SlotTakenProblem,
    Status,
)
from frontdesk.db import Connection
from frontdesk.metrics import BOOKED
from frontdesk.web import pages
from frontdesk.web.answers import OnceOnly, answer, key_of, once_of
from frontdesk.web.fields import Day, Instant, Text
from frontdesk.web.tx import Read, Tx, transaction
from frontdesk.web.versions import IfMatch

router = APIRouter(prefix="/appointments", tags=["appointments"])

_TAKEN: dict[int | str, dict[str, Any]] = {409: {"model": SlotTakenProblem, "description": "The time is taken"}}


@router.post("", status_code=201, response_model=Appointment, responses=_TAKEN)
async def book_appointment(
    body: BookAppointment, actor: Annotated[Actor, allow("appointments:book")], request: Request
) -> Response:
    """Book one visit. 409 slot-taken if provider, patient or room is busy; 422 not-bookable with reasons.

    With specialty_id in place of provider_id: the least-loaded provider that can; without start, the first free time.
    """
    response: Response | None = None
    if body.is_plain:
        key, plain = await key_of(request), body.model_dump(include=PLAIN)
        response = await request.app.state.bookings.book(actor, key=key, answered=_booked, **plain)
    if response is None:
        async with transaction(request) as conn:
            once = await once_of(request, conn)
            row = await _book_alone(conn, actor, body)
            response = await once.answer(201, service.public(row), **_location(row))
    BOOKED.inc()
    return response


def _booked(row: dict[str, Any]) -> Response:
    return answer(201, service.public(row), **_location(row))


def _location(row: dict[str, Any]) -> dict[str, str]:
    return {"Location": f"/api/v1/appointments/{row['id']}"}


async def _book_alone(conn: Connection, actor: Actor, body: BookAppointment) -> dict[str, Any]:
    if body.hold_id is not None:
        said = body.model_dump(include={"patient_id", "reason", "mode"})
        return await holds.book(conn, actor, body.hold_id, token=body.hold_token, asked=body.time(), **said)
    if body.specialty_id is not None:
        return await any_provider.book(conn, actor, **body.model_dump(include=set(any_provider.ASKED)))
    return await service.book(conn, actor, **body.model_dump(exclude={"hold_id", "hold_token", "specialty_id"}))


@router.get("", response_model=AppointmentPage)
async def list_appointments(
    actor: Annotated[Actor, allow("appointments:read")],
    conn: Read,
    provider_id: UUID | None = None,
    patient_id: UUID | None = None,
    clinic_id: UUID | None = None,
    status: Annotated[list[Status] | None, Query()] = None,
    from_: Annotated[
        Instant | Day | None, Query(alias="from", description="First instant, or first local day.")
    ] = None,
    to: Annotated[Instant | Day | None, Query(description="Instant or local day after the last.")] = None,
    limit: pages.Limit = 50,
    cursor: pages.Cursor = None,
) -> Response:
    """Appointments that start in [from, to), by start. Holds only when asked for with status=held."""
    place = pages.decode(cursor, ("after_start", datetime), ("after_id", UUID))
    rows = await db.search(
        conn,
        q.list_appointments,
        **actor.only,
        **place,
        **_bound("from", from_),
        **_bound("to", to),
        provider_id=provider_id,
        patient_id=patient_id,
        clinic_id=clinic_id,
        status=status,
        limit=limit + 1,
    )
    page = pages.page(rows, limit, "start", "id")
    if patient_id is not None:  # a list of one patient is a look at them; a list of the day is the day's work
        await reads.looked(conn, actor, (row["patient_id"] for row in page["items"]), "appointments:list")
    return answer(200, page | {"items": [service.public(row) for row in page["items"]]})


@router.get("/{appointment_id}", response_model=Appointment)
async def get_appointment(
    appointment_id: UUID, actor: Annotated[Actor, allow("appointments:read")], conn: Read
) -> Response:
    """One appointment, with its ETag."""
    row = await service.find(conn, actor, appointment_id)
    await reads.looked(conn, actor, [row["patient_id"]], "appointments:read")
    return answer(200, service.public(row))


@router.patch("/{appointment_id}", response_model=Appointment, responses=_TAKEN)
async def change_appointment(
    appointment_id: UUID,
    body: ChangeAppointment,
    actor: Annotated[Actor, allow("appointments:move")],
    expected: IfMatch,
    conn: Tx,
) -> Response:
    """Reschedule or edit: the old time is given back and the new one taken, or nothing changes."""
    change = body.model_dump(exclude_unset=True, exclude={"version"})
    version = expected if expected is not None else body.version
    row = await moving.reschedule(conn, actor, appointment_id, expected=version, change=change)
    return answer(200, service.public(row))


@router.post("/{appointment_id}/cancel", response_model=Appointment)
async def cancel_appointment(
    appointment_id: UUID,
    actor: Annotated[Actor, allow("appointments:cancel")],
    expected: IfMatch,
    once: OnceOnly,
    conn: Tx,
    body: Cancel | None = None,
) -> Response:
    """Cancel; the time is free at once."""
    asked = body or Cancel()
    version = expected if expected is not None else asked.version
    row = await service.step(
        conn, actor, appointment_id, "cancelled", expected=version, reason=asked.reason or _by(actor)
    )
    return await once.answer(200, service.public(row))


@router.delete("/{appointment_id}", status_code=204)
async def delete_appointment(
    appointment_id: UUID,
    actor: Annotated[Actor, allow("appointments:cancel")],
    expected: IfMatch,
    conn: Tx,
    reason: Annotated[Text | None, Query()] = None,
) -> Response:
    """Cancel, for programs that delete. Nothing is removed: the appointment stays, cancelled, with its history."""
    await service.step(conn, actor, appointment_id, "cancelled", expected=expected, reason=reason or _by(actor))
    return Response(status_code=204)


@router.post("/{appointment_id}/confirm", response_model=Appointment)
async def confirm_appointment(
    appointment_id: UUID,
    actor: Annotated[Actor, allow("appointments:confirm")],
    expected: IfMatch,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """The patient will come."""
    return await _step(appointment_id, "confirmed", actor, expected, once, conn)


@router.post("/{appointment_id}/check-in", response_model=Appointment)
async def check_in(
    appointment_id: UUID,
    actor: Annotated[Actor, allow("appointments:step")],
    expected: IfMatch,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """The patient has arrived; after a no-show only if the time is still free."""
    return await _step(appointment_id, "checked_in", actor, expected, once, conn)


@router.post("/{appointment_id}/start", response_model=Appointment)
async def start_visit(
    appointment_id: UUID,
    actor: Annotated[Actor, allow("appointments:step")],
    expected: IfMatch,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """The visit begins."""
    return await _step(appointment_id, "in_progress", actor, expected, once, conn)


@router.post("/{appointment_id}/complete", response_model=Appointment)
async def complete_visit(
    appointment_id: UUID,
    actor: Annotated[Actor, allow("appointments:step")],
    expected: IfMatch,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """The visit is over."""
    return await _step(appointment_id, "completed", actor, expected, once, conn)


@router.post("/{appointment_id}/no-show", response_model=Appointment)
async def no_show(
    appointment_id: UUID,
    actor: Annotated[Actor, allow("appointments:step")],
    expected: IfMatch,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """The patient did not come; the time is free again."""
    return await _step(appointment_id, "no_show", actor, expected, once, conn)


@router.get("/{appointment_id}/history", response_model=History)
async def history(appointment_id: UUID, actor: Annotated[Actor, allow("appointments:read")], conn: Read) -> Response:
    """Every change of status, time, provider or room: when, from what to what."""
    row = await service.find(conn, actor, appointment_id)
    await reads.looked(conn, actor, [row["patient_id"]], "appointments:history")
    return answer(200, await service.history(conn, actor, appointment_id))


async def _step(
    appointment_id: UUID, status: str, actor: Actor, expected: int | None, once: OnceOnly, conn: Tx
) -> Response:
    row = await service.step(conn, actor, appointment_id, status, expected=expected)
    return await once.answer(200, service.public(row))


def _by(actor: Actor) -> str:
    return f"cancelled by {actor.role}"


def _bound(name: str, value: datetime | date | None) -> dict[str, Any]:
    """One edge of a span, as an instant or as a local day."""
    instant = isinstance(value, datetime)
    return {f"{name}_at": value if instant else None, f"{name}_on": None if instant else value}
