"""Steps of a visit that people take on pages: by one tap or key, so not before their time.

The API, whose callers may keep clocks of their own, takes any step that invariant 3 allows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from frontdesk import clock
from frontdesk.auth.permissions import Actor
from frontdesk.booking import service as booking
from frontdesk.booking import told
from frontdesk.booking.claims import StepRefused
from frontdesk.db import Connection


def in_time(visit: Mapping[str, Any], to: str, now: datetime) -> bool:
    """Whether it is late enough: nobody fails to come before the start, or arrives before the clinic's local day."""
    start, zone = visit["start"], ZoneInfo(visit["time_zone"])
    match to:
        case "no_show":
            return bool(start <= now)
        case "checked_in":
            return bool(start.astimezone(zone).date() <= now.astimezone(zone).date())
        case _:
            return True


async def step(
    conn: Connection,
    actor: Actor,
    appointment_id: UUID,
    to: str,
    *,
    expected: int | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """As `booking.step`, which see. Raises StepRefused with `too_soon`, the step, before its time, too."""
    row = await booking.step(conn, actor, appointment_id, to, expected=expected, reason=reason)
    # Asked last: that somebody else changed the visit, such as its time, says more. What is refused is rolled back.
    if not in_time(await told.one(conn, actor, appointment_id), to, clock.now()):
        raise StepRefused("It is too soon for this step.", too_soon=to)
    return row
