"""A connection to Redis or Valkey, one server or a cluster, that never keeps a request waiting."""

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

Client = Redis | RedisCluster

PATIENCE_S = 0.5
"""A normal answer takes 0.2 ms; whatever is asked there can be asked elsewhere."""

_CLUSTER = "redis+cluster://"


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
