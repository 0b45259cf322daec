"""A race that is timed, for the report; nothing is asserted of the times."""

import asyncio
import contextlib
import time
from collections.abc import Sequence

import httpx

from tests.concurrency.book import Ask
from tests.service import Service

PER_CLIENT = 20
PATIENCE_S = 120.0


def race_timed(service: Service, asks: Sequence[Ask], token: str) -> tuple[list[httpx.Response], str]:
    """All at once; the answers, and median, p99 and longest of what they took.

    Who hears "try again in a moment" does: on a machine that is busy with other things a queue may be too long.
    """
    return asyncio.run(_race(service, asks, token))


async def _race(service: Service, asks: Sequence[Ask], token: str) -> tuple[list[httpx.Response], str]:
    gate, took = asyncio.Event(), []

    async def rival(client: httpx.AsyncClient, ask: Ask) -> httpx.Response:
        await gate.wait()
        began = time.monotonic()
        while (answer := await ask.send(client)).status_code == 503:
            assert time.monotonic() - began < PATIENCE_S, answer.text
        took.append(time.monotonic() - began)
        return answer

    async with contextlib.AsyncExitStack() as stack:
        tasks = []
        for first in range(0, len(asks), PER_CLIENT):
            client = await stack.enter_async_context(service.rivals(token, connections=PER_CLIENT))
            tasks += [asyncio.create_task(rival(client, ask)) for ask in asks[first : first + PER_CLIENT]]
        await asyncio.sleep(0)
        gate.set()
        answers = await asyncio.gather(*tasks)
    took.sort()
    told = [took[min(len(took) - 1, int(len(took) * part))] for part in (0.5, 0.99, 1)] if took else []
    return list(answers), ", ".join(f"{t:.2f} s" for t in told)
