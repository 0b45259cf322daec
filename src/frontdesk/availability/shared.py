"""The availability of one provider, as it is asked most: reads that arrive together share a statement."""

from uuid import UUID

from frontdesk import clock
from frontdesk.availability import plan as plans
from frontdesk.availability.copies import SharedCopies
from frontdesk.availability.plan import Busy, Plan, Question
from frontdesk.availability.service import Asked, Free, free_of, must_exist, narrow, needs_more
from frontdesk.db import Pool, borrow
from frontdesk.together import Together

MOST_TOGETHER = 32
"""Reads of one statement: about 5 ms of PostgreSQL."""


class SharedAvailability:
    """Reads of one server process. Each is answered by a statement that began after it was asked."""

    def __init__(self, pool: Pool, copies: SharedCopies) -> None:
        self._pool, self.copies = pool, copies
        self._together = Together(self._read, MOST_TOGETHER)

    async def of_provider(self, provider_id: UUID, asked: Asked) -> Free | None:
        """The free starts of one provider, None without working time. Raises NotFound for what does not exist."""
        read = await self._together.ask((provider_id, asked.visit_type_id, asked.weeks))
        now = clock.now()
        free = free_of(*read, asked, now) if read else None
        nothing = free is None or not any(free.free)
        if nothing or (free is not None and needs_more(free, asked)):
            async with borrow(self._pool) as conn:
                if nothing:
                    await must_exist(conn, provider_id, asked)
                elif free is not None:
                    await narrow(conn, [free], asked, now)
        return free

    async def _read(self, asked: list[Question]) -> list[tuple[Plan, Busy] | None]:
        async with borrow(self._pool) as conn:
            return await plans.read(conn, asked, clock.now(), self.copies.for_request())
