"""The trail itself, for those who look into what happened. Secrets never came into it; clinical values stay in it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from frontdesk import db
from frontdesk.audit.models import EntryId
from frontdesk.audit.reads import looked, q
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.web import pages


async def entries(
    conn: Connection,
    actor: Actor,
    *,
    table: str | None,
    row_id: str | None,
    by: UUID | None,
    request_id: UUID | None,
    from_at: datetime | None,
    to_at: datetime | None,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """A page of entries, the latest first; `from_at` is included, `to_at` is not.

    Whoever reads the values of a patient's rows here looks at the patient, and leaves an entry for it.
    """
    rows = await db.many(
        conn,
        q.trail,
        table=table,
        row_id=row_id,
        actor=by,
        request_id=request_id,
        from_at=from_at,
        to_at=to_at,
        rows=limit + 1,
        **pages.decode(cursor, ("before_id", EntryId)),
    )
    page = pages.page(rows, limit, "id")
    await looked(conn, actor, map(_patient, page["items"]), "audit:read")
    return page


def _patient(row: dict[str, Any]) -> UUID | None:
    """Whose values the entry shows, if anybody's."""
    values = row["new"] or row["old"]
    if not isinstance(values, dict) or row["action"] not in ("INSERT", "UPDATE", "DELETE"):
        return None
    try:
        return UUID(row["row_id"] if row["table"] == "patient" else values.get("patient_id"))
    except (TypeError, ValueError):  # no patient's row, or one that was tampered with
        return None
