"""Whoever takes working time away answers for the visits that stand in it (invariant 2)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import db
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.errors import Problem
from frontdesk.sql import load

q = load(__package__, "stranded.sql")

MOST_LISTED = 100
"""A problem document is read by a person: more than this is not read."""


class AppointmentsStranded(Problem):
    """The change would leave appointments outside of working time; move them, or keep them with a reason."""

    status, slug, title = 409, "appointments-stranded", "Appointments would lie outside of working time"


async def settle(
    conn: Connection,
    actor: Actor,
    *,
    provider_id: UUID | None = None,
    clinic_id: UUID | None = None,
    within: tuple[datetime, datetime] | None = None,
    override_reason: str | None = None,
    known: Collection[UUID] | None = None,
) -> None:
    """Call after a change of working time, in its transaction, with the provider or the clinic locked FOR UPDATE.

    Looks at visits ahead of that provider, or at that clinic, that overlap `within` (instants, end exclusive; None:
    all). Those left outside of working time are kept and marked with `override_reason`; without one this raises
    AppointmentsStranded, which names times and ids but no patient; and so it does when there are others than those
    `known` to whoever gives the reason (None: whichever). Idempotent: marked visits are not looked at again.
    """
    assert provider_id or clinic_id, "a change of working time concerns a provider or a clinic"
    rows = await outside(conn, provider_id=provider_id, clinic_id=clinic_id, within=within)
    if not rows:
        return
    unknown = known is not None and not {row["id"] for row in rows} <= set(known)
    if override_reason is None or unknown:
        raise AppointmentsStranded(
            f"{len(rows)} appointments would lie outside of it. Move them, cancel them, or send override_reason.",
            appointments=rows[:MOST_LISTED],
        )
    await db.run(conn, q.keep_stranded, ids=[row["id"] for row in rows], override_reason=override_reason, **actor.stamp)


async def outside(
    conn: Connection,
    *,
    provider_id: UUID | None = None,
    clinic_id: UUID | None = None,
    within: tuple[datetime, datetime] | None = None,
) -> list[dict[str, Any]]:
    """The visits and holds that `settle` would be about: id, start, end, clinic_id, status; no patient."""
    span = TimestamptzRange(*within) if within else None
    return await db.search(conn, q.stranded, provider_id=provider_id, clinic_id=clinic_id, within=span)
