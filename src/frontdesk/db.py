"""The connection pool. Connections are in autocommit mode: every transaction is explicit (`conn.transaction()`)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from frontdesk.errors import Busy
from frontdesk.settings import Settings

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

PREPARE_AFTER = 2
"""Statements repeat all day: the third use of one on a connection is already planned."""


def connection_options(settings: Settings) -> dict[str, Any]:
    """How every connection of the service behaves: UTC, autocommit, rows as dicts, nothing waits for ever."""
    limit_ms = int(settings.statement_timeout.total_seconds() * 1000)
    return {
        "autocommit": True,
        "row_factory": dict_row,
        "prepare_threshold": PREPARE_AFTER,
        "application_name": "frontdesk",
        "connect_timeout": 5,
        "options": f"-c timezone=UTC -c statement_timeout={limit_ms} -c idle_in_transaction_session_timeout=30s",
    }


def make_pool(settings: Settings, dsn: str) -> Pool:
    """A pool, not yet open, of at most `settings.pool_size` connections."""
    return AsyncConnectionPool(
        dsn,
        connection_class=AsyncConnection[DictRow],
        kwargs=connection_options(settings),
        min_size=2,
        max_size=settings.pool_size,
        timeout=20,
        max_waiting=2000,
        open=False,
        check=AsyncConnectionPool.check_connection if settings.env == "production" else None,
    )


async def connect(settings: Settings, dsn: str) -> Connection:
    """One connection of its own, for the command line and the background worker."""
    return await AsyncConnection[DictRow].connect(dsn, **connection_options(settings))


@asynccontextmanager
async def borrow(pool: Pool) -> AsyncIterator[Connection]:
    """A connection from the pool. Raises Busy when none becomes free in time."""
    try:
        async with pool.connection() as conn:
            yield conn
    except PoolTimeout as error:
        raise Busy("Too many requests at once; nothing was changed.") from error


async def one(conn: Connection, query: str, **params: Any) -> DictRow | None:
    """The first row, or None."""
    return await (await conn.execute(query, params)).fetchone()


async def many(conn: Connection, query: str, **params: Any) -> list[DictRow]:
    """All rows."""
    return await (await conn.execute(query, params)).fetchall()


async def run(conn: Connection, query: str, **params: Any) -> int:
    """Execute for effect; the number of rows concerned."""
    return (await conn.execute(query, params)).rowcount
