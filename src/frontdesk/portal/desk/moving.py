"""Moving a visit at the desk, or changing its length: what is free instead, and the change itself."""

from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.requests import Request

from frontdesk import clock
from frontdesk.auth.permissions import Actor
from frontdesk.availability.service import Moving
from frontdesk.booking import board
from frontdesk.booking.moving import reschedule
from frontdesk.db import Connection
from frontdesk.portal.desk import choosing
from frontdesk.portal.desk.choosing import Chosen, Wish

MOVABLE = ("scheduled", "confirmed")


async def move(conn: Connection, actor: Actor, appointment_id: UUID, chosen: Chosen) -> dict[str, Any]:
    """Give the old time back and take the new one at the same clinic, or change nothing. Raises as `reschedule`.

    Another number of `minutes` than it has is a length of its own.
    """
    old = await board.visit(conn, actor, appointment_id)
    # A field left as it was means the time it has: on the night on which clocks go back it could be either of two.
    unmoved = chosen.start is None and chosen.local == local_start(old)
    start = old["start"] if unmoved else await choosing.start_of(conn, old["clinic_id"], chosen)
    change = {"start": start, "provider_id": chosen.provider}
    if chosen.minutes and chosen.minutes != minutes(old):
        change["end"] = start + timedelta(minutes=chosen.minutes)
    if chosen.why:
        change["override_reason"] = chosen.why
    return await reschedule(conn, actor, appointment_id, expected=chosen.version, change=change)


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
        length=visit["end"] - visit["start"],
        moving=Moving.of(visit),
    )
    return {"providers": providers, "provider": provider, "on": on, "groups": groups}


def local_start(visit: dict[str, Any]) -> str:
    """When the visit stands now, as a field for day and time shows it."""
    return str(visit["start"].astimezone(ZoneInfo(visit["time_zone"])).isoformat("T", "minutes")[:16])


def minutes(visit: dict[str, Any]) -> int:
    """How long the visit is, in whole minutes."""
    return int((visit["end"] - visit["start"]).total_seconds() // 60)
