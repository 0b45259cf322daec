"""The availability of one provider, as it is asked most: reads that arrive together share a statement."""

import asyncio
from collections.abc import Sequence
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
        """The free starts of one provider, None without any. Raises NotFound for what does not exist."""
        found = await self.of_spans(provider_id, [asked])
        if found:
            return found[0]
        async with borrow(self._pool) as conn:
            await must_exist(conn, provider_id, asked)
        return None

    async def of_spans(self, provider_id: UUID, asked: Sequence[Asked]) -> list[Free]:
        """The free starts of one provider in some spans of days, which is all that the questions differ in.

        In as many statements as one question takes. Spans in which the book leaves nothing are left out.
        """
        questions = [(provider_id, one.visit_type_id, one.weeks) for one in asked]
        reads = await asyncio.gather(*map(self._together.ask, questions))
        now = clock.now()
        found = [free_of(*read, one, now) for read, one in zip(reads, asked, strict=True) if read]
        some = [free for free in found if free and any(free.free)]
        if some and needs_more(some[0], asked[0]):
            async with borrow(self._pool) as conn:
                await narrow(conn, some, asked[0], now)
        return some

    async def _read(self, asked: list[Question]) -> list[tuple[Plan, Busy] | None]:
        async with borrow(self._pool) as conn:
            return await plans.read(conn, asked, clock.now(), self.copies.for_request())
