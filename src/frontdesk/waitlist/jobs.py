"""What the background worker does for the waitlist. Idempotent, and safe beside anything."""

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
                time = await offers.withdraw(conn, system, overdue["id"], status="expired")
                if not overdue["displaced"] and overdue["missed"] + 1 >= settings().offers_missed:
                    await service.leave(conn, system, overdue["entry_id"], status="expired")
                await freed.tell(conn, system, time)
        except OfferGone:  # another worker, or the patient in the last moment
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


def _system() -> Actor:
    return Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=ids.new_id())
