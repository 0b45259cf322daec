"""Appointments as people read them: with names in place of ids, and with what the reader may do about each."""

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from frontdesk import clock, db
from frontdesk.auth.permissions import Actor
from frontdesk.booking import arriving, service
from frontdesk.db import Connection
from frontdesk.errors import NotFound
from frontdesk.sql import load
from frontdesk.web import pages

q = load(__package__, "told.sql")

MOST_OF_A_DAY = 500
"""Nobody sees so many patients in a day."""

_STEPS = {"confirm": "appointments:confirm", "move": "appointments:move", "cancel": "appointments:cancel"}
_ANY = dict.fromkeys(("id", "patient_id", "provider_id", "ahead", "day", "after_start", "after_id"))


async def of_patient(
    conn: Connection, actor: Actor, patient_id: UUID, *, ahead: bool, cursor: str | None, limit: int
) -> dict[str, Any]:
    """A page of a patient's visits: those `ahead`, the next first, or those that are over, the latest first."""
    place = pages.decode(cursor, ("after_start", datetime), ("after_id", UUID))
    rows = await _rows(conn, actor, patient_id=patient_id, ahead=ahead, rows=limit + 1, **place)
    return pages.page(rows, limit, "start", "id")


async def day_of(conn: Connection, actor: Actor, provider_id: UUID, day: date) -> list[dict[str, Any]]:
    """The visits of one provider on a local day of each clinic, in order, those that came to nothing too."""
    return await _rows(conn, actor, provider_id=provider_id, day=day, rows=MOST_OF_A_DAY)


async def one(conn: Connection, actor: Actor, appointment_id: UUID) -> dict[str, Any]:
    """One appointment. Raises NotFound for one that the caller may not see."""
    rows = await _rows(conn, actor, id=appointment_id, rows=1)
    if not rows:
        raise NotFound("There is no such appointment.")
    return rows[0]


def actions(actor: Actor, row: dict[str, Any]) -> list[str]:
    """Of confirm, move and cancel what the caller may ask for until the visit begins; of check-in, when it is time."""
    arrives = ["check-in"] if arriving.is_open(row) and actor.may("appointments:arrive") else []
    return arrives + _before_it(actor, row)


def _before_it(actor: Actor, row: dict[str, Any]) -> list[str]:
    if row["status"] not in ("scheduled", "confirmed") or row["start"] <= clock.now():
        return []
    needless = {"confirm"} if row["status"] == "confirmed" else set()
    if row["session_id"]:
        needless.add("move")  # a seat stays where its group is
    return [step for step, permission in _STEPS.items() if step not in needless and actor.may(permission)]


async def _rows(conn: Connection, actor: Actor, **asked: Any) -> list[dict[str, Any]]:
    rows = await db.search(conn, q.told, **actor.only, **{**_ANY, **asked})
    return [_told(actor, row) for row in rows]


def _told(actor: Actor, row: dict[str, Any]) -> dict[str, Any]:
    """The row with what may be done, and with `opens_at` if its patient may check in later on the clinic's day."""
    opens, now, zone = arriving.opens_at(row), clock.now(), ZoneInfo(row["time_zone"])
    later = opens is not None and opens > now and opens.astimezone(zone).date() == now.astimezone(zone).date()
    shown = later and actor.may("appointments:arrive")
    ranges = {name: row[name] for name in ("during", "claims")}  # of what may move: it is not in its own way
    return service.public(row) | ranges | {"actions": actions(actor, row), "opens_at": opens if shown else None}
