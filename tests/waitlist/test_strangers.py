"""Strangers never have a freed time while it is kept for somebody, and have it as soon as it is public."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from tests.waitlist.conftest import World
from tests.waitlist.test_rivals import Person, sound

STRANGERS = 10
TRIES = 3  # of each stranger, at every stage
PATIENCE_S = 60.0


@dataclass
class Siege:
    """Strangers who look, book and hold, each again as soon as they were answered."""

    world: World
    won: list[str] = field(default_factory=list)
    shown: int = 0
    tries: list[int] = field(default_factory=lambda: [0] * STRANGERS)

    async def stranger(self, n: int, client: httpx.AsyncClient, over: asyncio.Event) -> None:
        world = self.world
        body = {
            "provider_id": str(world.provider),
            "visit_type_id": str(world.visit),
            "clinic_id": str(world.clinic),
            "start": world.at(9).isoformat(),
        }
        day = {"visit_type_id": str(world.visit), "from": world.day.date().isoformat()}
        patient = str(world.make.patient())
        while not over.is_set():
            if n % 3 == 0:
                answer = await client.get(f"/providers/{world.provider}/availability", params=day)
                assert answer.status_code == 200
                self.shown += world.at(9).isoformat() in answer.text
            else:
                path, more = ("/appointments", {"patient_id": patient}) if n % 3 == 1 else ("/holds", {})
                answer = await client.post(path, json=body | more)
                assert answer.status_code in (201, 409), answer.text
                if answer.status_code == 201:
                    self.won.append(path)
            self.tries[n] += 1

    async def everybody_tried(self) -> None:
        """Until each has tried some more times, from now on."""
        until = [tries + TRIES for tries in self.tries]
        async with asyncio.timeout(PATIENCE_S):
            while any(tries < enough for tries, enough in zip(self.tries, until, strict=True)):
                await asyncio.sleep(0.01)

    async def during(self, story: Callable[["Siege"], Awaitable[None]]) -> None:
        over = asyncio.Event()
        async with self.world.service.rivals(self.world.make.token("admin"), connections=STRANGERS) as client:
            tasks = [asyncio.create_task(self.stranger(n, client, over)) for n in range(STRANGERS)]
            try:
                await self.everybody_tried()
                await story(self)
            finally:
                over.set()
                await asyncio.gather(*tasks)


def test_strangers_wait_until_nobody_is_left(world: World) -> None:
    visits = world.fill_day()
    people = [Person(world, urgency=urgency) for urgency in ("flexible", "urgent", "normal")]

    async def story(siege: Siege) -> None:
        await asyncio.to_thread(world.cancel, visits[0])
        for one in (people[1], people[2], people[0]):
            assert (await asyncio.to_thread(one.now))["status"] == "offered"
            await siege.everybody_tried()
            assert (siege.won, siege.shown) == ([], 0)
            answer = await asyncio.to_thread(one.client.post, f"/offers/{one.offer}/decline")
            assert answer.status_code == 200, answer.text
        await siege.everybody_tried()
        assert len(siege.won) == 1, "public, and not taken by exactly one"

    asyncio.run(Siege(world).during(story))
    sound(world.make.conn)


def test_strangers_never_have_what_is_accepted(world: World) -> None:
    visits = world.fill_day()
    one = Person(world)

    async def story(siege: Siege) -> None:
        await asyncio.to_thread(world.cancel, visits[0])
        answer = await asyncio.to_thread(one.client.post, f"/offers/{one.offer}/accept")
        assert answer.status_code == 201, answer.text
        await siege.everybody_tried()
        assert (siege.won, siege.shown) == ([], 0)

    asyncio.run(Siege(world).during(story))
    assert one.now()["status"] == "booked"
    sound(world.make.conn)


def test_it_can_be_had_the_instant_it_is_public(world: World) -> None:
    visits = world.fill_day()
    one = Person(world)
    world.cancel(visits[0])
    assert one.client.post(f"/offers/{one.offer}/decline").status_code == 200
    assert world.free() == {world.at(9)}
    world.book(9)
