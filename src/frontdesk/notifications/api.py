"""Endpoints of messages: what the desk sees and sends again, what patients wish, and the link that ends reminders."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.errors import NotFound
from frontdesk.notifications import devices, service, unsubscribing
from frontdesk.notifications.models import (
    Device,
    DeviceList,
    NewDevice,
    Notification,
    NotificationPage,
    NotificationPreferences,
    NotificationPreferencesPatch,
    Status,
)
from frontdesk.ports.letters import Channel
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.pages import Cursor, Limit
from frontdesk.web.tx import Read, Tx
from frontdesk.web.versions import IfMatch

router = APIRouter(tags=["notifications"])

Reader = Annotated[Actor, allow("notifications:read")]
_PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}, "description": "A page"}}
Owner = Annotated[Actor, allow("patients:devices")]
Anybody = Annotated[Actor, allow("public")]


@router.get("/appointments/{appointment_id}/notifications", response_model=NotificationPage)
async def of_appointment(appointment_id: UUID, actor: Reader, conn: Read) -> Response:
    """What the patient was told about one visit, is to be told, or could not be told, and why not."""
    return answer(200, await service.of_appointment(conn, actor, appointment_id))


@router.get("/clinics/{clinic_id}/notifications", response_model=NotificationPage)
async def of_clinic(
    clinic_id: UUID, actor: Reader, conn: Read, status: Status = "failed", limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """The messages of a clinic, the latest first: those that failed, unless `status` asks for others."""
    page = await service.of_clinic(conn, actor, clinic_id, status=status, limit=limit, cursor=cursor)
    return answer(200, page)


@router.post("/notifications/{notification_id}/resend", status_code=201, response_model=Notification)
async def resend(
    notification_id: UUID, actor: Annotated[Actor, allow("notifications:send")], once: OnceOnly, conn: Tx
) -> Response:
    """Send a message once more. 409 when it is still on its way, failed and was sent again, or is no longer true."""
    return await once.answer(201, await service.resend(conn, actor, notification_id))


@router.get("/patients/{patient_id}/notification-preferences", response_model=NotificationPreferences)
async def wishes(
    patient_id: UUID, actor: Annotated[Actor, allow("patients:read")], request: Request, conn: Read
) -> Response:
    """By which channels a patient agreed to hear of visits and to be reminded, and when not."""
    return answer(200, await service.wishes(conn, request.app.state.keys, actor, patient_id))


@router.patch("/patients/{patient_id}/notification-preferences", response_model=NotificationPreferences)
async def change_wishes(
    patient_id: UUID,
    body: NotificationPreferencesPatch,
    actor: Annotated[Actor, allow("patients:write")],
    expected: IfMatch,
    request: Request,
    conn: Tx,
) -> Response:
    """Agree, or no longer. Messages that have not left yet are judged by it too."""
    return answer(200, await service.change_wishes(conn, request.app.state.keys, actor, patient_id, body, expected))


@router.get("/patients/{patient_id}/devices", response_model=DeviceList)
async def list_devices(patient_id: UUID, actor: Owner, request: Request, conn: Read) -> Response:
    """The browsers that show messages, and the key with which another one subscribes (Push API)."""
    return answer(200, await devices.devices(conn, request.app.state.keys, actor, patient_id))


@router.post("/patients/{patient_id}/devices", status_code=201, response_model=Device)
async def add_device(
    patient_id: UUID, body: NewDevice, actor: Owner, request: Request, once: OnceOnly, conn: Tx
) -> Response:
    """Have messages shown by this browser, for a patient who agrees to `push` in their preferences."""
    return await once.answer(201, await devices.add(conn, request.app.state.keys, actor, patient_id, body))


@router.delete("/patients/{patient_id}/devices/{device_id}", status_code=204)
async def drop_device(patient_id: UUID, device_id: UUID, actor: Owner, conn: Tx) -> Response:
    """No messages to this browser any more."""
    await devices.drop(conn, actor, patient_id, device_id)
    return Response(status_code=204)


@router.get("/unsubscribe/{token}", response_class=Response, responses=_PAGE)
async def ask_whether(token: str, request: Request, _: Anybody) -> Response:
    """The page behind the link in a reminder. It changes nothing: programs open links too. 404 for no link of ours."""
    _read(request, token)
    return _page("Stop reminders?", '<form method="post"><button>No more reminders this way</button></form>')


@router.post("/unsubscribe/{token}", response_class=Response, responses=_PAGE)
async def unsubscribe(token: str, request: Request, actor: Anybody, conn: Tx) -> Response:
    """End the reminders of one channel, by a button of that page or of a mail program (RFC 8058). May be repeated."""
    await service.unsubscribe(conn, actor, *_read(request, token))
    return _page("No more reminders", "<p>You still hear of visits that are booked, moved or cancelled.</p>")


def _read(request: Request, token: str) -> tuple[UUID, Channel]:
    found = unsubscribing.read(request.app.state.keys, token)
    if found is None:
        raise NotFound("This link is not one of ours, or was copied in part.")
    return found


def _page(title: str, rest: str) -> Response:
    text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>{rest}</html>'
    policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})
