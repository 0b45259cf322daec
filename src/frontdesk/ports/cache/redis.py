"""Values in Redis or Valkey, one server or a cluster."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from frontdesk.ports.cache import Cache
from frontdesk.ports.cache.nowhere import NoCache
from frontdesk.ports.redis import Client

log = structlog.get_logger(__name__)

PATIENCE_S = 0.08
"""A normal answer takes 0.2 ms, and what is asked for here takes PostgreSQL 5 ms."""

PAUSE_S = 5.0
"""How long nobody asks a server that did not answer, so that few requests wait for it in vain."""

_PREFIX = "frontdesk:cache:"


class RedisCache:
    """A Cache for whoever has Redis."""

    def __init__(self, client: Client, *, patience_s: float = PATIENCE_S, pause_s: float = PAUSE_S) -> None:
        self._client: Any = client
        self._patience_s, self._pause_s = patience_s, pause_s
        self._again_at = 0.0  # time.monotonic()
        self._lost = False

    async def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """As the Cache promises."""
        told = await self._ask(lambda pipe: [pipe.get(_PREFIX + key) for key in keys])
        return told if told is not None else [None] * len(keys)

    async def keep(self, values: Mapping[str, bytes], *, ttl_s: float) -> None:
        """As the Cache promises."""
        px = round(ttl_s * 1000)
        await self._ask(lambda pipe: [pipe.set(_PREFIX + key, value, px=px) for key, value in values.items()])

    async def claim(self, keys: Sequence[str], *, ttl_s: float) -> list[bool]:
        """As the Cache promises."""
        px = round(ttl_s * 1000)
        told = await self._ask(lambda pipe: [pipe.set(f"{_PREFIX}fill:{key}", b"", nx=True, px=px) for key in keys])
        return [bool(mine) for mine in told] if told is not None else [True] * len(keys)

    async def _ask(self, write: Callable[[Any], Any]) -> list[Any] | None:
        """The answers to what `write` puts into a pipeline; None when the server does not give them."""
        if time.monotonic() < self._again_at:
            return None
        try:
            async with asyncio.timeout(self._patience_s):
                # A cluster client that does not know its nodes yet asks any, and closes its connections when told.
                await self._client.initialize()
                pipe = self._client.pipeline(transaction=False)
                write(pipe)
                told: list[Any] = await pipe.execute()
        except Exception as error:  # the client has AttributeError and TypeError too for a connection that is lost
            self._again_at = time.monotonic() + self._pause_s
            if not self._lost:
                log.warning("cache_lost", error=type(error).__name__)
            self._lost = True
            return None
        if self._lost:
            log.warning("cache_found_again")
        self._lost = False
        return told


def cache_of(client: Client | None) -> Cache:
    """The cache of a server process that has this client, or none."""
    return RedisCache(client) if client is not None else NoCache()
