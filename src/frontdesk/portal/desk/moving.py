"""Moving a visit at the desk: what is free instead, and the move itself."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.requests import Request

from frontdesk import clock
from frontdesk.auth.permissions import Actor
from frontdesk.booking import board
from frontdesk.booking import service as booking
from frontdesk.db import Connection
from frontdesk.portal.desk import choosing
from frontdesk.portal.desk.choosing import Chosen, Wish

MOVABLE = ("scheduled", "confirmed")


async def move(conn: Connection, actor: Actor, appointment_id: UUID, chosen: Chosen) -> dict[str, Any]:
    """Give the old time back and take the new one at the same clinic, or change nothing. Raises as `reschedule`."""
    old = await booking.find(conn, actor, appointment_id)
    change = {"start": await choosing.start_of(conn, old["clinic_id"], chosen), "provider_id": chosen.provider}
    if chosen.why:
        change["override_reason"] = chosen.why
    return await booking.reschedule(conn, actor, appointment_id, expected=chosen.version, change=change)


async def times(request: Request, conn: Connection, visit: dict[str, Any], wish: Wish) -> dict[str, Any]:
    """What is free for the patient of a visit, with its own provider unless another is wished for."""
    zone = ZoneInfo(visit["time_zone"])
    providers = choosing.offering(await board.providers(conn, visit["clinic_id"]), visit["visit_type_id"])
    provider = wish.provider or visit["provider_id"]
    on = wish.on or max(visit["on"], clock.now().astimezone(zone).date())
    groups = await choosing.free(
        request,
        conn,
        [one for one in providers if one["id"] == provider],
        clinic={"id": visit["clinic_id"], "time_zone": visit["time_zone"]},
        visit_type_id=visit["visit_type_id"],
        on=on,
        patient_id=visit["patient_id"],
        known=provider == visit["provider_id"],
    )
    return {"providers": providers, "provider": provider, "on": on, "groups": groups}


def local_start(visit: dict[str, Any]) -> str:
    """When the visit stands now, as a field for day and time shows it."""
    return str(visit["start"].astimezone(ZoneInfo(visit["time_zone"])).isoformat("T", "minutes")[:16])
