"""Many at once with the same link, and many links for one time."""

import asyncio
from collections import Counter
from typing import Any

import httpx

from tests.guests.conftest import House, Link

RIVALS = 20
ROUNDS = 5


def _all(house: House, asked: list[tuple[str, Any]]) -> list[httpx.Response]:
    async def at_once() -> list[httpx.Response]:
        async with house.service.rivals() as client:
            client.base_url = httpx.URL(house.service.url)
            return list(await asyncio.gather(*(client.post(path, json=body) for path, body in asked)))

    return asyncio.run(at_once())


def _steps(link: Link) -> list[tuple[int, str]]:
    return link.make.conn.execute(
        "SELECT version, to_status FROM appointment_history WHERE appointment_id = %s ORDER BY version", [link.visit]
    ).fetchall()


def test_rivals_with_one_link(house: House) -> None:
    """They move to five overlapping starts, cancel and confirm, all at once: each is done whole or refused."""
    for turn in range(ROUNDS):
        link = house.link(24 * turn + 9)
        starts = [house.at(24 * turn + 10 + 0.5 * n).isoformat() for n in range(5)]
        asked: list[tuple[str, Any]] = [
            *[(f"{link.path}/move", {"start": starts[n % 5]}) for n in range(10)],
            *[(f"{link.path}/cancel", None) for _ in range(5)],
            *[(f"{link.path}/confirm", None) for _ in range(5)],
        ]
        answers = _all(house, asked)
        assert {answer.status_code for answer in answers} <= {200, 409}, [a.text for a in answers]
        done = Counter(
            path.rsplit("/", 1)[1] for (path, _), a in zip(asked, answers, strict=True) if a.status_code == 200
        )
        steps = _steps(link)
        assert done["cancel"] == 1
        assert steps[-1] == (len(steps), "cancelled")  # versions without a gap, and nothing after the end
        assert link.row()["version"] == len(steps)


def test_rivals_for_one_time(house: House) -> None:
    """Twenty links ask for the same half hour: one gets it, the others keep what they had."""
    for turn in range(ROUNDS):
        mine = [house.link(48 * turn + 12 + 0.5 * n) for n in range(RIVALS)]
        wanted = house.at(48 * turn + 9).isoformat()
        answers = _all(house, [(f"{link.path}/move", {"start": wanted}) for link in mine])
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: RIVALS - 1}
        for link, answer in zip(mine, answers, strict=True):
            if answer.status_code == 409:
                assert answer.json()["type"] == "/problems/slot-taken"
                assert answer.json()["alternatives"]
                assert link.row()["version"] == 1
