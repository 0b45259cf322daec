"""Export and erasure of one patient's data. Functions take a connection and never commit."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from frontdesk import clock, db, ids
from frontdesk.audit import reads
from frontdesk.auth.permissions import Actor, Role
from frontdesk.db import Connection
from frontdesk.errors import Conflict, NotFound
from frontdesk.events import outbox
from frontdesk.patients import service as patients
from frontdesk.rights.events import PatientErased
from frontdesk.settings import settings
from frontdesk.sql import load
from frontdesk.web import versions

q = load(__package__)

_ACCESSES_AT_ONCE = 1000


class VisitsAhead(Conflict):
    """A patient with visits ahead is still a patient."""

    slug, title = "visits-ahead", "The patient has visits ahead"


async def export(conn: Connection, actor: Actor, patient_id: UUID) -> dict[str, Any]:
    """Everything that is kept about the patient and that the caller may read (GDPR Art. 15 and 20).

    Clinical text is there for the patient alone; for others `clinical` says that it is withheld. Raises NotFound.
    """
    patient = await patients.get_patient(conn, actor, patient_id)
    await reads.looked(conn, actor, [patient_id], "patients:export")
    appointments = await db.many(conn, q.appointments, patient_id=patient_id)
    return {
        "exported_at": clock.now(),
        "clinical": "included" if actor.role is Role.PATIENT else "withheld",
        "patient": patient,
        "appointments": appointments,
        "waitlist": await db.many(conn, q.waitlist, patient_id=patient_id),
        **(await db.one(conn, q.records, patient_id=patient_id) or {}),
        **(await db.one(conn, q.notifications, patient_id=patient_id) or {}),
        "family": await db.many(conn, q.family, patient_id=patient_id),
        # How a ward logs in, who may have an account of their own, is nothing to their guardian.
        "accounts": [] if actor.guardian_id else await db.many(conn, q.accounts, patient_id=patient_id),
        "accesses": await _all_accesses(conn, patient_id),
        "erasures": await db.many(conn, q.erasures, patient_id=patient_id),
    }


async def erase(
    conn: Connection, actor: Actor, patient_id: UUID, *, reason: str, expected: int | None = None
) -> dict[str, Any]:
    """Erase what no law keeps: contact data and log-ins at once, the rest `settings.retention` after the last visit.

    Answers what was removed and what is kept until when. May be repeated: what is gone stays gone.
    Raises VisitsAhead, StaleVersion, NotFound.
    """
    await patients.get_patient(conn, actor, patient_id)
    row = await db.one(conn, q.lock_patient, patient_id=patient_id)
    if row is None:
        raise NotFound("There is no such patient.")
    versions.check(expected, row["version"])
    ahead = await db.one(conn, q.lies_ahead, patient_id=patient_id)
    if ahead and ahead["yes"]:
        raise VisitsAhead("Cancel what lies ahead first; then erase.")
    return await _erase(conn, actor, patient_id, reason)


async def erasures(conn: Connection, actor: Actor, patient_id: UUID) -> dict[str, Any]:
    """What was erased of the patient, the latest first. Raises NotFound."""
    await patients.get_patient(conn, actor, patient_id)
    return {"items": await db.many(conn, q.erasures, patient_id=patient_id), "next_cursor": None}


async def finish_erasures(conn: Connection) -> int:
    """Erase what the law kept and keeps no longer. A job of the background worker; idempotent."""
    done = 0
    for due in await db.many(conn, q.due):
        actor = Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=ids.new_id())
        async with conn.transaction():
            await db.one(conn, q.lock_patient, patient_id=due["patient_id"])
            await _erase(conn, actor, due["patient_id"], due["reason"])
        done += 1
    return done


async def _erase(conn: Connection, actor: Actor, patient_id: UUID, reason: str) -> dict[str, Any]:
    retention: timedelta = settings().retention
    row = await db.one(
        conn,
        q.erase,
        erasure_id=ids.new_id(),
        patient_id=patient_id,
        reason=reason,
        retention=retention,
        **actor.stamp,
    )
    assert row is not None
    await outbox.record(conn, actor, PatientErased(patient_id=patient_id, scope=row["scope"]))
    return row


async def _all_accesses(conn: Connection, patient_id: UUID) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await reads.accesses(conn, patient_id, limit=_ACCESSES_AT_ONCE, cursor=cursor)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
