"""Answers that arrive at once: one holds, and entry, offer, hold and book agree about which."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import httpx
import psycopg
import pytest

from frontdesk.waitlist import jobs
from tests.concurrency.book import Ask, race, statuses
from tests.concurrency.proof import OVERLAPS
from tests.waitlist.background import Background
from tests.waitlist.conftest import Row, World
from tests.waitlist.crowd import CONSISTENT

ROUNDS = 6


class Person:
    """Somebody who waits for the world's day."""

    def __init__(self, world: World, **wish: Any) -> None:
        self._world = world
        self.patient = world.make.patient()
        self.token = world.make.token("patient", patient_id=self.patient)
        self.client = world.service.client(self.token)
        self.entry = world.wait(self.client, **wish)

    def now(self) -> Row:
        """Their entry."""
        return self._world.entry(self.client, self.entry)

    @property
    def offer(self) -> str:
        """The id of what they are offered."""
        return str(self.now()["offer"]["id"])

    def ask(self, path: str, method: str = "POST", **more: Any) -> Ask:
        return Ask(method=method, path=path, token=self.token, **more)


def at_once(world: World, asks: Sequence[Ask]) -> list[httpx.Response]:
    """All from one barrier."""
    return asyncio.run(race(world.service, asks, world.make.token("admin")))


def sound(conn: psycopg.Connection) -> None:
    """Nothing overlaps, and what concerns the waitlist tells the same everywhere."""
    for what, query in {**OVERLAPS, **CONSISTENT}.items():
        found = conn.execute(query).fetchall()
        assert not found, f"{what}: {found[:3]}"


def held_for(world: World, offer: str) -> str:
    row = world.make.conn.execute("SELECT appointment_id FROM waitlist_offer WHERE id = %s", (offer,)).fetchone()
    assert row is not None
    return str(row[0])


def test_every_answer_to_one_offer_at_once(world: World, background: Background) -> None:
    """Accepted, declined, left, dropped and booked by the desk, and overslept: one of them, and the next is asked."""
    seen: set[str] = set()
    for _ in range(ROUNDS):
        visits = world.fill_day()
        first, second = Person(world), Person(world)
        world.cancel(visits[0])
        offer = first.offer
        hold = held_for(world, offer)
        asks = [
            first.ask(f"/offers/{offer}/accept"),
            first.ask(f"/offers/{offer}/accept"),
            first.ask(f"/offers/{offer}/decline"),
            first.ask(f"/waitlist/{first.entry['id']}", "DELETE"),
            Ask(method="DELETE", path=f"/holds/{hold}"),
            Ask(path="/appointments", body={"hold_id": hold, "patient_id": str(first.patient)}),
        ]
        jobs = threading.Thread(target=background.round)
        jobs.start()
        answers = at_once(world, asks)
        jobs.join()
        won = [f"{a.method} {a.path[:6]}" for a, b in zip(asks, answers, strict=True) if b.status_code < 300]
        seen.update(won)
        assert set(statuses(answers)) <= {200, 201, 204, 404, 409}, [a.text for a in answers]
        sound(world.make.conn)
        mine, theirs = first.now()["status"], second.now()
        taken = sum(answer.status_code == 201 for answer in answers)
        assert taken == (mine == "booked")
        if mine == "booked":
            assert theirs["status"] == "waiting"
            booked = next(a.json()["id"] for a in answers if a.status_code == 201)
            assert booked == hold
            world.cancel(booked)
        assert second.now()["status"] == "offered"
        assert second.client.post(f"/offers/{second.offer}/accept").status_code == 201
        assert world.desk.delete(f"/waitlist/{first.entry['id']}").status_code == 204
        _clear(world)
    assert len(seen) > 1, seen


def test_who_leaves_while_a_time_is_kept_for_them_has_left(world: World) -> None:
    visits = world.fill_day()
    for _ in range(ROUNDS):
        one = Person(world)
        leave = one.ask(f"/waitlist/{one.entry['id']}", "DELETE")
        answers = at_once(world, [leave, Ask(path=f"/appointments/{visits[0]}/cancel", body={})])
        assert [a.status_code for a in answers] == [204, 200]
        assert one.now()["status"] == "removed"
        assert world.free() == {world.at(9)}
        sound(world.make.conn)
        visits = [world.book(9)]


