"""The day of one clinic: which, and what stands out in it."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from frontdesk import clock
from frontdesk.auth.permissions import Actor
from frontdesk.booking import board
from frontdesk.db import Connection
from frontdesk.errors import NotFound
from frontdesk.portal import steps
from frontdesk.portal.search import Query
from frontdesk.web.fields import Day

_DAY = timedelta(days=1)


class Look(Query):
    """`clinic`: the first by name when left out; `on`: a local day of it, today when left out."""

    told = frozenset({"on"})

    clinic: UUID | None = None
    on: Day | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A desk on a day. Without a `clinic` the member of staff works at none."""

    clinics: list[dict[str, Any]]
    clinic: dict[str, Any] | None
    on: date
    today: date

    @property
    def zone(self) -> str:
        """The clinic's."""
        return str(self.clinic["time_zone"]) if self.clinic else "UTC"

    @property
    def id(self) -> UUID:
        """Of the clinic. Raises NotFound where there is none."""
        if self.clinic is None:
            raise NotFound("You work at no clinic.")
        found: UUID = self.clinic["id"]
        return found

    @property
    def before(self) -> date:
        """The day before."""
        return self.on - _DAY

    @property
    def after(self) -> date:
        """The day after."""
        return self.on + _DAY


async def place(conn: Connection, actor: Actor, look: Look) -> Place:
    """Whose desk it is, and on which day. Raises NotFound for a clinic that is not the caller's."""
    clinics = await board.clinics(conn, actor)
    clinic = next((one for one in clinics if look.clinic in (None, one["id"])), None)
    if clinic is None and look.clinic is not None:
        raise NotFound("There is no such clinic of yours.")
    today = clock.now().astimezone(ZoneInfo(clinic["time_zone"] if clinic else "UTC")).date()
    return Place(clinics, clinic, look.on or today, today)


async def told(conn: Connection, actor: Actor, look: Look) -> dict[str, Any]:
    """What the day's list tells: the place, its visits, and how many there are in each status."""
    where = await place(conn, actor, look)
    now = clock.now()
    rows = await board.day(conn, actor, where.id, where.on) if where.clinic else []
    visits = [marked(row, now) for row in rows]
    return {"place": where, "visits": visits, "counts": Counter(row["status"] for row in visits)}


def marked(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The visit with its local day `on`, its next `steps` and, if it lags behind, `lag`: how, and by how many min."""
    on = row["start"].astimezone(ZoneInfo(row["time_zone"])).date()
    offered = [to for to in board.STEPS.get(row["status"], ()) if steps.in_time(row, to, now)]
    return row | {"on": on, "steps": offered, "lag": _lag(row, now)}


def _lag(row: dict[str, Any], now: datetime) -> tuple[str, int] | None:
    match row["status"]:
        case "scheduled" | "confirmed":
            kind, due = "late", row["start"]
        case "checked_in":
            kind, due = "waiting", row["start"]
        case "in_progress":
            kind, due = "over", row["end"]
        case _:
            return None
    minutes = int((now - due).total_seconds() // 60)
    return (kind, minutes) if minutes > 0 else None
