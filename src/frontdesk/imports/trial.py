"""A dry run: the same statements on temporary tables. It judges as an import would, and nobody has to wait for it.

Rolling back a real import would do too, but until then every booking beside one of its rows would wait.
"""

from uuid import UUID

from frontdesk import clock, db
from frontdesk.db import Connection
from frontdesk.imports.directory import Placed
from frontdesk.sql import load

q = load(__package__, "trial.sql")


async def begin(conn: Connection) -> None:
    """Shadow the tables that an import writes, on this connection, until it closes."""
    await conn.execute(q.begin, prepare=False)  # several statements cannot be prepared as one


class Mirror:
    """Copies into the trial's tables what of the real ones its rows could meet."""

    def __init__(self) -> None:
        self._batches = 0

    async def reflect(self, conn: Connection, rows: list[Placed], ids: list[UUID], refs: list[str]) -> None:
        """Copy the patients with these references, and the appointments that touch the rows."""
        await db.run(conn, q.mirror_patients, refs=refs)
        await db.run(
            conn,
            q.mirror_appointments,
            ids=ids,
            providers=[row.provider_id for row in rows],
            of_patients=[row.patient.ref for row in rows],
            starts=[row.start for row in rows],
            ends=[row.end for row in rows],
            now=clock.now(),
        )
        self._batches += 1
        if self._batches.bit_count() == 1:  # 1, 2, 4, 8 …: plans are made anew as the tables grow
            await conn.execute(q.analyze)
