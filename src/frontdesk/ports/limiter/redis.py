"""Limits in Redis or Valkey: one script a question, which the server runs whole; one key each, so a cluster can too."""

import hashlib
from typing import Any

from redis.exceptions import NoScriptError

from frontdesk.ports.limiter import Grant
from frontdesk.ports.redis import Client

_PREFIX = "frontdesk:limit:"

# Time stands still while a script runs: a key cannot expire between two of its commands.
_TAKE = """
local hits, limit, window_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
local granted = math.max(0, math.min(hits, limit - taken))
if taken == 0 then
    redis.call('SET', KEYS[1], granted, 'PX', window_ms)
elseif granted > 0 then
    redis.call('INCRBY', KEYS[1], granted)
end
return {granted, math.max(0, limit - taken - granted), redis.call('PTTL', KEYS[1])}
"""
_DIGEST = hashlib.sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()


class RedisLimiter:
    """A Limiter for whoever has Redis. What the server forgets (a restart, a full memory) begins anew."""

    def __init__(self, client: Client) -> None:
        self._client: Any = client  # redis-py types the answer of a script as text

    async def take(self, name: str, hits: int, *, limit: int, window_s: float) -> Grant:
        """As the Limiter promises, but raises whatever the client does when the server does not answer."""
        call = (1, _PREFIX + name, hits, limit, round(window_s * 1000))
        # A cluster client that does not know its nodes yet asks any, and closes its connections when told of another.
        await self._client.initialize()
        try:
            granted, left, resets_in_ms = await self._client.evalsha(_DIGEST, *call)
        except NoScriptError:
            granted, left, resets_in_ms = await self._client.eval(_TAKE, *call)
        return Grant(granted, left, resets_in_ms / 1000)
