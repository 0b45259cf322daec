"""What the background worker does for the waitlist. Idempotent, and safe beside anything."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg

from frontdesk import clock, db, ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.availability import freed
from frontdesk.db import Connection
from frontdesk.settings import settings
from frontdesk.sql import load
from frontdesk.waitlist import offers, service
from frontdesk.waitlist.offers import OfferGone

q = load(__package__)


async def expire_offers(conn: Connection) -> int:
    """End offers that nobody answered in time and ask the next, one transaction each; how many.

    Who let `settings.offers_missed` of them in a row go by does not wait any more. Who was displaced never did.
    """
    expired = 0
    while overdue := await db.one(conn, q.overdue_offer, now=clock.now()):
        system = _system()
        try:
            async with conn.transaction():
                time = await offers.withdraw(conn, system, overdue["id"], status="expired", overdue=True)
                if not overdue["displaced"] and overdue["missed"] + 1 >= settings().offers_missed:
                    await service.leave(conn, system, overdue["entry_id"], status="expired")
                await service.seek(conn, system, overdue["entry_id"])
                await freed.tell(conn, system, time)
        except (OfferGone, psycopg.errors.DeadlockDetected):  # another worker, or the patient in the last moment
            continue
        expired += 1
    return expired


async def expire_entries(conn: Connection) -> int:
    """End places of those who wait for what cannot come any more, 200 a round; how many."""
    system = _system()
    async with conn.transaction():
        over = await db.many(conn, q.over, now=clock.now())
        for row in over:
            await service.leave(conn, system, row["id"], status="expired")
    return len(over)


class LookAgain:
    """A job: offers times that became public without anybody giving them back.

    A day comes within the horizon, a reserved session is released, a room or a patient is free again, a limit is no
    longer reached, a provider or a visit type comes back. Every LOOK_AGAIN_EVERY, in the order of the line, so many of
    it a round.
    """

    def __init__(self) -> None:
        self._began: datetime | None = None
        self._after: Mapping[str, Any] = _FROM_THE_FIRST

    async def __call__(self, conn: Connection) -> int:
        """Look for the next AT_ONCE of those who wait, one transaction each; how many are offered something."""
        now = clock.now()
        if self._after is _FROM_THE_FIRST:
            if self._began is not None and now - self._began < LOOK_AGAIN_EVERY:
                return 0
            self._began = now
        rows = await db.many(conn, q.line, **self._after, most=AT_ONCE)
        offered = 0
        for row in rows:
            async with conn.transaction():
                offered += await service.seek(conn, _system(), row["id"])
        self._after = rows[-1] if len(rows) == AT_ONCE else _FROM_THE_FIRST
        return offered


LOOK_AGAIN_EVERY = timedelta(minutes=10)
AT_ONCE = 50
"""About a second: 97 days of one provider, a week at a time, take some 20 ms."""

_FROM_THE_FIRST: Mapping[str, Any] = dict.fromkeys(("rank", "since", "id"))


def _system() -> Actor:
    return Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=ids.new_id())
