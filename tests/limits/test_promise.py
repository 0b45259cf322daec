"""What every Limiter promises, asked of each store: one suite, several workers with connections of their own."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from frontdesk.db import make_pool
from frontdesk.ids import new_id
from frontdesk.ports import redis
from frontdesk.ports.limiter import Limiter
from frontdesk.ports.limiter.fallback import FallbackLimiter
from frontdesk.ports.limiter.postgres import PostgresLimiter
from frontdesk.ports.limiter.redis import RedisLimiter
from frontdesk.settings import Settings
from frontdesk.supervisor.valkey import EmbeddedValkey
from tests.redis_cluster import cluster
from tests.service import free_port

Workers = Callable[[int], AbstractAsyncContextManager[list[Limiter]]]


def on_postgres(dsn: str) -> Workers:
    """As many limiters as wanted, each with a pool of its own, working as the role of the service."""

    @asynccontextmanager
    async def workers(count: int) -> AsyncIterator[list[Limiter]]:
        settings = Settings(database_url=SecretStr(dsn), pool_size=4)
        async with AsyncExitStack() as stack:
            yield [PostgresLimiter(await stack.enter_async_context(make_pool(settings, dsn))) for _ in range(count)]

    return workers


def on_redis(url: str) -> Workers:
    @asynccontextmanager
    async def workers(count: int) -> AsyncIterator[list[Limiter]]:
        async with AsyncExitStack() as stack:
            clients = [redis.connect(url) for _ in range(count)]
            for client in clients:
                stack.push_async_callback(client.aclose)
            yield [RedisLimiter(client) for client in clients]

    return workers


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made.url


class Promise:
    """The tests. A subclass says with which `workers`."""

    def test_of_rivals_exactly_as_many_as_the_limit_are_granted(self, workers: Workers) -> None:
        async def rivals(limiters: list[Limiter]) -> None:
            for _ in range(5):
                name = new_name()
                sizes = [1, 2, 3] * 20
                grants = await asyncio.gather(
                    *(
                        limiters[n % len(limiters)].take(name, hits, limit=70, window_s=60)
                        for n, hits in enumerate(sizes)
                    )
                )
                assert sum(sizes) == 120
                assert sum(grant.granted for grant in grants) == 70
                assert all(0 <= grant.granted <= hits for grant, hits in zip(grants, sizes, strict=True))
                assert min(grant.left for grant in grants) == 0
                assert all(0 < grant.resets_in_s < 61 for grant in grants)

        run(workers, 4, rivals)

    def test_more_than_is_left_is_granted_in_part(self, workers: Workers) -> None:
        async def in_part(limiters: list[Limiter]) -> None:
            name, told = new_name(), []
            for hits in (3, 4, 1):
                grant = await limiters[0].take(name, hits, limit=5, window_s=60)
                told.append((grant.granted, grant.left))
            assert told == [(3, 2), (2, 0), (0, 0)]
            at_once = await limiters[0].take(new_name(), 9, limit=5, window_s=60)
            assert (at_once.granted, at_once.left) == (5, 0)

        run(workers, 1, in_part)

    def test_a_lower_limit_grants_nothing_more_and_a_higher_one_the_difference(self, workers: Workers) -> None:
        async def changed(limiters: list[Limiter]) -> None:
            name, told = new_name(), []
            for hits, limit in ((8, 10), (1, 5), (9, 12)):
                grant = await limiters[0].take(name, hits, limit=limit, window_s=60)
                told.append((grant.granted, grant.left))
            assert told == [(8, 2), (0, 0), (4, 0)]

        run(workers, 1, changed)

    def test_names_do_not_disturb_each_other(self, workers: Workers) -> None:
        async def side_by_side(limiters: list[Limiter]) -> None:
            names = [new_name() for _ in range(20)]
            grants = await asyncio.gather(
                *(limiters[n % 2].take(name, 1, limit=7, window_s=60) for name in names for n in range(10))
            )
            assert sum(grant.granted for grant in grants) == 7 * len(names)

        run(workers, 2, side_by_side)

    def test_a_window_ends_when_it_said_and_the_next_is_whole(self, workers: Workers) -> None:
        async def over_again(limiters: list[Limiter]) -> None:
            name, window_s = new_name(), 0.5
            before = time.monotonic()
            assert (await limiters[0].take(name, 10, limit=10, window_s=window_s)).granted == 10
            while not (await limiters[1].take(name, 1, limit=10, window_s=window_s)).granted:
                await asyncio.sleep(0.01)
            assert time.monotonic() - before > window_s * 0.95  # the store's clock may run a little faster than ours
            rest = await limiters[0].take(name, 20, limit=10, window_s=60)
            assert rest.granted in (9, 10)  # 10: that window is over too

        run(workers, 2, over_again)

    def test_windows_that_roll_over_under_rivals_are_exact(self, workers: Workers) -> None:
        async def rolling(limiters: list[Limiter]) -> None:
            name, window_s, limit = new_name(), 0.4, 30
            began = time.monotonic()

            async def hammer(limiter: Limiter) -> int:
                granted = 0
                while time.monotonic() - began < 4 * window_s:
                    granted += (await limiter.take(name, 2, limit=limit, window_s=window_s)).granted
                return granted

            granted = sum(await asyncio.gather(*(hammer(limiter) for limiter in limiters * 2)))
            windows = int((time.monotonic() - began) / (window_s * 0.95)) + 1
            assert 2 * limit <= granted <= windows * limit
            assert granted % limit == 0 or granted < windows * limit

        run(workers, 4, rolling)


class TestPostgres(Promise):
    @pytest.fixture
    def workers(self, database: str) -> Workers:
        return on_postgres(database)


class TestValkey(Promise):
    @pytest.fixture
    def workers(self, valkey_url: str) -> Workers:
        return on_redis(valkey_url)


class TestCluster(Promise):
    @pytest.fixture
    def workers(self, cluster_url: str) -> Workers:
        return on_redis(cluster_url)


class TestWithoutRedis(Promise):
    """Nobody listens where Redis should be: PostgreSQL keeps the promise."""

    @pytest.fixture
    def workers(self, database: str) -> Workers:
        nowhere, spare = on_redis(f"redis://127.0.0.1:{free_port()}"), on_postgres(database)

        @asynccontextmanager
        async def both(count: int) -> AsyncIterator[list[Limiter]]:
            async with nowhere(count) as lost, spare(count) as kept:
                yield [FallbackLimiter(one, other, redis.Silence(0.05)) for one, other in zip(lost, kept, strict=True)]

        return both


def test_redis_is_asked_again_when_it_is_back(database: str, tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    valkey.start()

    async def lost_and_found() -> None:
        async with on_redis(valkey.url)(1) as [first], on_postgres(database)(1) as [second]:
            limiter = FallbackLimiter(first, second, redis.Silence(0.0), patience_s=20)
            left = [(await limiter.take("it", 1, limit=9, window_s=60)).left]
            valkey.stop()
            left += [(await limiter.take("it", 1, limit=9, window_s=60)).left for _ in range(3)]
            valkey.start()
            left.append((await limiter.take("it", 1, limit=9, window_s=60)).left)
        assert left == [8, 8, 7, 6, 8]

    try:
        asyncio.run(lost_and_found())
    finally:
        valkey.stop()


def new_name() -> str:
    return f"test:{new_id()}"


def run(workers: Workers, count: int, test: Callable[[list[Limiter]], Awaitable[None]]) -> None:
    async def with_workers() -> None:
        async with workers(count) as limiters:
            await test(limiters)

    asyncio.run(with_workers())
