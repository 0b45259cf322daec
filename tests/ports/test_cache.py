"""What every Cache promises, asked of each store: one suite, several workers with connections of their own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio import RedisCluster as AsyncRedisCluster

from frontdesk.ids import new_id
from frontdesk.ports import redis
from frontdesk.ports.cache import Cache, Patience
from frontdesk.ports.cache.nowhere import NoCache
from frontdesk.ports.cache.redis import RedisCache
from frontdesk.ports.redis import Silence
from frontdesk.supervisor.valkey import EmbeddedValkey
from tests.redis_cluster import RedisCluster, cluster, debian_cluster

PATIENCE_S = 20.0
"""Of these tests: a promise is about what is told, not about how fast this machine is."""

Test = Callable[[list[Cache]], Awaitable[None]]


def patience() -> Patience:
    return Patience(PATIENCE_S)


@asynccontextmanager
async def caches(url: str, count: int) -> AsyncIterator[list[Cache]]:
    async with AsyncExitStack() as stack:
        clients = [redis.connect(url) for _ in range(count)]
        for client in clients:
            stack.push_async_callback(client.aclose)
        yield [RedisCache(client, own=Silence(0)) for client in clients]


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
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made.url


@pytest.fixture(scope="module")
def replicated_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with debian_cluster(tmp_path_factory.mktemp("replicated")) as made:
        yield made.url


@pytest.fixture(params=["valkey", "cluster", "replicated"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


def test_what_one_keeps_others_read_in_the_order_they_ask(url: str) -> None:
    async def kept(workers: list[Cache]) -> None:
        keys = names(40)
        values = {key: key.encode() * 50 for key in keys[::2]}
        await workers[0].keep(values, patience(), ttl_s=60)
        assert await workers[1].read(keys, patience()) == [values.get(key) for key in keys]

    run(url, 2, kept)


def test_what_is_kept_is_gone_in_time(url: str) -> None:
    async def gone(workers: list[Cache]) -> None:
        (key,) = names(1)
        await workers[0].keep({key: b"old"}, patience(), ttl_s=0.2)
        async with asyncio.timeout(PATIENCE_S):
            while await workers[1].read([key], patience()) != [None]:
                await asyncio.sleep(0.01)

    run(url, 2, gone)


def test_of_all_who_claim_one_fills(url: str) -> None:
    """Once the store answers all of them: who is not answered fills too, as while a cluster finds itself."""

    async def claimed(workers: list[Cache]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                keys = names(20)
                told = await asyncio.gather(*(worker.claim(keys, patience(), ttl_s=60) for worker in workers * 5))
                filling = [sum(mine) for mine in zip(*told, strict=True)]
                assert min(filling) >= 1
                if max(filling) == 1:
                    return

    run(url, 4, claimed)


def test_a_claim_of_one_who_died_ends(url: str) -> None:
    async def again(workers: list[Cache]) -> None:
        keys = names(1)
        assert await workers[0].claim(keys, patience(), ttl_s=0.2) == [True]
        async with asyncio.timeout(PATIENCE_S):
            while await workers[1].claim(keys, patience(), ttl_s=60) != [True]:
                await asyncio.sleep(0.01)
        assert await workers[0].claim(keys, patience(), ttl_s=60) == [False]

    run(url, 2, again)


def test_an_answer_that_comes_too_late_is_nobody_elses(url: str) -> None:
    """Connections on which one is still to come are not used again."""

    async def late(workers: list[Cache]) -> None:
        values = {key: key.encode() for key in names(40)}
        await workers[0].keep(values, patience(), ttl_s=60)
        async with aclosing(redis.connect(url)) as client:
            await client.initialize()
            nodes = client.get_nodes() if isinstance(client, AsyncRedisCluster) else [client]
            missed = 0
            for _ in range(3):
                for node in nodes:
                    await node.execute_command("CLIENT", "PAUSE", 300, "ALL")
                for key in values:
                    (told,) = await workers[0].read([key], Patience(0.011))
                    assert told in (None, values[key])
                    missed += told is None
                turned = list(reversed(values))
                assert await workers[0].read(turned, patience()) == [values[key] for key in turned]
            assert missed

    run(url, 1, late)


def test_a_server_that_dies_and_returns_empty_is_asked_again(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    server.start()

    async def lost(workers: list[Cache]) -> None:
        (key,) = names(1)
        await workers[0].keep({key: b"1"}, patience(), ttl_s=60)
        assert await workers[0].read([key], patience()) == [b"1"]
        server.stop()
        assert await workers[0].read([key], patience()) == [None]
        assert await workers[0].claim([key, key], patience(), ttl_s=60) == [True, True]
        await workers[0].keep({key: b"2"}, patience(), ttl_s=60)
        server.start()
        await workers[0].keep({key: b"3"}, patience(), ttl_s=60)
        assert await workers[0].read([key], patience()) == [b"3"]
        with Redis.from_url(server.url) as client:
            client.flushall()
        assert await workers[0].read([key], patience()) == [None]

    try:
        run(server.url, 1, lost)
    finally:
        server.stop()


def test_over_a_failover_a_value_is_whole_or_gone_and_then_all_is_as_before(tmp_path: Path) -> None:
    """A master is killed while two workers keep, read and claim; its replica takes over."""

    async def failed_over(made: RedisCluster, workers: list[Cache]) -> None:
        keys = names(60)
        kept: dict[str, set[bytes | None]] = {key: {None} for key in keys}  # all that was ever kept

        async def keep(n: int) -> None:
            values = {key: f"{key} {n}".encode() for key in keys}
            for key, value in values.items():
                kept[key].add(value)
            await workers[0].keep(values, patience(), ttl_s=600)

        async def told() -> list[bytes | None]:
            read = await workers[1].read(keys, patience())
            assert all(value in kept[key] for key, value in zip(keys, read, strict=True))
            return read

        await keep(0)
        assert None not in await told()
        failing = asyncio.create_task(asyncio.to_thread(made.kill_a_master))
        rounds = 0
        while not failing.done():
            rounds += 1
            await keep(rounds)
            await told()
            (fresh,) = names(1)
            assert True in [(await worker.claim([fresh], patience(), ttl_s=600))[0] for worker in workers]
        await failing
        async with asyncio.timeout(PATIENCE_S * 3):
            newest = [f"{key} {rounds + 1}".encode() for key in keys]
            await keep(rounds + 1)
            while await told() != newest:
                await keep(rounds + 1)
            fills = names(20)
            claimed = await asyncio.gather(*(worker.claim(fills, patience(), ttl_s=600) for worker in workers * 3))
            assert [sum(mine) for mine in zip(*claimed, strict=True)] == [1] * len(fills)

    async def all_of_it(made: RedisCluster) -> None:
        async with caches(made.url, 2) as workers:
            await failed_over(made, workers)

    with debian_cluster(tmp_path / "cluster") as made:
        asyncio.run(all_of_it(made))


def test_nobody_there_is_like_nothing_kept() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{unused.getsockname()[1]}"

        async def nothing(workers: list[Cache]) -> None:
            for cache in (*workers, NoCache()):
                await cache.keep({"a": b"1"}, patience(), ttl_s=60)
                assert await cache.read(["a", "b"], patience()) == [None, None]
                assert await cache.claim(["a", "b"], patience(), ttl_s=60) == [True, True]

        run(url, 1, nothing)
