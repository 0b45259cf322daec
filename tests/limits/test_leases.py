"""What a worker takes in advance and remembers: never more than the limit, and few questions."""

import asyncio
from collections.abc import Awaitable, Callable

from frontdesk.ports.limiter import Grant, Limiter
from frontdesk.ports.limiter.leases import Leases, Policy
from tests.limits.test_promise import new_name, on_postgres

USER = Policy("user", 640, 60, in_blocks=True)
LOG_IN = Policy("log-in", 10, 60, in_blocks=False)


class Asked:
    """A limiter that hands on and keeps count."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter, self.questions = limiter, 0

    async def take(self, name: str, hits: int, *, limit: int, window_s: float) -> Grant:
        self.questions += 1
        return await self._limiter.take(name, hits, limit=limit, window_s=window_s)


def run(dsn: str, count: int, test: Callable[[list[Asked]], Awaitable[None]]) -> None:
    async def with_limiters() -> None:
        async with on_postgres(dsn)(count) as limiters:
            await test([Asked(limiter) for limiter in limiters])

    asyncio.run(with_limiters())


def test_workers_together_use_up_a_window_exactly(database: str) -> None:
    async def rivals(asked: list[Asked]) -> None:
        workers, name = [Leases(each) for each in asked], new_name()

        async def caller(worker: Leases) -> int:
            return sum([(await worker.hit(name, USER)).allowed for _ in range(30)])

        allowed = await asyncio.gather(*(caller(worker) for worker in workers * 10))
        assert len(allowed) * 30 == 1200
        assert sum(allowed) == 640
        assert sum(each.questions for each in asked) < 640

    run(database, 4, rivals)


def test_what_one_worker_took_in_advance_is_all_that_another_misses(database: str) -> None:
    async def idle(asked: list[Asked]) -> None:
        one, other, name = Leases(asked[0]), Leases(asked[1]), new_name()
        first = [await one.hit(name, USER) for _ in range(2)]  # the second question takes a block
        assert [(verdict.allowed, verdict.left) for verdict in first] == [(True, 639), (True, 638)]
        rest = [await other.hit(name, USER) for _ in range(700)]
        allowed = sum(verdict.allowed for verdict in rest)
        assert allowed == 640 - 2 - USER.block
        assert rest[-1].left == 0
        assert [(await one.hit(name, USER)).allowed for _ in range(USER.block + 1)] == [True] * USER.block + [False]

    run(database, 2, idle)


def test_far_from_the_limit_few_questions_are_asked_and_beyond_it_none(database: str) -> None:
    async def counted(asked: list[Asked]) -> None:
        worker, name = Leases(asked[0]), new_name()
        for _ in range(300):
            assert (await worker.hit(name, USER)).allowed
        assert asked[0].questions <= 300 / USER.block + 2
        for _ in range(400):
            await worker.hit(name, USER)
        before = asked[0].questions
        assert not any([(await worker.hit(name, USER)).allowed for _ in range(100)])
        assert asked[0].questions == before

    run(database, 1, counted)


def test_log_ins_are_counted_one_by_one(database: str) -> None:
    async def exact(asked: list[Asked]) -> None:
        workers, name = [Leases(each) for each in asked], new_name()
        verdicts = [await workers[n % 3].hit(name, LOG_IN) for n in range(12)]
        assert [(verdict.allowed, verdict.left) for verdict in verdicts] == [
            *((True, left) for left in range(9, -1, -1)),
            (False, 0),
            (False, 0),
        ]

    run(database, 3, exact)


def test_a_crowd_of_names_is_forgotten_without_a_hit_too_many(database: str) -> None:
    async def crowd(asked: list[Asked]) -> None:
        worker, name = Leases(asked[0], most_names=8), new_name()
        allowed = 0
        for _ in range(15):
            allowed += (await worker.hit(name, LOG_IN)).allowed
            for _ in range(8):
                await worker.hit(new_name(), LOG_IN)
        assert allowed == LOG_IN.limit

    run(database, 1, crowd)
