"""`GET /appointments/{id}/calendar.ics`, for everybody who may see the appointment."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import db
from frontdesk.audit import reads
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import service as booking
from frontdesk.guests import calendar
from frontdesk.guests.service import q
from frontdesk.web.tx import Read

router = APIRouter(prefix="/appointments", tags=["appointments"])

FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {calendar.MEDIA_TYPE: {}}, "description": "An iCalendar file"},
    304: {"description": "As If-None-Match says: unchanged"},
}


@router.get("/{appointment_id}/calendar.ics", response_class=Response, responses=FILE)
async def calendar_file(
    appointment_id: UUID, actor: Annotated[Actor, allow("appointments:read")], conn: Read, request: Request
) -> Response:
    """The appointment for a calendar program. The same UID and a growing SEQUENCE: an older entry is replaced."""
    found = await booking.find(conn, actor, appointment_id)
    await reads.looked(conn, actor, [found["patient_id"]], "appointments:calendar")
    row = await db.one(conn, q.see, appointment_id=appointment_id)
    assert row is not None  # found just now, and never deleted
    return calendar.answer(request, calendar.of(row, row["language"]))
