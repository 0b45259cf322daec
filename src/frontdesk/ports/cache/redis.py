"""Values in Redis or Valkey, one server or a cluster."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from frontdesk import ids
from frontdesk.ports.cache import Cache, Patience
from frontdesk.ports.cache.nowhere import NoCache
from frontdesk.ports.redis import Client, Silence, within

log = structlog.get_logger(__name__)

SLOW_S = 0.01
"""Fifty times a normal answer. A server that leaves a request without patience by answers like this is left alone."""

_PREFIX = "frontdesk:cache:"


class RedisCache:
    """A Cache for whoever has Redis."""

    def __init__(self, client: Client, *others: Silence, own: Silence | None = None) -> None:
        """`others`: of those who ask this server with more patience. While it is silent to them, it is not asked."""
        self._client: Any = client
        self._own = own or Silence()
        self._silences = (self._own, *others)
        self._lost = False

    async def read(self, keys: Sequence[str], patience: Patience) -> list[bytes | None]:
        """As the Cache promises."""
        told = await self._ask(patience, lambda pipe: [pipe.get(_PREFIX + key) for key in keys])
        return told if told is not None else [None] * len(keys)

    async def keep(self, values: Mapping[str, bytes], patience: Patience, *, ttl_s: float) -> None:
        """As the Cache promises."""
        px = round(ttl_s * 1000)
        await self._ask(patience, lambda pipe: [pipe.set(_PREFIX + key, value, px=px) for key, value in values.items()])

    async def claim(self, keys: Sequence[str], patience: Patience, *, ttl_s: float) -> list[bool]:
        """As the Cache promises. A client that asks again because an answer was lost finds its own claim."""
        px, own = round(ttl_s * 1000), ids.new_id().bytes
        names = [f"{_PREFIX}fill:{key}" for key in keys]
        told = await self._ask(patience, lambda pipe: [pipe.set(name, own, nx=True, get=True, px=px) for name in names])
        return [before in (None, own) for before in told] if told is not None else [True] * len(keys)

    async def _ask(self, patience: Patience, write: Callable[[Any], Any]) -> list[Any] | None:
        """The answers to what `write` puts into a pipeline; None when the server gives none, or is not asked."""
        if patience.left_s < SLOW_S or any(silence.lasts for silence in self._silences):
            return None
        began = time.monotonic()
        told, error = None, ""
        try:
            told = await within(patience.left_s, self._send(write))
        except Exception as fault:  # the client has AttributeError and TypeError too for a connection that is lost
            error = type(fault).__name__
        took = time.monotonic() - began
        patience.left_s -= took
        slow = took >= SLOW_S and patience.left_s < SLOW_S
        if told is None or slow:
            self._own.begin()
            if not self._lost:
                log.warning("cache_lost", error=error or "Slow")
        elif self._lost:
            log.warning("cache_found_again")
        self._lost = told is None or slow
        return told

    async def _send(self, write: Callable[[Any], Any]) -> list[Any]:
        # A cluster client that does not know its nodes yet asks any, and closes its connections when told.
        await self._client.initialize()
        pipe = self._client.pipeline(transaction=False)
        write(pipe)
        told: list[Any] = await pipe.execute()
        return told


def cache_of(client: Client | None, *others: Silence) -> Cache:
    """The cache of a server process that has this client, or none. `others`: as RedisCache says."""
    return RedisCache(client, *others) if client is not None else NoCache()
