"""A race that is timed, for the report; nothing is asserted of the times."""

import asyncio
import time
from collections.abc import Sequence

import httpx

from tests.concurrency.book import Ask, race
from tests.service import Service


class _Timed:
    def __init__(self, ask: Ask, took: list[float]) -> None:
        self._ask, self._took = ask, took

    async def send(self, client: httpx.AsyncClient) -> httpx.Response:
        began = time.monotonic()
        try:
            return await self._ask.send(client)
        finally:
            self._took.append(time.monotonic() - began)


def race_timed(service: Service, asks: Sequence[Ask], token: str) -> tuple[list[httpx.Response], str]:
    """All at once; the answers, and median, p99 and longest of what they took."""
    took: list[float] = []
    answers = asyncio.run(race(service, [_Timed(ask, took) for ask in asks], token))  # type: ignore[misc]
    took.sort()
    told = [took[min(len(took) - 1, int(len(took) * part))] for part in (0.5, 0.99, 1)] if took else []
    return answers, ", ".join(f"{t:.2f} s" for t in told)
