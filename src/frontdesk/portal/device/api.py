"""What makes a telephone's browser a program: manifest, service worker, the page without a network, messages."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk import phones
from frontdesk.audit import reads
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import told
from frontdesk.errors import InvalidRequest
from frontdesk.notifications import devices
from frontdesk.notifications.models import NewDevice
from frontdesk.portal import assets, forms, language
from frontdesk.portal.device import messages
from frontdesk.portal.family import whom
from frontdesk.portal.language import Said
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.web.answers import answer
from frontdesk.web.tx import Read, Tx

router = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)

Anybody = Annotated[Actor, allow("public")]
Owner = Annotated[Actor, allow("patients:devices")]

_ICONS = {
    "icon-192.png": ("192x192", "any"),
    "icon-512.png": ("512x512", "any"),
    "icon-mask.png": ("512x512", "maskable"),
}
_A_DAY = {"Cache-Control": "public, max-age=86400"}

# A worker obeys the policy of its own script: what it fetches are our pages, styles and scripts.
_OF_WORKER = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'; connect-src 'self'"}


@router.get("/manifest.webmanifest")
async def manifest(_: Anybody) -> Response:
    """The name and icon with which the pages are installed."""
    icons = [
        {"src": assets.url(file), "sizes": sizes, "type": "image/png", "purpose": purpose}
        for file, (sizes, purpose) in _ICONS.items()
    ]
    told_once = {
        "id": "/", "name": "Frontdesk", "short_name": "Frontdesk", "start_url": "/", "scope": "/",
        "display": "standalone", "background_color": "#f5f7f6", "theme_color": "#0b6b66", "icons": icons,
    }  # fmt: skip
    return Response(orjson.dumps(told_once), headers=_A_DAY, media_type="application/manifest+json")


@router.get("/sw.js")
async def worker(_: Anybody) -> Response:
    """The service worker. It stands here and not under /static: it looks after the pages below its own address."""
    return Response(assets.assets()["sw.js"].body, headers=_OF_WORKER, media_type="text/javascript; charset=utf-8")


@router.get("/offline")
async def offline(request: Request, _: Anybody) -> Response:
    """What is shown without a network: the same for everybody; the device fills in what it knows."""
    return page(request, "device/offline.html")


@router.get("/device")
async def device(request: Request, actor: Owner, conn: Read) -> Response:
    """What this device keeps, and whether it shows messages."""
    return await _device(request, actor, conn)


@router.get("/device/next")
async def next_visit(request: Request, actor: Owner, conn: Read) -> Response:
    """The patient's next visit in words, or null: what the device keeps for when there is no network."""
    assert actor.patient_id is not None
    found = await told.of_patient(conn, actor, actor.patient_id, ahead=True, cursor=None, limit=1)
    await reads.looked(conn, actor, [actor.patient_id], "appointments:list")
    return answer(200, _in_words(Said(language.of(request)), found["items"][0]) if found["items"] else None)


@router.post("/device/push")
async def show_messages(request: Request, actor: Owner, conn: Tx) -> Response:
    """Agree to push messages, and have this browser show them."""
    sent = await forms.sent(request)
    if whom.other(actor, sent):
        return await _device(request, actor, conn, status=409, other=True)
    keys = {name: sent.get(name) for name in ("p256dh", "auth")}
    asked, _ = forms.read(NewDevice, {"endpoint": sent.get("endpoint", ""), "keys": keys})
    if asked is None:
        return await _device(request, actor, conn, status=422)
    try:
        await messages.show(conn, request.app.state.keys, actor, asked)
    except InvalidRequest:
        return await _device(request, actor, conn, status=422)
    return _back()


@router.post("/device/push/stop")
async def stop_messages(request: Request, actor: Owner, conn: Tx) -> Response:
    """No push messages on any device. Idempotent."""
    if whom.other(actor, await forms.sent(request)):
        return await _device(request, actor, conn, status=409, other=True)
    await messages.stop(conn, request.app.state.keys, actor)
    return _back()


def _back() -> Response:
    return RedirectResponse("/device", 303, {"Cache-Control": "no-store"})


async def _device(request: Request, actor: Actor, conn: Any, *, status: int = 200, other: bool = False) -> Response:
    """What it keeps; and that nothing was changed, because the page was shown for an `other` person."""
    assert actor.patient_id is not None
    found = await devices.devices(conn, request.app.state.keys, actor, actor.patient_id)
    key, count = found["application_server_key"], len(found["items"])
    return page(request, "device/device.html", status=status, key=key, count=count, fault=status == 422, other=other)


def _in_words(said: Said, visit: dict[str, Any]) -> dict[str, Any]:
    """When, where and with whom; not why."""
    zone, who, clinic = visit["time_zone"], visit["provider"], visit["clinic"]
    phone = clinic["phone"]
    day = said.full_day(visit["start"].astimezone(ZoneInfo(zone)).date())
    return {
        "when": f"{day}, {said.time(visit['start'], zone)}",
        "zone": said.zone(visit["start"], zone),
        "until": visit["end"],
        "who": " ".join(filter(None, (who["title"], who["first_name"], who["last_name"]))),
        "clinic": clinic["name"],
        "address": clinic["address"],
        "phone": phone and said.phone(phone, clinic["country"]),
        "call": phone and phones.link(phone, clinic["country"]),
    }
