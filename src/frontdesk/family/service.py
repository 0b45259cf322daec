"""Who may act for whom. Functions take a connection and never commit.

Whether somebody may act is judged by the database each time a connection enters for them (schema/28_family.sql), so
nothing here has to be asked again where something is done for a ward.
"""

from datetime import UTC, date
from typing import Any
from uuid import UUID

from frontdesk import clock, db, ids
from frontdesk.audit import reads
from frontdesk.auth.events import PatientRegistered
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.errors import Conflict, InvalidRequest, NotFound, register
from frontdesk.events import outbox
from frontdesk.family.models import NewGuardian, NewWard
from frontdesk.patients import service as patients
from frontdesk.settings import settings
from frontdesk.sql import load

q = load(__package__)

_MOST_WARDS = 12
"""Whom one guardian adds, or added within 30 days: a large family, and nobody who fills the register."""


class FamilyFull(Conflict):
    """One guardian adds only so many people by themselves."""

    slug, title = "family-full", "Too many people in this family"


class GuardianAlready(Conflict):
    """The two are guardian and ward already."""

    slug, title = "guardian-already", "They are this patient's guardian already"


register("guardianship_once", GuardianAlready, "End that guardianship first, to begin another.")
register("guardianship_of_another", InvalidRequest, "Nobody is their own guardian.")


async def family(conn: Connection, actor: Actor, *, looked: bool = True) -> dict[str, Any]:
    """Whose log-in it is, for whom it acts, and for whom it may. Names and birth dates leave an entry (`looked`)."""
    rows = await db.many(conn, q.family)
    wards = [row for row in rows if row["patient_id"] != actor.own_patient]
    if looked:
        await reads.looked(conn, actor, (row["patient_id"] for row in wards), "family")
    return {"patient_id": actor.own_patient, "acts_for": actor.patient_id, "items": wards, "next_cursor": None}


async def named(conn: Connection, actor: Actor) -> list[dict[str, Any]]:
    """`patient_id` and `name` of everybody for whom the caller may book: themself first. Only themself: nobody."""
    if actor.own_patient is None:
        return []
    rows = await db.many(conn, q.family)
    names = [{"patient_id": row["patient_id"], "name": f"{row['first_name']} {row['last_name']}"} for row in rows]
    return names if len(names) > 1 else []


async def demand(conn: Connection, actor: Actor, patient_id: UUID) -> dict[str, Any]:
    """The row of somebody for whom the caller may act, or of themself. Raises NotFound."""
    for row in await db.many(conn, q.family):
        if row["patient_id"] == patient_id:
            return row
    raise NotFound("There is nobody like that in your family here.")


async def add(conn: Connection, actor: Actor, new: NewWard) -> dict[str, Any]:
    """Make the record of a child, and the caller its guardian. Writes PatientRegistered. Answers the ward.

    A record that may be the same child's is neither linked nor told of: the desk finds it. Raises FamilyFull, and
    InvalidRequest for somebody of age.
    """
    of_age_on = comes_of_age(new.date_of_birth)
    if of_age_on <= today():
        fault = {
            "loc": ["body", "date_of_birth"],
            "message": "is of age: they register themselves",
            "type": "value_error",
        }
        raise InvalidRequest("Correct the fields named in errors.", errors=[fault])
    ward, limits = ids.new_id(), {"until_on": of_age_on, "most": _MOST_WARDS}
    added = await db.one(conn, q.add_ward, id=ward, link_id=ids.new_id(), **limits, **new.model_dump())
    if added is None or not added["added"]:
        raise FamilyFull("Ask the front desk to add more people.")
    await outbox.record(conn, actor, PatientRegistered(patient_id=ward))
    return await demand(conn, actor, ward)


async def leave(conn: Connection, actor: Actor, patient_id: UUID) -> None:
    """Act for this patient no longer. Their sessions that did are over. Raises NotFound."""
    await _end(conn, actor, guardian_id=actor.own_patient, patient_id=patient_id)


async def guardians(conn: Connection, actor: Actor, patient_id: UUID) -> dict[str, Any]:
    """Who may act for a patient whom the caller may see. Raises NotFound."""
    await patients.get_patient(conn, actor, patient_id)
    rows = await db.many(conn, q.guardians_of, patient_id=patient_id)
    await reads.looked(conn, actor, [patient_id, *(row["guardian_id"] for row in rows)], "guardians")
    return {"items": rows, "next_cursor": None}


async def appoint(conn: Connection, actor: Actor, patient_id: UUID, new: NewGuardian) -> dict[str, Any]:
    """Let one patient act for another, both of whom the caller may see, and has seen proof of it. Answers the guardian.

    Raises NotFound, GuardianAlready, and InvalidRequest for a guardian who is not of age, or a day that is over.
    """
    ward = await patients.get_patient(conn, actor, patient_id)
    guardian = await patients.get_patient(conn, actor, new.guardian_id)
    of_age_on = comes_of_age(ward["date_of_birth"])
    until_on = new.until_on or (of_age_on if of_age_on > today() else None)
    if comes_of_age(guardian["date_of_birth"]) > today():
        raise InvalidRequest("A guardian is of age.")
    if until_on is not None and until_on <= today():
        raise InvalidRequest("The day until when it lasts lies ahead.")
    if not (ward["active"] and guardian["active"]):
        raise InvalidRequest("Both are patients here.")
    pair = {"guardian_id": new.guardian_id, "patient_id": patient_id}
    await db.run(conn, q.end_lapsed, **pair, **actor.stamp)
    await db.run(conn, q.add_guardian, id=ids.new_id(), **pair, relation=new.relation, until_on=until_on, **actor.stamp)
    rows = await db.many(conn, q.guardians_of, patient_id=patient_id)
    return next(row for row in rows if row["guardian_id"] == new.guardian_id)


async def dismiss(conn: Connection, actor: Actor, patient_id: UUID, guardian_id: UUID) -> None:
    """Let somebody act for the patient no longer. Raises NotFound."""
    await patients.get_patient(conn, actor, patient_id)
    await _end(conn, actor, guardian_id=guardian_id, patient_id=patient_id)


def comes_of_age(born_on: date) -> date:
    """The birthday from which on nobody acts for a child; of one born on 29 February the 28th, as PostgreSQL counts."""
    year = born_on.year + settings().adult_age
    try:
        return born_on.replace(year=year)
    except ValueError:
        return born_on.replace(year=year, day=28)


def today() -> date:
    """The day by which age is judged: that of UTC, as the database judges it."""
    return clock.now().astimezone(UTC).date()


async def _end(conn: Connection, actor: Actor, **pair: UUID | None) -> None:
    if not await db.run(conn, q.end_guardianship, **pair, **actor.stamp):
        raise NotFound("There is no such guardianship.")
