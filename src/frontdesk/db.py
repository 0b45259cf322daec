"""The connection pool. Connections are in autocommit mode: every transaction is explicit (`conn.transaction()`)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncClientCursor, AsyncConnection
from psycopg._preparing import PrepareManager
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from frontdesk.errors import Busy, Unauthenticated
from frontdesk.settings import Settings

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

SERVICE_ROLE = "frontdesk_service"
"""What every connection of the pool works as: no owner of anything, bound by row-level security (ADR-0021)."""

_PREPARED_MOST = 400
"""More than there are statements, so that none is planned twice on a connection."""


def connection_options(settings: Settings) -> dict[str, Any]:
    """How every connection of the service behaves: UTC, autocommit, rows as dicts, nothing waits for ever."""
    limit_ms = int(settings.statement_timeout.total_seconds() * 1000)
    return {
        "autocommit": True,
        "row_factory": dict_row,
        "application_name": "frontdesk",
        "connect_timeout": 5,
        "options": f"-c timezone=UTC -c statement_timeout={limit_ms} -c idle_in_transaction_session_timeout=30s"
        # Planning a statement of the book costs 2 to 5 ms, running it 0.5: plan each once on a connection, for any
        # values (PostgreSQL would plan the first five uses anew). What depends on its values goes through `search`.
        " -c plan_cache_mode=force_generic_plan"
        # Read by in_care: who is in whose care.
        f" -c frontdesk.care_before={_seconds(settings.care_before)}"
        f" -c frontdesk.care_after={_seconds(settings.care_after)}",
    }


def _seconds(duration: timedelta) -> str:
    """ISO 8601, as PostgreSQL reads an interval."""
    return f"PT{int(duration.total_seconds())}S"


def make_pool(settings: Settings, dsn: str) -> Pool:
    """A pool, not yet open, of at most `settings.pool_size` connections, all working as SERVICE_ROLE."""
    options = connection_options(settings)
    lock_ms = int(settings.lock_timeout.total_seconds() * 1000)
    # Many who wait for one row would hold every connection of the pool, and keep all others out.
    options["options"] += f" -c role={SERVICE_ROLE} -c lock_timeout={lock_ms}"
    return AsyncConnectionPool(
        dsn,
        name=str(conninfo_to_dict(dsn).get("dbname")),  # as `conn.info.dbname` tells it, where nothing is connected
        connection_class=AsyncConnection[DictRow],
        kwargs=options,
        min_size=2,
        max_size=settings.pool_size,
        timeout=20,
        max_waiting=2000,
        open=False,
        configure=_configure,
        check=AsyncConnectionPool.check_connection if settings.env == "production" else None,
    )


async def connect(settings: Settings, dsn: str) -> Connection:
    """One connection of its own, for the command line and the background worker. It works as the role it logs in as."""
    conn = await AsyncConnection[DictRow].connect(dsn, **connection_options(settings))
    await _configure(conn)
    return conn


class _KeepPrepared(PrepareManager):
    """Keeps prepared statements over a ROLLBACK, as PostgreSQL does.

    psycopg forgets them all, because what was rolled back may have been DDL. The service has none, and each refused
    booking is a ROLLBACK: of 300 rivals for one slot, 299 would have every statement planned anew (ADR-0005).
    """

    def clear(self) -> bool:
        return False


async def _configure(conn: Connection) -> None:
    conn._prepared = _KeepPrepared()
    conn.prepare_threshold = 0
    conn.prepared_max = _PREPARED_MOST


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose log-in a connection works for, in which request. Policies show their rows and nobody else's."""

    login: UUID
    request_id: UUID


@asynccontextmanager
async def borrow(pool: Pool, viewer: Viewer | None = None) -> AsyncIterator[Connection]:
    """A connection from the pool that sees what `viewer` may see; without one, nobody's rows.

    Raises Busy when none becomes free in time, Unauthenticated when the viewer's session has ended.
    """
    try:
        async with pool.connection() as conn:
            await work_for(conn, viewer)
            yield conn
    except PoolTimeout as error:
        raise Busy("Too many requests at once; nothing was changed.") from error


_NOBODY, _SOMEBODY = "nobody", "somebody"


async def work_for(conn: Connection, viewer: Viewer | None) -> None:
    """Have the connection work for `viewer`. One that last worked for nobody, and does again, needs no statement.

    In the middle of a transaction: from the next statement on, and if that rolls back, it never did.
    Raises Unauthenticated when the viewer's session has ended.
    """
    if viewer is None and getattr(conn, "works_for", _NOBODY) == _NOBODY:
        return
    conn.works_for = _SOMEBODY  # type: ignore[attr-defined]
    if viewer is None:
        await run(conn, _LEAVE)
        conn.works_for = _NOBODY  # type: ignore[attr-defined]
        return
    row = await one(conn, _ENTER, login=viewer.login, request_id=viewer.request_id)
    if row is None or not row["lives"]:
        raise Unauthenticated("This session has ended; log in again.")


_ENTER = "SELECT enter(%(login)s, %(request_id)s) AS lives"
_LEAVE = "SELECT enter(NULL, NULL)"


async def one(conn: Connection, query: str, **params: Any) -> DictRow | None:
    """The first row, or None."""
    return await (await conn.execute(query, params)).fetchone()


async def many(conn: Connection, query: str, **params: Any) -> list[DictRow]:
    """All rows."""
    return await (await conn.execute(query, params)).fetchall()


async def search(conn: Connection, query: str, **params: Any) -> list[DictRow]:
    """All rows of a statement with filters that may be absent: planned anew each time, for just these values."""
    cursor = AsyncClientCursor(conn, row_factory=dict_row)
    return await (await cursor.execute(query, params)).fetchall()


async def send(conn: Connection, query: str, **params: Any) -> None:
    """Execute for effect in a pipeline, without waiting; an error shows in a later statement that is waited for."""
    await conn.execute(query, params)


async def run(conn: Connection, query: str, **params: Any) -> int:
    """Execute for effect; the number of rows concerned."""
    return (await conn.execute(query, params)).rowcount
