"""Limits in PostgreSQL: one statement a question, on a table that is not logged and so costs no flush to disk."""

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from frontdesk import db, sql
from frontdesk.db import Connection, Pool
from frontdesk.errors import Busy
from frontdesk.ports.limiter import Grant

q = sql.load(__package__)
log = structlog.get_logger(__name__)

_PATIENCE_S = 2.0
"""For a connection. Where all of them are busy for longer, the request itself would get none either."""


class PostgresLimiter:
    """A Limiter that every installation has. After a crash of PostgreSQL all windows begin anew."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(self, name: str, hits: int, *, limit: int, window_s: float) -> Grant:
        """As the Limiter promises. Raises Busy when the database does not answer."""
        try:
            # Not `db.borrow`: no policy concerns this table, so it does not matter whose rows the connection shows.
            async with self._pool.connection(timeout=_PATIENCE_S) as conn:
                row = await db.one(conn, q.take, name=name, hits=hits, limit=limit, window_s=window_s)
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("limits_without_database", error=type(error).__name__)
            raise Busy("The database cannot be reached at the moment.") from error
        assert row is not None
        return Grant(row["granted"], row["left"], row["resets_in_s"])


async def purge(conn: Connection) -> int:
    """Forget windows that are over. A job of the background worker; idempotent."""
    return await db.run(conn, q.purge)
