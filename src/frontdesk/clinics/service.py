"""Clinics and their rooms, specialties and visit types. Functions take a connection and never commit."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from frontdesk import db, ids
from frontdesk.auth.permissions import Actor
from frontdesk.clinics import hours
from frontdesk.clinics.models import (
    ClinicPatch,
    NewClinic,
    NewRoom,
    NewSpecialty,
    NewVisitType,
    RoomPatch,
    Row,
    SpecialtyPatch,
    VisitTypePatch,
)
from frontdesk.db import Connection
from frontdesk.errors import Conflict, InvalidRequest, NotFound, register
from frontdesk.sql import load
from frontdesk.web import pages
from frontdesk.web.fields import Patch
from frontdesk.web.versions import check

q = load(__package__)

_NOT_ABOUT_TIMES = {"name", "what_to_bring", "mode", "version"}
"""Of a visit type: what changes no time at which it can be booked."""

register("clinic_time_zone_known", InvalidRequest, "Give the clinic's time zone by its IANA name, as Europe/Berlin.")
register("room_name_once", Conflict, "The clinic has a room of this name; give another name.")
register("specialty_name_once", Conflict, "There is a specialty of this name.")


async def list_clinics(conn: Connection, *, active: bool | None, limit: int, cursor: str | None) -> Row:
    """A page of clinics; `active` None means all."""
    rows = await db.many(conn, q.clinics, active=active, rows=limit + 1, **pages.after_id(cursor))
    return pages.page(rows, limit, "id")


async def get_clinic(conn: Connection, clinic_id: UUID) -> Row:
    """One clinic. Raises NotFound."""
    return found(await db.one(conn, q.clinic, clinic_id=clinic_id), "clinic")


async def create_clinic(conn: Connection, actor: Actor, body: NewClinic) -> Row:
    """A new clinic. Not idempotent by itself."""
    return await _written(conn, q.insert_clinic, id=ids.new_id(), **body.model_dump(), **actor.stamp)


async def change_clinic(
    conn: Connection, actor: Actor, clinic_id: UUID, body: ClinicPatch, expected: int | None = None
) -> Row:
    """Change a clinic. Raises NotFound, StaleVersion, and Conflict for a new zone or an end with visits ahead.

    Local rules would mean other instants in another zone, and nothing can be booked at a clinic that is not active:
    either would leave the visits that stand there outside of working time.
    """
    row = found(await db.one(conn, q.lock_clinic, clinic_id=clinic_id), "clinic")
    check_versions(row, body, expected)
    new = row | body.given()
    if new["time_zone"] != row["time_zone"] or (row["active"] and not new["active"]):
        ahead = await db.one(conn, q.clinic_has_future, clinic_id=clinic_id)
        if ahead and ahead["has_future"]:
            raise Conflict("Appointments stand ahead at this clinic; move or cancel them first.")
    written = await _written(conn, q.update_clinic, **new | actor.stamp)
    if (new["time_zone"], new["active"]) != (row["time_zone"], row["active"]):
        await hours.changed_at(conn, actor, clinic_id)
    return written


async def list_rooms(conn: Connection, clinic_id: UUID, *, limit: int, cursor: str | None) -> Row:
    """A page of a clinic's rooms. Raises NotFound when there is no such clinic."""
    await get_clinic(conn, clinic_id)
    rows = await db.many(conn, q.rooms, clinic_id=clinic_id, rows=limit + 1, **pages.after_id(cursor))
    return pages.page(rows, limit, "id")


async def get_room(conn: Connection, clinic_id: UUID, room_id: UUID) -> Row:
    """One room of the clinic. Raises NotFound."""
    return found(await db.one(conn, q.room, clinic_id=clinic_id, room_id=room_id), "room")


async def create_room(conn: Connection, actor: Actor, clinic_id: UUID, body: NewRoom) -> Row:
    """A new room. Raises NotFound when there is no such clinic."""
    await get_clinic(conn, clinic_id)
    return await _written(conn, q.insert_room, id=ids.new_id(), clinic_id=clinic_id, **body.model_dump(), **actor.stamp)


