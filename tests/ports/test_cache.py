"""What every Cache promises, asked of each store: one suite, several workers with connections of their own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis

from frontdesk.ids import new_id
from frontdesk.ports import redis
from frontdesk.ports.cache import Cache
from frontdesk.ports.cache.nowhere import NoCache
from frontdesk.ports.cache.redis import RedisCache
from frontdesk.supervisor.valkey import EmbeddedValkey
from tests.limits.cluster import cluster

PATIENCE_S = 20.0
"""Of these tests: a promise is about what is told, not about how fast this machine is."""

Test = Callable[[list[Cache]], Awaitable[None]]


@asynccontextmanager
async def caches(url: str, count: int, patience_s: float = PATIENCE_S) -> AsyncIterator[list[Cache]]:
    async with AsyncExitStack() as stack:
        clients = [redis.connect(url) for _ in range(count)]
        for client in clients:
            stack.push_async_callback(client.aclose)
        yield [RedisCache(client, patience_s=patience_s, pause_s=0) for client in clients]


def run(url: str, count: int, test: Test) -> None:
    async def all_of_it() -> None:
        async with caches(url, count) as workers:
            await test(workers)

    asyncio.run(all_of_it())


def names(count: int) -> list[str]:
    return [f"test:{new_id()}" for _ in range(count)]


@pytest.fixture(scope="module")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="module")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cluster(tmp_path_factory.mktemp("cluster")) as url:
        yield url


@pytest.fixture(params=["valkey", "cluster"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


def test_what_one_keeps_others_read_in_the_order_they_ask(url: str) -> None:
    async def kept(workers: list[Cache]) -> None:
        keys = names(40)
        values = {key: key.encode() * 50 for key in keys[::2]}
        await workers[0].keep(values, ttl_s=60)
        assert await workers[1].read(keys) == [values.get(key) for key in keys]

    run(url, 2, kept)


def test_what_is_kept_is_gone_in_time(url: str) -> None:
    async def gone(workers: list[Cache]) -> None:
        (key,) = names(1)
        await workers[0].keep({key: b"old"}, ttl_s=0.2)
        async with asyncio.timeout(PATIENCE_S):
            while await workers[1].read([key]) != [None]:
                await asyncio.sleep(0.01)

    run(url, 2, gone)


def test_of_all_who_claim_one_fills(url: str) -> None:
    async def claimed(workers: list[Cache]) -> None:
        keys = names(20)
        told = await asyncio.gather(*(worker.claim(keys, ttl_s=60) for worker in workers * 5))
        assert [sum(mine) for mine in zip(*told, strict=True)] == [1] * len(keys)

    run(url, 4, claimed)


def test_a_claim_of_one_who_died_ends(url: str) -> None:
    async def again(workers: list[Cache]) -> None:
        keys = names(1)
        assert await workers[0].claim(keys, ttl_s=0.2) == [True]
        async with asyncio.timeout(PATIENCE_S):
            while await workers[1].claim(keys, ttl_s=60) != [True]:
                await asyncio.sleep(0.01)
        assert await workers[0].claim(keys, ttl_s=60) == [False]

    run(url, 2, again)


def test_a_server_that_dies_and_returns_empty_is_asked_again(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    server.start()

    async def lost(workers: list[Cache]) -> None:
        (key,) = names(1)
        await workers[0].keep({key: b"1"}, ttl_s=60)
        assert await workers[0].read([key]) == [b"1"]
        server.stop()
        assert await workers[0].read([key]) == [None]
        assert await workers[0].claim([key, key], ttl_s=60) == [True, True]
        await workers[0].keep({key: b"2"}, ttl_s=60)
        server.start()
        await workers[0].keep({key: b"3"}, ttl_s=60)
        assert await workers[0].read([key]) == [b"3"]
        with Redis.from_url(server.url) as client:
            client.flushall()
        assert await workers[0].read([key]) == [None]

    try:
        run(server.url, 1, lost)
    finally:
        server.stop()


def test_a_server_that_never_answers_is_given_up_on_and_then_left_alone() -> None:
    """It takes connections and says nothing."""

    async def silent() -> None:
        accepted = []
        server = await asyncio.start_server(lambda reader, writer: accepted.append((reader, writer)), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = redis.connect(f"redis://127.0.0.1:{port}")
        cache = RedisCache(client, pause_s=3600)
        async with asyncio.timeout(PATIENCE_S):
            assert await cache.read(["a"]) == [None]
            asked = len(accepted)
            assert asked > 0
            assert await cache.claim(["a"], ttl_s=60) == [True]
            await cache.keep({"a": b""}, ttl_s=60)
        assert len(accepted) == asked
        for _, writer in accepted:
            writer.close()
        await client.aclose()
        server.close()

    asyncio.run(silent())


def test_nobody_there_is_like_nothing_kept() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{unused.getsockname()[1]}"

        async def nothing(workers: list[Cache]) -> None:
            for cache in (*workers, NoCache()):
                await cache.keep({"a": b"1"}, ttl_s=60)
                assert await cache.read(["a", "b"]) == [None, None]
                assert await cache.claim(["a", "b"], ttl_s=60) == [True, True]

        run(url, 1, nothing)
