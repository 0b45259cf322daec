"""The bell: a server process tells the relay that it has committed something, often at once, never in a transaction."""

import asyncio

import psycopg
import structlog

from frontdesk.db import Pool, borrow
from frontdesk.errors import Busy
from frontdesk.events.log import WRITTEN

GAP_S = 0.02
"""Between two rings of one process: a NOTIFY holds a lock of the whole server while it commits (ADR-0022)."""

log = structlog.get_logger(__name__)


class Bell:
    """Rings for all commits of the last `GAP_S` together. If nobody can ring, the relay looks by itself (POLL_S)."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._rung = False
        self._at_work: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Something has been committed. Returns at once."""
        self._rung = True
        if self._at_work is None:
            self._at_work = asyncio.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._rung:
                self._rung = False
                async with borrow(self._pool) as conn:
                    await conn.execute(f"NOTIFY {WRITTEN}")
                await asyncio.sleep(GAP_S)
        except (psycopg.Error, Busy) as error:
            log.warning("bell_silent", error=type(error).__name__)
        finally:
            self._at_work = None
