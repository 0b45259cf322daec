"""Limits in Redis for as long as it answers, in PostgreSQL while it does not."""

import structlog

from frontdesk.ports.limiter import Grant, Limiter
from frontdesk.ports.redis import Silence, within

log = structlog.get_logger(__name__)

PATIENCE_S = 0.2
"""A normal answer takes 0.2 ms. To give up too soon begins a window anew, so this is not the least possible."""


class FallbackLimiter:
    """A Limiter of two. At a change from one to the other windows begin anew: up to the limit once more."""

    def __init__(self, first: Limiter, second: Limiter, silence: Silence, *, patience_s: float = PATIENCE_S) -> None:
        self._first, self._second, self._silence, self._patience_s = first, second, silence, patience_s
        self._lost = False

    async def take(self, name: str, hits: int, *, limit: int, window_s: float) -> Grant:
        """As the Limiter promises. Raises Busy when neither answers."""
        if not self._silence.lasts:
            try:
                grant = await within(self._patience_s, self._first.take(name, hits, limit=limit, window_s=window_s))
            except Exception as error:  # the client has AttributeError and TypeError too for a connection that is lost
                self._silence.begin()
                if not self._lost:
                    log.warning("limits_without_redis", error=type(error).__name__)
                self._lost = True
            else:
                if self._lost:
                    log.warning("limits_with_redis_again")
                self._lost = False
                return grant
        return await self._second.take(name, hits, limit=limit, window_s=window_s)
