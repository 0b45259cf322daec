"""Limits in Redis for as long as it answers, in PostgreSQL while it does not."""

import asyncio
import time

import structlog

from frontdesk.ports.limiter import Grant, Limiter

log = structlog.get_logger(__name__)

_PATIENCE_S = 1.0  # a cluster client may ask several nodes, each with its own patience
PAUSE_S = 5.0
"""How long nobody asks a server that did not answer, so that few requests wait for it in vain."""


class FallbackLimiter:
    """A Limiter of two. At a change from one to the other windows begin anew: up to the limit once more."""

    def __init__(self, first: Limiter, second: Limiter, *, pause_s: float = PAUSE_S) -> None:
        self._first, self._second, self._pause_s = first, second, pause_s
        self._again_at = 0.0  # time.monotonic()
        self._lost = False

    async def take(self, name: str, hits: int, *, limit: int, window_s: float) -> Grant:
        """As the Limiter promises. Raises Busy when neither answers."""
        if time.monotonic() >= self._again_at:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    grant = await self._first.take(name, hits, limit=limit, window_s=window_s)
            except Exception as error:  # the client has AttributeError and TypeError too for a connection that is lost
                self._again_at = time.monotonic() + self._pause_s
                if not self._lost:
                    log.warning("limits_without_redis", error=type(error).__name__)
                self._lost = True
            else:
                if self._lost:
                    log.warning("limits_with_redis_again")
                self._lost = False
                return grant
        return await self._second.take(name, hits, limit=limit, window_s=window_s)
