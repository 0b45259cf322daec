"""A server that is slow, or says nothing, costs one request a little, once, and those after it nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from frontdesk.ports import redis
from frontdesk.ports.cache import PATIENCE_S, Patience
from frontdesk.ports.cache.redis import RedisCache
from frontdesk.ports.limiter import Grant
from frontdesk.ports.limiter.fallback import FallbackLimiter
from frontdesk.ports.limiter.redis import RedisLimiter
from frontdesk.ports.redis import Silence
from frontdesk.supervisor.valkey import EmbeddedValkey

NEVER = 3600.0
AMPLE = 60.0
"""So long that no machine is too slow for it."""


class Counter:
    """Takes what is asked to the server, and counts it; answers come `delay_s` late."""

    def __init__(self, socket: Path) -> None:
        self.asked, self.delay_s, self.port = 0, 0.0, 0
        self._socket = socket
        self._open: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield f"redis://127.0.0.1:{self.port}"
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        to_reader, to_writer = await asyncio.open_unix_connection(self._socket)
        try:
            while question := await reader.read(100_000):
                self.asked += 1
                to_writer.write(question)
                answer = await to_reader.read(100_000)
                await asyncio.sleep(self.delay_s)
                writer.write(answer)
        finally:
            writer.close()
            to_writer.close()


class Never:
    """A Limiter that is not reached in these tests, or grants all."""

    async def take(self, name: str, hits: int, *, limit: int, window_s: float) -> Grant:
        return Grant(hits, limit, window_s)


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    try:
        yield Path(server.url.removeprefix("unix://").partition("?")[0])
    finally:
        server.stop()


def run(socket: Path, test: Callable[[Counter, redis.Client], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        counter = Counter(socket)
        async with counter.running() as url, asyncio.timeout(AMPLE):
            client = redis.connect(url)
            await test(counter, client)
            await client.aclose()

    asyncio.run(all_of_it())


def test_slow_answers_use_up_the_patience_of_one_request_and_others_ask_nothing(socket: Path) -> None:
    async def slow(counter: Counter, client: redis.Client) -> None:
        cache = RedisCache(client, own=Silence(NEVER))
        assert await cache.read(["a"], Patience(AMPLE)) == [None]
        counter.asked, counter.delay_s = 0, 0.03
        patience = Patience()
        for _ in range(10):
            await cache.read(["a"], patience)
            assert len(await cache.claim(["a", "b"], patience, ttl_s=60)) == 2
            await cache.keep({"a": b""}, patience, ttl_s=60)
        assert 1 <= counter.asked <= PATIENCE_S // counter.delay_s + 1
        counter.asked = 0
        assert await cache.claim(["c"], Patience(), ttl_s=60) == [True]
        assert counter.asked == 0

    run(socket, slow)


def test_many_quick_answers_use_it_up_too_but_are_no_reason_to_leave_the_server_alone(socket: Path) -> None:
    async def quick(counter: Counter, client: redis.Client) -> None:
        cache = RedisCache(client, own=Silence(NEVER))
        await cache.keep({"a": b"1"}, Patience(AMPLE), ttl_s=60)
        spent = Patience(0.001)
        counter.asked = 0
        assert await cache.read(["a"], spent) == [None]
        assert counter.asked == 0
        assert await cache.read(["a"], Patience(AMPLE)) == [b"1"]

    run(socket, quick)


def test_what_is_silent_to_the_limits_is_not_asked_for_copies(socket: Path) -> None:
    async def silent(counter: Counter, client: redis.Client) -> None:
        silence = Silence(NEVER)
        limiter = FallbackLimiter(RedisLimiter(client), Never(), silence, patience_s=0.1)
        cache = RedisCache(client, silence)
        counter.delay_s = NEVER
        assert (await limiter.take("a", 1, limit=5, window_s=60)).left == 5, "the other one"
        asked = counter.asked
        assert asked > 0
        assert (await limiter.take("a", 1, limit=5, window_s=60)).left == 5
        assert await cache.read(["a"], Patience(AMPLE)) == [None]
        assert counter.asked == asked

    run(socket, silent)


def test_a_miss_of_a_copy_does_not_begin_the_windows_of_limits_anew(socket: Path) -> None:
    """Copies are given up on sooner than limits, whose count would be lost."""

    async def missed(counter: Counter, client: redis.Client) -> None:
        silence = Silence(NEVER)
        limiter = FallbackLimiter(RedisLimiter(client), Never(), silence, patience_s=AMPLE)
        cache = RedisCache(client, silence, own=Silence(NEVER))
        first = await limiter.take("b", 1, limit=5, window_s=60)
        counter.delay_s = NEVER
        assert await cache.read(["a"], Patience(0.02)) == [None]
        counter.delay_s = 0.0
        second = await limiter.take("b", 1, limit=5, window_s=60)
        assert (first.left, second.left) == (4, 3)

    run(socket, missed)


def test_an_answer_that_this_process_had_no_time_to_read_counts() -> None:
    async def busy() -> None:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[int] = loop.create_future()

        async def question() -> int:
            told = await answered
            for _ in range(5):  # a client takes it through as many hands
                await asyncio.sleep(0)
            return told

        def answers_while_its_timer_runs_out() -> None:
            loop.call_soon(answered.set_result, 1)
            while loop.time() < ends:
                pass

        ends = loop.time() + 0.05
        loop.call_soon(answers_while_its_timer_runs_out)
        assert await redis.within(0.01, question()) == 1
        with pytest.raises(TimeoutError):
            await redis.within(0.01, asyncio.sleep(NEVER))

    asyncio.run(busy())
