"""Visits, medical records, and the glass before them. Functions take a connection and never commit.

Who may read and write clinical text is said once, by the database (reads_clinical, writes_clinical in
schema/95_access.sql); its policies ask the same functions. No clinical text is logged or put into an error.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from frontdesk import clock, db, ids
from frontdesk.audit import reads
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.errors import Conflict, InvalidRequest, NotFound
from frontdesk.events import outbox
from frontdesk.records.events import BreakGlassOpened
from frontdesk.records.models import NewRecord, VisitPatch
from frontdesk.settings import settings
from frontdesk.sql import load
from frontdesk.web import pages, versions

q = load(__package__)

_AT_THE_CLINIC = ("checked_in", "in_progress", "completed")


class VisitNotBegun(Conflict):
    """Nothing is written down about a visit before the patient is there."""

    slug, title = "visit-not-begun", "The visit has not begun"


async def get_visit(conn: Connection, actor: Actor, appointment_id: UUID) -> dict[str, Any]:
    """What was written down at a visit. Raises NotFound when there is nothing, or nothing the caller may read."""
    place = await db.one(conn, q.place, appointment_id=appointment_id, to_write=False)
    visit = await db.one(conn, q.find_visit, appointment_id=appointment_id)
    if place is None or not place["reads"] or visit is None:
        raise _nothing()
    glass = None if place["writes"] else (await _reach(conn, actor, place["patient_id"], "reads"))["glass"]
    await reads.looked(conn, actor, [place["patient_id"]], "visits:read", glass)
    return visit


async def write_visit(
    conn: Connection, actor: Actor, appointment_id: UUID, body: VisitPatch, expected: int | None
) -> dict[str, Any]:
    """Write down what is given; the first time begins the sheet. Raises NotFound, VisitNotBegun, StaleVersion."""
    place = await db.one(conn, q.place, appointment_id=appointment_id, to_write=True)
    if place is None or not place["writes"]:
        raise _nothing()
    if place["status"] not in _AT_THE_CLINIC:
        raise VisitNotBegun("Check the patient in first; then write.")
    new = await db.one(conn, q.begin_visit, appointment_id=appointment_id, **actor.stamp)
    row = await db.one(conn, q.lock_visit, appointment_id=appointment_id)
    assert row is not None
    for version in (expected, body.version):
        versions.check(version, 0 if new else row["version"])
    after = row | body.given()
    columns = {name: after[name] for name in row if name != "version"}
    columns["prescriptions"] = Jsonb(columns["prescriptions"])
    await db.run(conn, q.write_visit, appointment_id=appointment_id, **columns, **actor.stamp)
    visit = await db.one(conn, q.find_visit, appointment_id=appointment_id)
    assert visit is not None
    return visit


async def list_records(
    conn: Connection, actor: Actor, patient_id: UUID, *, kind: str | None, limit: int, cursor: str | None
) -> dict[str, Any]:
    """A page of a patient's records, the oldest first. Raises NotFound outside the caller's reach."""
    reach = await _reach(conn, actor, patient_id, "reads")
    await reads.looked(conn, actor, [patient_id], "records:read", None if reach["writes"] else reach["glass"])
    rows = await db.many(
        conn, q.list_records, patient_id=patient_id, kind=kind, rows=limit + 1, **pages.after_id(cursor)
    )
    return pages.page(rows, limit, "id")


async def add_record(conn: Connection, actor: Actor, patient_id: UUID, body: NewRecord) -> dict[str, Any]:
    """Write a record or a correction. Raises NotFound, InvalidRequest; Conflict when it was corrected before."""
    await _reach(conn, actor, patient_id, "writes")
    named = {"appointment_id": body.appointment_id, "replaces": body.replaces}
    fits = await db.one(conn, q.of_patient, patient_id=patient_id, **named)
    if not (fits and fits["fits"]):
        raise InvalidRequest("appointment_id and replaces must be of this patient.")
    values = body.model_dump() | {"recorded_on": body.recorded_on or clock.now().date()}
    try:
        async with conn.transaction():
            row = await db.one(conn, q.add_record, id=ids.new_id(), patient_id=patient_id, **values, **actor.stamp)
    except psycopg.errors.UniqueViolation:
        raise Conflict("This record was corrected before; correct the newer one.") from None
    assert row is not None
    return row


async def break_glass(
    conn: Connection, actor: Actor, patient_id: UUID, *, reason: str, minutes: int | None
) -> dict[str, Any]:
    """Let the caller read one patient's clinical text for a time. The patient sees when, who and why.

    Writes BreakGlassOpened. Raises NotFound, and InvalidRequest for longer than `settings.break_glass_for`.
    """
    most = settings().break_glass_for
    wanted = most if minutes is None else timedelta(minutes=minutes)
    if wanted > most:
        raise InvalidRequest(f"minutes may be at most {int(most.total_seconds() // 60)}.")
    try:
        async with conn.transaction():
            row = await db.one(
                conn,
                q.open_glass,
                id=ids.new_id(),
                patient_id=patient_id,
                reason=reason,
                for_time=wanted,
                **actor.stamp,
            )
    except psycopg.errors.ForeignKeyViolation:
        raise NotFound("There is no such patient.") from None
    assert row is not None
    told = {name: row[name] for name in ("patient_id", "user_id", "expires_at")}
    await outbox.record(conn, actor, BreakGlassOpened(**told))
    return row


async def list_glass(
    conn: Connection, actor: Actor, patient_id: UUID, *, limit: int, cursor: str | None
) -> dict[str, Any]:
    """Every time the glass was broken for a patient, the latest first. Raises NotFound for another patient's."""
    if actor.only["only_patient"] not in (None, patient_id):
        raise NotFound("There is no such patient.")
    before = pages.decode(cursor, ("before_id", UUID))
    rows = await db.many(conn, q.glasses, patient_id=patient_id, rows=limit + 1, **before)
    return pages.page(rows, limit, "id")


async def _reach(conn: Connection, actor: Actor, patient_id: UUID, what: str) -> dict[str, Any]:
    """How far the caller's reach goes. Raises NotFound when `what` is not within it."""
    reach = await db.one(conn, q.reach, patient_id=patient_id, user_id=actor.user_id)
    if reach is None or not reach[what]:
        raise _nothing()
    return reach


def _nothing() -> NotFound:
    return NotFound("There is nothing here that you may read. In an emergency, break the glass: say why.")
