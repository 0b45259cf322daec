"""What a message may say of a visit. (To be replaced by the real one.)"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from frontdesk.db import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of one visit, as it is now."""

    appointment_id: UUID
    start: datetime
    status: str
    old_start: datetime | None = None
    manage_url: str | None = None
    unsubscribe_url: str | None = None


async def facts_of(conn: Connection, appointment_id: Any) -> Facts:
    """Read them."""
    query = "SELECT id AS appointment_id, start_at AS start, status FROM appointment WHERE id = %s"
    row = await (await conn.execute(query, [appointment_id])).fetchone()
    assert row is not None
    return Facts(**row)
