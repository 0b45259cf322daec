"""Providers. Functions take a connection and never commit."""

from uuid import UUID

from frontdesk import db, ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.clinics.models import Row
from frontdesk.clinics.service import check_versions, found
from frontdesk.db import Connection
from frontdesk.errors import Conflict, register
from frontdesk.providers import hours
from frontdesk.providers.models import NewProvider, ProviderPatch
from frontdesk.sql import load
from frontdesk.web import pages, words

q = load(__package__)

register("provider_license_once", Conflict, "There is a provider with this license number.")

PRIVATE = ("license_number", "date_of_birth", "email", "phone", "address")
"""What the public does not see of a provider; the desk and the provider do."""

_SETS = {
    "specialty_ids": (q.drop_specialties, q.add_specialties),
    "clinic_ids": (q.drop_clinics, q.add_clinics),
    "visit_type_ids": (q.drop_visit_types, q.add_visit_types),
}


async def list_providers(
    conn: Connection,
    actor: Actor,
    *,
    specialty: str | None = None,
    clinic_id: UUID | None = None,
    text: str | None = None,
    language: str | None = None,
    accepting: bool | None = None,
    active: bool | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Row:
    """A page of providers. `specialty` is an id or a name; `text` looks in names, without regard to accents and case.

    The public sees those in use unless it asks for the others; the desk sees all (`active` None).
    """
    if active is None and not actor.is_desk:
        active = True
    specialty_id = _as_id(specialty)
    rows = await db.search(
        conn,
        q.providers,
        specialty_id=specialty_id,
        specialty=None if specialty_id else specialty,
        clinic_id=clinic_id,
        language=language,
        accepting=accepting,
        active=active,
        rows=limit + 1,
        **words.of_name(text),
        **pages.after_id(cursor),
    )
    return pages.page([visible(row, actor) for row in rows], limit, "id")


async def get_provider(conn: Connection, actor: Actor, provider_id: UUID) -> Row:
    """One provider, as much as the caller may see. Raises NotFound."""
    return visible(found(await db.one(conn, q.provider, provider_id=provider_id), "provider"), actor)


async def create_provider(conn: Connection, actor: Actor, body: NewProvider) -> Row:
    """A new provider. Raises Conflict for a license number in use, InvalidRequest for an unknown id in a set."""
    provider_id = ids.new_id()
    fields = body.model_dump()
    sets = {name: fields.pop(name) for name in _SETS}
    await db.run(conn, q.insert_provider, id=provider_id, **fields, **actor.stamp)
    await _replace_sets(conn, actor, provider_id, sets)
    return await get_provider(conn, actor, provider_id)


async def change_provider(
    conn: Connection, actor: Actor, provider_id: UUID, body: ProviderPatch, expected: int | None = None
) -> Row:
    """Change a provider; sets are replaced.

    Raises NotFound, StaleVersion, and Conflict for leaving a clinic with working time there, or for leaving altogether
    while visits stand ahead.
    """
    row = found(await db.one(conn, q.lock_provider, provider_id=provider_id), "provider")
    check_versions(row, body, expected)
    given = body.given()
    sets = {name: given.pop(name) for name in _SETS if name in given}
    if row["active"] and not given.get("active", True):
        await _refuse_with_future(conn, provider_id)
    if "clinic_ids" in sets:
        elsewhere = await db.one(conn, q.works_elsewhere, provider_id=provider_id, ids=sets["clinic_ids"])
        if elsewhere and elsewhere["works_elsewhere"]:
            raise Conflict("The provider has working time at a clinic that is not named; change the schedule first.")
    await db.run(conn, q.update_provider, **row | given | actor.stamp)
    await _replace_sets(conn, actor, provider_id, sets)
    if "visit_type_ids" in sets or given.get("active", row["active"]) != row["active"]:
        await hours.changed_everywhere(conn, actor, provider_id)
    return await get_provider(conn, actor, provider_id)


async def deactivate(conn: Connection, actor: Actor, provider_id: UUID, expected: int | None = None) -> None:
    """Nobody can book the provider any more; what happened stays. Idempotent.

    Raises NotFound, StaleVersion, and Conflict while visits stand ahead.
    """
    row = found(await db.one(conn, q.lock_provider, provider_id=provider_id), "provider")
    check_versions(row, ProviderPatch(), expected)
    if row["active"]:
        await _refuse_with_future(conn, provider_id)
        await db.run(conn, q.update_provider, **row | {"active": False} | actor.stamp)
        await hours.changed_everywhere(conn, actor, provider_id)


def visible(row: Row, actor: Actor) -> Row:
    """The row as `actor` may see it."""
    if actor.is_desk or (actor.role is Role.PROVIDER and actor.provider_id == row["id"]):
        return row
    return {name: value for name, value in row.items() if name not in PRIVATE}


async def _refuse_with_future(conn: Connection, provider_id: UUID) -> None:
    ahead = await db.one(conn, q.has_future, provider_id=provider_id)
    if ahead and ahead["has_future"]:
        raise Conflict("Appointments of this provider stand ahead; move or cancel them first.")


async def _replace_sets(conn: Connection, actor: Actor, provider_id: UUID, sets: dict[str, list[UUID]]) -> None:
    await db.run(conn, q.say_who, **actor.stamp)
    for name, members in sets.items():
        drop, add = _SETS[name]
        await db.run(conn, drop, provider_id=provider_id, ids=members)
        await db.run(conn, add, provider_id=provider_id, ids=members, **actor.stamp)


def _as_id(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
