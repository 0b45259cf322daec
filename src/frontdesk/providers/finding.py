"""Providers as somebody without a log-in looks for them: nothing here is only for the desk."""

from typing import Any
from uuid import UUID

from frontdesk import db
from frontdesk.clinics.service import found
from frontdesk.db import Connection
from frontdesk.sql import load
from frontdesk.web import words

q = load(__package__, "finding.sql")


async def search(
    conn: Connection,
    *,
    specialty_id: UUID | None = None,
    name: str | None = None,
    clinic_id: UUID | None = None,
    language: str | None = None,
    visit_type_id: UUID | None = None,
    rows: int = 0,
    skip: int = 0,
) -> dict[str, Any]:
    """In one statement: who matches, by name, and what there is to choose from; ids are strings.

    `name` is a part of one, or much like one; `language` also means its regional forms. `visit_type` is the one asked
    for, or what most of those who match offer; None when patients cannot book it. `rows` and `skip` count providers.
    """
    (row,) = await db.search(
        conn,
        q.search,
        specialty_id=specialty_id,
        clinic_id=clinic_id,
        language=language,
        visit_type_id=visit_type_id,
        rows=rows,
        skip=skip,
        **words.of_name(name),
    )
    return row


async def profile(conn: Connection, provider_id: UUID, *, own: bool = False) -> dict[str, Any]:
    """A provider, where they work and what patients can book; ids within are strings.

    Raises NotFound, for who is out of use, too, unless they see their `own`."""
    return found(await db.one(conn, q.profile, provider_id=provider_id, own=own), "provider")
