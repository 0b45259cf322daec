"""What the background worker does for the book."""

from frontdesk import clock, db, ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.availability import freed
from frontdesk.booking import claims
from frontdesk.booking.claims import q
from frontdesk.db import Connection


async def expire_holds(conn: Connection) -> int:
    """Expire overdue holds, at most 200 in one transaction; how many. Idempotent, and safe beside any booking."""
    system = Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=ids.new_id())
    async with conn.transaction():
        overdue = await db.many(conn, q.any_overdue_holds, now=clock.now())
        expired = await claims.expire(conn, system, overdue) if overdue else 0
        await freed.tell(conn, system, *map(claims.freed_by, overdue))
        return expired
