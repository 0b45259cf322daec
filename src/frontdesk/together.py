"""Questions that arrive together are answered together, so that what each answer costs is shared."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Together(Generic[Question, Answer]):
    """While `serve` answers some questions, others wait, and then go together, at most `most` at a time.

    A question that finds nobody at work is served at once, so nothing waits for company. `serve` is called with
    questions that were asked before it began, and answers each in their order; what it raises, each of them raises.
    """

    def __init__(self, serve: Callable[[list[Question]], Awaitable[list[Answer]]], most: int) -> None:
        self._serve, self._most = serve, most
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._at_work: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        """The answer to this question."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._at_work is None:
            self._at_work = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer(batch)
        finally:
            self._at_work = None

    async def _answer(self, batch: list[tuple[Question, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._serve([question for question, _ in batch])
        except Exception as error:
            for _, future in batch:
                if not future.done():  # else whoever asked has gone
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
