"""The page after booking: what the link to the appointment shows, with the way there and what to bring."""

from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.db import Connection
from frontdesk.guests import service as guests
from frontdesk.guests.route import Opened
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.settings import settings

router = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)


@router.get("/booked/{token}")
async def booked(request: Request, token: str, here: Opened) -> Response:
    """When, where and with whom, by the link that only whoever booked has. Loading it again changes nothing."""
    row = await guests.look(here.conn, here.guest, beside=request.state.caller)
    hears = await guests.to_be_told(here.conn, here.guest)
    place = row["clinic"]["address"]
    way = settings().map_url.format(place=quote(" ".join(place.split()))) if place else None
    manage = f"/visits/{row['id']}" if row["own"] else here.link  # what is done there is then done by the patient, too
    answer = page(request, "book/booked.html", private=True, row=row, manage=manage, way=way, **hears)
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer


async def link_to(conn: Connection, request: Request, appointment_id: UUID) -> str:
    """The page of an appointment that the caller has booked. Raises NotFound when no link opens it."""
    return f"/booked/{await guests.token_of(conn, request.app.state.keys, appointment_id)}"
