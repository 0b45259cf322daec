"""Rows on their way into the database: COPY, each row stamped with the same actor and request."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from frontdesk.db import Connection
from frontdesk.ids import SYSTEM


class Writer:
    """Writes rows in the caller's transaction. Counts them by statement name."""

    def __init__(self, conn: Connection, request_id: UUID) -> None:
        self.conn = conn
        self.stamp = {"changed_by": SYSTEM, "request_id": request_id}
        self._tail = (SYSTEM, request_id)

    async def copy(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        """Write `rows`, whose values stand in the order of the statement's columns, and return how many they were.

        The two columns of the stamp come last in every statement and are added here.
        """
        count = 0
        async with self.conn.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                await copy.write_row((*row, *self._tail))
                count += 1
        return count
