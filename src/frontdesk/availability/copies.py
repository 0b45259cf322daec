"""Plans that another server process has worked out already: kept in Redis, filled by one for all (ADR-0026).

A copy is trusted no more than one of this process: the statement that reads the book tells whether its version is that
of the database. The key names all else a plan depends on: the database, its migrations, provider, visit type and weeks.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg

from frontdesk import db, metrics
from frontdesk.db import Connection
from frontdesk.ports.cache import Cache, Patience
from frontdesk.sql import load

q = load(__package__)

Row = dict[str, Any]
"""A row of the statement `plans`."""

Place = tuple[UUID, UUID, tuple[date, int]]
"""Provider, visit type, weeks."""

TTL_S = 3600.0
FILLING_S = 1.0
"""How long nobody else fills what one process has set out to: long past the 5 ms it takes."""

WAIT_S = 0.05
"""How long one request waits for other processes to fill, in all, before it works out itself what it needs."""

LOOK_EVERY_S = 0.004
_FORM = 1
"""Raised when rows of the statement change their columns or their meaning."""


class SharedCopies:
    """The copies, as a server process reaches them."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._database: dict[str, str] = {}

    def for_request(self) -> "Copies":
        """The copies, as one request uses them."""
        return Copies(self._cache, self._database)


class Copies:
    """What one request may spend on copies: `PATIENCE_S` on the cache and `WAIT_S` on other processes, in all."""

    def __init__(self, cache: Cache, database: dict[str, str]) -> None:
        self._cache, self._database = cache, database
        self._patience, self._wait_s = Patience(), WAIT_S

    async def find(
        self, conn: Connection, places: Sequence[Place], now: datetime, outdated: Mapping[Place, int]
    ) -> dict[Place, Row]:
        """The rows that are kept of these; those that another process is about to keep are waited for, but not long.

        `outdated`: versions that were found to be of the past. `now` is aware.
        """
        database = await self._identity(conn)
        if not database:
            return {}
        keys = {place: _key(database, place) for place in places}
        found = await self._look(keys, now, outdated)
        missing = [place for place in places if place not in found]
        if missing:
            fills = [f"{keys[place]}:{outdated.get(place, '')}" for place in missing]
            mine = await self._cache.claim(fills, self._patience, ttl_s=FILLING_S)
            others = {place: keys[place] for place, claimed in zip(missing, mine, strict=True) if not claimed}
            found |= await self._wait_for(others, now, outdated)
        metrics.CACHE_HITS.inc(len(found))
        metrics.CACHE_MISSES.inc(len(places) - len(found))
        return found

    async def _wait_for(
        self, keys: Mapping[Place, str], now: datetime, outdated: Mapping[Place, int]
    ) -> dict[Place, Row]:
        """What other processes come to keep of these while this request has time to wait."""
        found: dict[Place, Row] = {}
        while self._wait_s > 0 and (missing := {place: key for place, key in keys.items() if place not in found}):
            self._wait_s -= LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            found |= await self._look(missing, now, outdated)
        return found

    async def keep(self, conn: Connection, rows: Iterable[tuple[Place, Row]]) -> None:
        """Let other processes have these."""
        database = await self._identity(conn)
        values = {_key(database, place): orjson.dumps(row) for place, row in rows}
        if database and values:
            await self._cache.keep(values, self._patience, ttl_s=TTL_S)

    async def _look(self, keys: Mapping[Place, str], now: datetime, outdated: Mapping[Place, int]) -> dict[Place, Row]:
        values = await self._cache.read(list(keys.values()), self._patience)
        rows = {place: _row(value) for place, value in zip(keys, values, strict=True) if value is not None}
        return {place: row for place, row in rows.items() if _good(row, now) and row["version"] != outdated.get(place)}

    async def _identity(self, conn: Connection) -> str:
        """What the database is called in keys; empty where it does not tell which one it is: nothing is copied then."""
        name = conn.info.dbname
        if name not in self._database:
            try:
                async with conn.transaction():
                    row = await db.one(conn, q.this_database)
            except psycopg.errors.InsufficientPrivilege:
                row = None
            self._database[name] = row["identity"] if row else ""
        return self._database[name]


def _key(database: str, place: Place) -> str:
    provider_id, visit_type_id, (monday, count) = place
    return f"plan:{_FORM}:{database}:{provider_id}:{visit_type_id}:{monday}:{count}"


def _good(row: Row, now: datetime) -> bool:
    return row["next_release"] is None or now < row["next_release"]


def _row(value: bytes) -> Row:
    row: Row = orjson.loads(value)
    row["provider_id"] = UUID(row["provider_id"])
    for ids in ("rooms", "clinics"):
        row[ids] = row[ids] and [UUID(one) for one in row[ids]]
    row["next_release"] = row["next_release"] and datetime.fromisoformat(row["next_release"])
    return row
