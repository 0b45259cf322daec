"""Fill an empty database with a believable clinic group."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from frontdesk import clock
from frontdesk.db import Connection, many, one
from frontdesk.demo.accounts import password_hash, write_accounts
from frontdesk.demo.book import Book, Booked, Opening, Rooms, instant, minute
from frontdesk.demo.directory import (
    Directory,
    write_closures,
    write_directory,
    write_exceptions,
    write_providers,
    write_schedules,
)
from frontdesk.demo.draw import Draw
from frontdesk.demo.people import Patient, Provider, patients, providers
from frontdesk.demo.places import FIELDS, PLACES
from frontdesk.demo.texts import NOTES, VISIT_REMARKS
from frontdesk.demo.writer import Writer
from frontdesk.fields import fields
from frontdesk.sql import load

q = load(__package__)

DAYS = 45
"""The book reaches so many days back and ahead."""

_NOTED = 0.25  # of completed visits; the rest had nothing worth writing in a demo
_GENERAL = ("Family Medicine", "Internal Medicine", "Pediatrics", "Urgent Care")


class NotEmpty(Exception):
    """Somebody has begun to use this database; the demo is only for an empty item."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How much was written."""

    clinics: int
    specialties: int
    providers: int
    patients: int
    appointments: int
    visits: int


async def fill(conn: Connection, *, seed: int, at: datetime | None = None) -> Summary:
    """Write the demo, all of it or nothing, as the world stands `at` (aware; now when None). Takes about 5 s.

    The same seed and the same `at` give the same rows, ids included; on the same day at another hour, the same book
    with other visits under way. Inside the caller's transaction it is part of that. Raises NotEmpty.
    """
    at = (at or clock.now()).astimezone(UTC).replace(second=0, microsecond=0)
    secret_hash = await password_hash()
    async with conn.transaction():
        await conn.execute(q.lock)
        empty = await one(conn, q.is_empty)
        if not empty or not empty["yes"]:
            raise NotEmpty("the database is not empty")
        summary = await _write(conn, seed, at, secret_hash)
    await conn.execute(q.analyze)
    return summary


async def _write(conn: Connection, seed: int, at: datetime, secret_hash: str) -> Summary:
    writer = Writer(conn, Draw(seed, "request").id(at))
    midnight, today = at.replace(hour=0, minute=0), at.date()
    staff, sick = providers(Draw(seed, "providers"), midnight), patients(Draw(seed, "patients"), midnight)

    directory = await write_directory(writer, Draw(seed, "directory"), midnight)
    await write_providers(writer, directory, staff)
    hours = Draw(seed, "hours")
    await write_schedules(writer, hours, directory, staff, today)
    await write_exceptions(writer, hours, directory, staff, today, midnight)
    await write_closures(writer, hours, directory, today, midnight)
    await _write_patients(writer, directory, sick)

    book = Book(Draw(seed, "book"), sick, Rooms(directory.rooms), minute(at))
    openings = await _openings(conn, directory, staff, at)
    booked: list[Booked] = []

    def drawn() -> Iterator[tuple[object, ...]]:
        for item in book.fill(openings):
            booked.append(item)
            yield _appointment_row(directory, item)

    await writer.copy(q.copy_appointment, drawn())  # drawn here while the server indexes: two cores work
    notes = Draw(seed, "notes")
    visits = await writer.copy(q.copy_visit, _visit_rows(notes, booked))
    await write_accounts(writer, Draw(seed, "accounts"), directory, staff[0], booked, midnight, secret_hash)
    return Summary(len(PLACES), len(FIELDS), len(staff), len(sick), len(booked), visits)


async def _write_patients(writer: Writer, directory: Directory, sick: list[Patient]) -> None:
    def columns(of: Patient) -> tuple[Any, ...]:
        """Their columns, the insurance number encrypted (fields.py)."""
        *before, member, contact, preferences, reference = of.columns
        sealed = fields().sealed(member, f"patient.insurance_member_id:{of.id}")
        return *before, sealed, contact, preferences, reference

    await writer.copy(
        q.copy_patient,
        (
            (
                p.id, p.first_name, p.last_name, p.gender, p.born_on, p.language, *columns(p), p.created_at,
                p.created_at,
            )
            for p in sick
        ),
    )  # fmt: skip
    await writer.copy(q.copy_patient_clinic, ((p.id, directory.clinics[p.place.key]) for p in sick))


async def _openings(conn: Connection, directory: Directory, staff: list[Provider], at: datetime) -> list[Opening]:
    """What is open of every provider's sessions around `at`, by the same SQL that availability reads."""
    clinics = {id_: key for key, id_ in directory.clinics.items()}
    kinds = {id_: key for key, id_ in directory.kinds.items()}
    span = timedelta(days=DAYS)
    rows = await many(
        conn, q.openings, providers=[p.id for p in staff], first=(at - span).date(), last=(at + span).date()
    )
    return [
        Opening(
            staff[row["number"]], clinics[row["clinic_id"]], row["day"], row["session_start"], row["start"], row["end"],
            tuple(kinds[id_] for id_ in row["visit_type_ids"] or ()),
        )
        for row in rows
    ]  # fmt: skip


def _appointment_row(directory: Directory, item: Booked) -> tuple[object, ...]:
    origin = "frontdesk" if item.status == "scheduled" else "imported"
    return (
        item.id, item.provider.id, item.patient.id, directory.clinics[item.clinic], item.room_id,
        directory.kinds[item.kind.key], _range(item.start, item.end), _range(item.busy_start, item.busy_end),
        item.status, item.kind.mode, item.reason, item.status_reason, origin, instant(item.created_at),
        instant(item.changed_at),
    )  # fmt: skip


def _range(start: int, end: int) -> str:
    """A tstzrange as PostgreSQL reads it: half-open."""
    return f"[{instant(start).isoformat()},{instant(end).isoformat()})"


def _visit_rows(draw: Draw, booked: list[Booked]) -> list[tuple[object, ...]]:
    """What was written down of some completed visits: general medicine in full, elsewhere a line."""
    rows: list[tuple[object, ...]] = []
    for item in booked:
        if item.status != "completed" or not draw.chance(_NOTED):
            continue
        ended = instant(item.end)
        complaint, diagnosis, plan, drug, again = (item.reason, None, "Continue as planned.", None, None)
        if item.provider.field.name in _GENERAL:
            complaint, diagnosis, plan, drug, again = draw.one(NOTES)
        prescriptions = [{"name": drug[0], "dose": drug[1], "instructions": drug[2]}] if drug else []
        follow_up_on = (ended + timedelta(days=again)).date() if again else None
        remark = draw.one(VISIT_REMARKS)
        rows.append((item.id, complaint, diagnosis, plan, Jsonb(prescriptions), remark, follow_up_on, ended, ended))
    return rows
