"""Which jobs of the background worker fail: kept in the database, because who asks is another process."""

from typing import Any

import psycopg

from frontdesk import db
from frontdesk.db import Connection
from frontdesk.sql import load

q = load(__package__, "jobs.sql")


class Failing:
    """What a worker knows of the jobs that failed when they last ran, before it began too."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    @classmethod
    async def of(cls, conn: Connection) -> "Failing":
        """As the database has it."""
        return cls({row["name"] for row in await db.many(conn, q.failing)})

    async def failed(self, conn: Connection, name: str, error: Exception) -> None:
        """Write down that the job fails, and by which type of error: its text may quote somebody."""
        state = error.sqlstate if isinstance(error, psycopg.Error) else None
        await db.run(conn, q.failed, name=name, error=" ".join(filter(None, (type(error).__name__, state))))
        self._names.add(name)

    async def succeeded(self, conn: Connection, name: str) -> None:
        """Forget that it failed. Asks the database only then."""
        if name in self._names:
            await db.run(conn, q.succeeded, name=name)
            self._names.discard(name)


async def told(conn: Connection) -> list[dict[str, Any]]:
    """To admins: name, since, failed_at, failures and error of each job that fails, the longest first."""
    return await db.many(conn, q.told)
