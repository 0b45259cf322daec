"""A connection to Redis or Valkey, one server or a cluster, that never keeps a request waiting."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

Client = Redis | RedisCluster

PATIENCE_S = 0.5
"""Of the client itself. A normal answer takes 0.2 ms; whoever asks has less patience, see there."""

PAUSE_S = 5.0
"""How long nobody asks a server that did not answer, so that few requests wait for it in vain."""

_BUSY_S = 0.02
"""For an answer that has arrived while this process had no time to read it."""

_CLUSTER = "redis+cluster://"

Answer = TypeVar("Answer")


class Silence:
    """Whether a server that did not answer is left alone for now: known to all of a process who would ask it."""

    def __init__(self, pause_s: float = PAUSE_S) -> None:
        self._pause_s = pause_s
        self._ends_at = 0.0  # time.monotonic()

    @property
    def lasts(self) -> bool:
        """Whether it is not to be asked."""
        return time.monotonic() < self._ends_at

    def begin(self) -> None:
        """It has not answered just now."""
        self._ends_at = time.monotonic() + self._pause_s


async def within(patience_s: float, question: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer, if the server gives it in time; this process may come to read it a little later.

    Raises TimeoutError, and what the question raises.
    """
    asking = asyncio.create_task(question)
    try:
        for wait_s in (patience_s, _BUSY_S):
            done, _ = await asyncio.wait({asking}, timeout=wait_s)
            if done:
                return asking.result()
        raise TimeoutError
    finally:
        if asking.cancel():  # not waited for: to close a connection to a server that hangs may take long
            asking.add_done_callback(_forget)


def _forget(asked: asyncio.Task[Any]) -> None:
    """Nobody wants to know how it ended."""
    if not asked.cancelled():
        asked.exception()


def connect(url: str) -> Client:
    """A client, not yet connected: `redis+cluster://host:port` is a cluster, all else one server.

    It tries once more at once, because a server that was restarted has closed the connections that we keep.
    Raises ValueError when the URL is none.
    """
    once_more = Retry(NoBackoff(), 1)
    if is_cluster(url):
        return RedisCluster.from_url(
            plain(url), socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S, retry=once_more
        )
    return Redis.from_url(url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S, retry=once_more)


def is_cluster(url: str) -> bool:
    """Whether the URL names a cluster, by any one of its nodes."""
    return url.startswith(_CLUSTER)


def plain(url: str) -> str:
    """The URL as the Redis client reads it."""
    return url.replace(_CLUSTER, "redis://", 1) if is_cluster(url) else url
