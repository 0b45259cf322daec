"""Patients. Every function sees only whom the actor may see; anybody else does not exist for it (404).

Functions take a connection and never commit. No value of a patient is logged or put into an error.
"""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from frontdesk import db, ids
from frontdesk.auth.events import PatientRegistered
from frontdesk.auth.permissions import Actor
from frontdesk.clinics.models import Row
from frontdesk.clinics.service import check_versions, found
from frontdesk.db import Connection
from frontdesk.errors import Conflict, Forbidden, register
from frontdesk.events import outbox
from frontdesk.patients.encryption import opened, readable, sealed
from frontdesk.patients.events import PatientChanged, PatientDeleted
from frontdesk.patients.models import NewPatient, PatientPatch
from frontdesk.sql import load
from frontdesk.web import pages, words

q = load(__package__)

register("patient_external_ref_once", Conflict, "There is a patient with this external_ref.")

ONLY_DESK = frozenset(
    {"first_name", "last_name", "date_of_birth", "national_id", "external_ref", "clinic_ids", "active"}
)
"""What patients may not change about themselves: who they are is proven at the desk."""

_FEWEST_DIGITS = 5
"""Fewer digits than this are no part of a phone number worth searching for."""


class When(StrEnum):
    """Which of a patient's appointments."""

    UPCOMING = "upcoming"
    PAST = "past"


async def list_patients(conn: Connection, actor: Actor, *, text: str | None, limit: int, cursor: str | None) -> Row:
    """A page of the patients within the caller's reach, all of them without a `text` to search for."""
    # Planned for its values: a plan for any would look for a name in every row (3 s, not 5 ms, of 200,000 patients).
    rows = await db.search(conn, q.in_reach, **actor.only, **_search(text), rows=limit + 1, **pages.after_id(cursor))
    return pages.page([readable(row) for row in rows], limit, "id")


async def get_patient(conn: Connection, actor: Actor, patient_id: UUID) -> Row:
    """One patient. Raises NotFound when there is none, or none the caller may see."""
    row = await db.one(conn, q.some_in_reach, **actor.only, ids=[patient_id])
    return readable(found(row, "patient"))


async def some(conn: Connection, actor: Actor, patient_ids: list[UUID]) -> list[Row]:
    """Those of these patients whom the caller may see, in the order of ids."""
    return [readable(row) for row in await db.many(conn, q.some_in_reach, **actor.only, ids=patient_ids)]


async def create_patient(conn: Connection, actor: Actor, body: NewPatient) -> Row:
    """Register a patient; a likely duplicate is named, never refused. Of two at once the later is told of the earlier.

    Raises Forbidden when the desk registers at a clinic that is not its own, Conflict for an external_ref in use.
    """
    patient_id = ids.new_id()
    mine = actor.only["only_clinics"]
    clinic_ids = body.clinic_ids or mine or []
    if mine is not None and not clinic_ids:
        raise Forbidden("You work at no clinic, so you could not see the patient again.")
    _refuse_other_clinics(actor, set(clinic_ids))
    columns = sealed(_columns(body.model_dump(exclude={"clinic_ids"})), patient_id)
    who = columns | {"phone_digits": _digits(body.phone)}
    await db.run(conn, q.lock_alike, **who)
    alike = await db.search(conn, q.alike, **who)
    await db.run(conn, q.insert_patient, id=patient_id, **columns, **actor.stamp)
    await db.run(conn, q.add_clinics, patient_id=patient_id, ids=clinic_ids, **actor.stamp)
    await outbox.record(conn, actor, PatientRegistered(patient_id=patient_id))
    seen = await db.many(conn, q.some_in_reach, **actor.only, ids=[row["id"] for row in alike])
    patient = await get_patient(conn, actor, patient_id)
    return patient | {"possible_duplicates": [row["id"] for row in seen]}


async def change_patient(
    conn: Connection, actor: Actor, patient_id: UUID, body: PatientPatch, expected: int | None = None
) -> Row:
    """Change a patient. Raises NotFound, StaleVersion, and Forbidden for a field that is not the caller's to change."""
    await get_patient(conn, actor, patient_id)
    row = opened(found(await db.one(conn, q.lock_patient, patient_id=patient_id), "patient"))
    check_versions(row, body, expected)
    given = body.given()
    refused = sorted(given.keys() & ONLY_DESK)
    if refused and not actor.is_desk:
        raise Forbidden(f"Ask the front desk to change {', '.join(refused)}.")
    clinic_ids = given.pop("clinic_ids", None)
    await db.run(conn, q.update_patient, **sealed(_columns(row | given), patient_id) | actor.stamp)
    if clinic_ids is not None:
        registered = {r["clinic_id"] for r in await db.many(conn, q.registered_at, patient_id=patient_id)}
        _refuse_other_clinics(actor, registered ^ set(clinic_ids))
        await db.run(conn, q.say_who, **actor.stamp)
        await db.run(conn, q.drop_clinics, patient_id=patient_id, ids=clinic_ids)
        await db.run(conn, q.add_clinics, patient_id=patient_id, ids=clinic_ids, **actor.stamp)
    patient = readable(found(await db.one(conn, q.some_in_reach, **_everybody(), ids=[patient_id]), "patient"))
    fields = sorted({*given, *({"clinic_ids"} if clinic_ids is not None else ())})
    await outbox.record(conn, actor, PatientChanged(patient_id=patient_id, version=patient["version"], fields=fields))
    return patient


