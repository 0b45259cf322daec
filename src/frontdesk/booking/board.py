"""The day of a clinic as its front desk keeps it: visits with the names that people know them by."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from frontdesk import db
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.errors import NotFound
from frontdesk.sql import load

q = load(__package__, "board.sql")

STEPS: dict[str, tuple[str, ...]] = {
    "scheduled": ("checked_in", "confirmed", "no_show", "cancelled"),
    "confirmed": ("checked_in", "no_show", "cancelled"),
    "checked_in": ("in_progress", "no_show", "cancelled"),
    "in_progress": ("completed",),
    "no_show": ("checked_in",),
}
"""What the desk may do next, the most usual first. The table `appointment_step` decides; this says what to offer."""


async def clinics(conn: Connection, actor: Actor) -> list[dict[str, Any]]:
    """The clinics whose book the caller keeps (id, name, time_zone, country), by name."""
    return await db.many(conn, q.clinics, only_clinics=actor.only["only_clinics"])


async def day(conn: Connection, actor: Actor, clinic_id: UUID, on: date) -> list[dict[str, Any]]:
    """All visits that start on a local day of the clinic, cancelled ones too, in order."""
    return await _visits(conn, actor, clinic_id=clinic_id, on=on)


async def visit(conn: Connection, actor: Actor, appointment_id: UUID) -> dict[str, Any]:
    """One visit. Raises NotFound for one that is not of the caller's clinics, or not yet booked."""
    for row in await some(conn, actor, [appointment_id]):
        return row
    raise NotFound("There is no such visit.")


async def some(conn: Connection, actor: Actor, ids: Iterable[UUID]) -> list[dict[str, Any]]:
    """Those of the visits that are booked at the caller's clinics, in order."""
    return await _visits(conn, actor, ids=list(ids))


async def of_patient(conn: Connection, actor: Actor, patient_id: UUID) -> list[dict[str, Any]]:
    """A patient's visits at the caller's clinics, in order."""
    return await _visits(conn, actor, patient_id=patient_id)


async def instant(conn: Connection, clinic_id: UUID, local: str) -> datetime:
    """When the clinic's clocks show `local` (ISO 8601 without an offset); the first time, where they show it twice."""
    row = await db.one(conn, q.instant, clinic_id=clinic_id, local=local)
    if row is None:
        raise NotFound("There is no such clinic.")
    at: datetime = row["at"]
    return at


async def names(conn: Connection, ids: Iterable[UUID | None]) -> dict[UUID, dict[str, Any]]:
    """`name` of patients, providers, visit types, specialties and clinics, by id; `phone` of patients, `time_zone` of
    clinics."""
    wanted = list({id_ for id_ in ids if id_ is not None})
    return {row["id"]: row for row in (await db.many(conn, q.names, ids=wanted) if wanted else ())}


async def _visits(conn: Connection, actor: Actor, **wanted: Any) -> list[dict[str, Any]]:
    nothing = dict.fromkeys(("clinic_id", "on", "ids", "patient_id"))
    return await db.search(conn, q.visits, only_clinics=actor.only["only_clinics"], **nothing | wanted)


async def providers(conn: Connection, clinic_id: UUID) -> list[dict[str, Any]]:
    """Who works at a clinic: id, name, and visit_type_ids, None for all types."""
    return await db.many(conn, q.providers, clinic_id=clinic_id)


async def away(conn: Connection, clinic_id: UUID, on: date, provider_ids: Iterable[UUID]) -> list[dict[str, Any]]:
    """What of a local day these providers are off, or the clinic is closed (no `provider_id`): start, end, `whole` for
    all of it, time_zone, and the reason of a closure; that of time off is for those who plan it."""
    return await db.many(conn, q.away, clinic_id=clinic_id, on=on, provider_ids=list(provider_ids))