async def change_room(
    conn: Connection, actor: Actor, clinic_id: UUID, room_id: UUID, body: RoomPatch, expected: int | None = None
) -> Row:
    """Change a room. What is booked in it stays. Raises NotFound and StaleVersion."""
    row = found(await db.one(conn, q.lock_room, clinic_id=clinic_id, room_id=room_id), "room")
    check_versions(row, body, expected)
    return await _written(conn, q.update_room, **row | body.given() | actor.stamp)


async def list_specialties(conn: Connection, *, limit: int, cursor: str | None) -> Row:
    """A page of specialties."""
    return pages.page(await db.many(conn, q.specialties, rows=limit + 1, **pages.after_id(cursor)), limit, "id")


async def get_specialty(conn: Connection, specialty_id: UUID) -> Row:
    """One specialty. Raises NotFound."""
    return found(await db.one(conn, q.specialty, specialty_id=specialty_id), "specialty")


async def create_specialty(conn: Connection, actor: Actor, body: NewSpecialty) -> Row:
    """A new specialty."""
    return await _written(conn, q.insert_specialty, id=ids.new_id(), name=body.name, **actor.stamp)


async def change_specialty(
    conn: Connection, actor: Actor, specialty_id: UUID, body: SpecialtyPatch, expected: int | None = None
) -> Row:
    """Call a specialty by another name. Raises NotFound, StaleVersion, and Conflict for a name that is another's."""
    row = found(await db.one(conn, q.lock_specialty, specialty_id=specialty_id), "specialty")
    check_versions(row, body, expected)
    return await _written(conn, q.update_specialty, **row | body.given() | actor.stamp)


async def list_visit_types(conn: Connection, *, active: bool | None, limit: int, cursor: str | None) -> Row:
    """A page of visit types; `active` None means all."""
    rows = await db.many(conn, q.visit_types, active=active, rows=limit + 1, **pages.after_id(cursor))
    return pages.page(rows, limit, "id")


async def get_visit_type(conn: Connection, visit_type_id: UUID) -> Row:
    """One visit type. Raises NotFound."""
    return found(await db.one(conn, q.visit_type, visit_type_id=visit_type_id), "visit type")


async def create_visit_type(conn: Connection, actor: Actor, body: NewVisitType) -> Row:
    """A new visit type."""
    fields = body.model_dump()
    fields["slot_step_min"] = body.slot_step_min or body.duration_min
    return await _written(conn, q.insert_visit_type, id=ids.new_id(), **_as_stored(fields), **actor.stamp)


async def change_visit_type(
    conn: Connection, actor: Actor, visit_type_id: UUID, body: VisitTypePatch, expected: int | None = None
) -> Row:
    """Change a visit type. What is booked keeps its times. Raises NotFound and StaleVersion."""
    row = found(await db.one(conn, q.lock_visit_type, visit_type_id=visit_type_id), "visit type")
    check_versions(row, body, expected)
    new = await _written(conn, q.update_visit_type, **_as_stored(row | body.given()), **actor.stamp)
    if any(new[name] != row[name] for name in row.keys() - _NOT_ABOUT_TIMES):
        await hours.changed_for(conn, actor, visit_type_id)
    return new


async def room_kinds(conn: Connection) -> list[str]:
    """The kinds of rooms that there are or that a visit type needs, by name. In them capitals do not count."""
    return [row["kind"] for row in await db.many(conn, q.room_kinds)]


async def name_is_taken(conn: Connection, name: str, but: UUID | None = None) -> bool:
    """Whether another visit type in use is called so. `but`: the one that is to have the name; it may keep its own."""
    row = await db.one(conn, q.visit_type_named, name=name, but=but)
    return bool(row and row["taken"])


def _as_stored(visit_type: Row) -> Row:
    told = visit_type["what_to_bring"]
    return visit_type | {"what_to_bring": None if told is None else Jsonb(told)}


def found(row: Row | None, what: str) -> Row:
    """The row. Raises NotFound when there is none."""
    if row is None:
        raise NotFound(f"There is no such {what}.")
    return row


def check_versions(row: Row, body: Patch, expected: int | None) -> None:
    """Raise StaleVersion when If-Match or the body's `version` names another version than the row has."""
    check(expected, row["version"])
    check(body.version, row["version"])


async def _written(conn: Connection, statement: str, **params: Any) -> Row:
    """The row that a statement with RETURNING wrote."""
    row = await db.one(conn, statement, **params)
    assert row is not None, "an INSERT or an UPDATE of a locked row returns its row"
    return row