async def logs_in(conn: Connection, patient_id: UUID) -> bool:
    """Whether the patient, whom the caller may see, has a log-in that works. Its address is for nobody else."""
    row = await db.one(conn, q.logs_in, patient_id=patient_id)
    return bool(row and row["yes"])


async def delete_patient(conn: Connection, actor: Actor, patient_id: UUID, expected: int | None = None) -> None:
    """Delete a patient with whom nothing ever happened. Raises NotFound, StaleVersion, and Conflict for any other."""
    await get_patient(conn, actor, patient_id)
    row = found(await db.one(conn, q.lock_patient, patient_id=patient_id), "patient")
    check_versions(row, PatientPatch(), expected)
    history = await db.one(conn, q.has_history, patient_id=patient_id)
    if history and history["has_history"]:
        raise Conflict("A patient with appointments or a log-in cannot be deleted; set active to false instead.")
    await db.run(conn, q.say_who, **actor.stamp)
    await db.run(conn, q.drop_clinics, patient_id=patient_id, ids=[])
    await db.run(conn, q.delete_patient, patient_id=patient_id)
    await outbox.record(conn, actor, PatientDeleted(patient_id=patient_id))


async def list_appointments(
    conn: Connection, actor: Actor, patient_id: UUID, *, when: When | None, limit: int, cursor: str | None
) -> Row:
    """A page of the patient's appointments: a provider sees those with them, the desk those at its clinics.

    Upcoming ones in order, past ones the latest first; without `when` all, holds too, in order. Raises NotFound.
    """
    await get_patient(conn, actor, patient_id)
    after = pages.decode(cursor, ("after_start", datetime), ("after_id", UUID))
    query = q.appointments_past if when is When.PAST else q.appointments_upcoming
    rows = await db.many(
        conn,
        query,
        patient_id=patient_id,
        upcoming=when is When.UPCOMING,
        rows=limit + 1,
        **after,
        **actor.only,
    )
    return pages.page(rows, limit, "start", "id")


def _everybody() -> dict[str, Any]:
    """The reach of the service itself, for a row that the caller has just been allowed to write."""
    return {"only_patient": None, "only_care_of": None, "only_clinics": None}


def _search(text: str | None) -> dict[str, Any]:
    """What the text can be: an e-mail address, a date of birth, a number, or else a name; and always a reference."""
    text = (text or "").strip() or None
    digits, born_on = _digits(text), _birth_date(text)
    is_email = text is not None and "@" in text
    is_number = (
        text is not None
        and born_on is None
        and len(digits) >= _FEWEST_DIGITS
        and not re.search(r"[^\d\s()+/.-]", text, re.ASCII)
    )
    return {
        "everybody": text is None,
        "email": text if is_email else None,
        "reference": text,
        "born_on": born_on,
        "phone_digits": digits if is_number else None,
        **words.of_name(None if is_email or is_number or born_on else text),
    }


def _birth_date(text: str | None) -> date | None:
    if text is None or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _digits(text: str | None) -> str:
    return re.sub(r"\D", "", text or "", flags=re.ASCII)


def _columns(fields: dict[str, Any]) -> dict[str, Any]:
    """Request fields as columns: insurance is two, and what is nested is stored as JSON without what was not said."""
    columns = dict(fields)
    if "insurance" in columns:
        insurance = columns.pop("insurance") or {}
        columns["insurance_provider"] = insurance.get("provider")
        columns["insurance_member_id"] = insurance.get("member_id")
    contact, preferences = columns["emergency_contact"], columns["preferences"]
    columns["emergency_contact"] = None if contact is None else Jsonb(contact)
    columns["preferences"] = Jsonb(_jsonable({k: v for k, v in preferences.items() if v is not None}))
    return columns


def _jsonable(preferences: dict[str, Any]) -> dict[str, Any]:
    """Ids as texts: JSON has no other form for them."""
    if "clinics" in preferences:
        return preferences | {"clinics": [str(clinic) for clinic in preferences["clinics"]]}
    return preferences


def _refuse_other_clinics(actor: Actor, concerned: set[UUID]) -> None:
    mine = actor.only["only_clinics"]
    if mine is not None and not concerned <= set(mine):
        raise Forbidden("You can register patients only at clinics of your own.")
