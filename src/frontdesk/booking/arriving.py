"""Patients who say from their own phone that they are here. The desk's way is `service.step`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from frontdesk import clock
from frontdesk.auth.permissions import Actor
from frontdesk.booking import service
from frontdesk.booking.claims import StepRefused
from frontdesk.db import Connection
from frontdesk.errors import Conflict, Forbidden
from frontdesk.settings import settings


class CheckInClosed(Conflict):
    """A patient checks in from some time before the visit until its end: `opens_at` and `closes_at` say when."""

    slug, title = "check-in-closed", "Not the time to check in"


def opens_at(visit: Mapping[str, Any]) -> datetime | None:
    """From when its patient may check in until its end (aware); None where nobody waits to be seen arriving."""
    before = settings().check_in_before
    if not before or visit["mode"] != "in_person" or visit["status"] not in ("scheduled", "confirmed"):
        return None
    start: datetime = visit["start"]
    return start - before


def is_open(visit: Mapping[str, Any]) -> bool:
    """Whether its patient may check in right now."""
    opens = opens_at(visit)
    return opens is not None and opens <= clock.now() < visit["end"]


async def check_in(conn: Connection, actor: Actor, appointment_id: UUID, *, expected: int | None) -> dict[str, Any]:
    """The patient is here; the row. Whoever is checked in already may say so again, which changes nothing.

    Writes AppointmentStepped. Raises CheckInClosed, StepRefused, StaleVersion, NotFound; Forbidden if switched off.
    """
    if not settings().check_in_before:
        raise Forbidden("Patients check in at the front desk here.")
    old = await service.find_locked(conn, actor, appointment_id)
    if old["status"] == "checked_in":
        return old
    opens = opens_at(old)
    if opens is None:
        raise StepRefused("This visit is by video, has begun or is over; ask the front desk.")
    if not is_open(old):
        times = {"opens_at": opens, "closes_at": old["end"]}
        raise CheckInClosed("Check in between these times, or ask the front desk.", **times)
    return await service.take_step(conn, actor, old, "checked_in", expected=expected)