def test_two_workers_expire_each_offer_once(world: World, background: Background) -> None:
    visits = world.fill_day()
    people = [Person(world) for _ in range(6)]
    for visit in visits:
        world.cancel(visit)
    background.run(jobs.expire_offers)  # what other tests left, whose time is over by now
    for one in people[:4]:
        world.overslept(one.offer)
    assert background.run(jobs.expire_offers, jobs.expire_offers, jobs.expire_offers) == 4
    sound(world.make.conn)
    assert [one.now()["missed"] for one in people] == [1, 1, 1, 1, 0, 0]
    standing = [one.now()["status"] for one in people]
    assert standing.count("offered") == 4
    assert world.free() == set()


@pytest.mark.parametrize("limits", [{"max_per_day": 4}, {"one_future_per_provider": True}])
def test_strangers_beside_a_visit_type_with_limits(world: World, limits: dict[str, Any]) -> None:
    """The offer counts towards the limits like the visit in whose place it is; nobody waits in a circle."""
    world.visit = world.make.visit_type(30, **limits)
    for _ in range(3):
        visits = world.fill_day()
        people = [Person(world) for _ in range(2)]
        strangers = [_booking(world, 9 + n % 4 / 2) for n in range(8)]
        cancels = [Ask(path=f"/appointments/{visit}/cancel", body={}) for visit in visits[:2]]
        answers = at_once(world, strangers[:4] + cancels + strangers[4:])
        assert statuses(answers) == {200: 2, 409: 8}, [a.text for a in answers if a.status_code not in (200, 409)]
        assert [one.now()["status"] for one in people] == ["offered", "offered"]
        answers = at_once(world, [one.ask(f"/offers/{one.offer}/accept") for one in people] + strangers)
        assert statuses(answers) == {201: 2, 409: 8}
        sound(world.make.conn)
        _clear(world)


def test_moves_to_earlier_times_that_cascade_at_once(world: World) -> None:
    """Everybody has a visit and waits for an earlier one: each time that is left goes to another, none is lost."""
    first, *others = world.fill_day()
    movers = []
    for visit in others:
        patient = world.make.conn.execute("SELECT patient_id FROM appointment WHERE id = %s", (visit,)).fetchone()
        assert patient is not None
        token = world.make.token("patient", patient_id=patient[0])
        client = world.service.client(token)
        movers.append((client, token, world.wait(client, appointment_id=visit)))
    world.cancel(first)
    for _ in range(10):
        standing = [
            (token, row["offer"]["id"]) for client, token, e in movers if (row := world.entry(client, e))["offer"]
        ]
        if not standing:
            break
        answers = at_once(world, [Ask(path=f"/offers/{offer}/accept", token=token) for token, offer in standing])
        assert set(statuses(answers)) == {201}, [a.text for a in answers]
        sound(world.make.conn)
    live = world.make.conn.execute(
        "SELECT start_at FROM appointment WHERE provider_id = %s AND status = 'scheduled' ORDER BY 1", (world.provider,)
    ).fetchall()
    assert {start for (start,) in live} | world.free() == {world.at(9 + n / 2) for n in range(4)}
    assert len(live) == 3


def test_a_repeated_key_accepts_once(world: World) -> None:
    visits = world.fill_day()
    one = Person(world)
    world.cancel(visits[0])
    headers = {"Idempotency-Key": "mine", "X-Request-Id": "0191d7a0-0000-7000-8000-00000000000a"}
    answers = at_once(world, [one.ask(f"/offers/{one.offer}/accept", headers=headers) for _ in range(5)])
    assert statuses(answers) == {201: 5}
    assert len({a.content for a in answers}) == 1


def _booking(world: World, hours: float) -> Ask:
    body = {
        "provider_id": str(world.provider),
        "visit_type_id": str(world.visit),
        "clinic_id": str(world.clinic),
        "start": world.at(hours).isoformat(),
        "patient_id": str(world.make.patient()),
    }
    return Ask(path="/appointments", body=body)


def _clear(world: World) -> None:
    """Nobody waits, nothing is booked."""
    rows = world.make.conn.execute(
        "SELECT id FROM waitlist_entry WHERE provider_id = %s AND status IN ('waiting', 'offered')", (world.provider,)
    ).fetchall()
    for (entry,) in rows:
        assert world.desk.delete(f"/waitlist/{entry}").status_code == 204
    rows = world.make.conn.execute(
        "SELECT id FROM appointment WHERE provider_id = %s AND status = 'scheduled'", (world.provider,)
    ).fetchall()
    for (visit,) in rows:
        world.cancel(str(visit))
