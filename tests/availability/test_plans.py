"""Copies of working time are never older than a committed change, whichever server worker answers (ADR-0014)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.booking.conftest import World
from tests.booking.conftest import world as world

ASKS = 12
"""Enough that each of the two workers is asked, however the kernel spreads connections."""


def reads(world: World) -> list[set[datetime]]:
    """What several new connections are told, two days from now on."""
    span = {"from": world.at(0).date().isoformat(), "to": world.at(48).date().isoformat()}
    told = []
    for _ in range(ASKS):
        with world.service.client() as client:
            asked = {"visit_type_id": str(world.visit), **span}
            answer = client.get(f"/providers/{world.provider}/availability", params=asked)
            assert answer.status_code == 200, answer.text
            told.append({datetime.fromisoformat(slot["start"]) for slot in answer.json()["slots"]})
    return told


def closure(world: World) -> None:
    world.make.closure(world.clinic, world.at(0), world.at(24))


def time_off(world: World) -> None:
    world.make.exception(world.provider, world.at(0), world.at(24), kind="time_off", status="approved")


def new_hours(world: World) -> None:
    day = {"clinic_id": str(world.clinic), "weekday": world.at(24).isoweekday(), "effective_from": "2020-01-06"}
    items = [{**day, "start_time": "00:00", "end_time": "00:00"}]
    assert world.desk.put(f"/providers/{world.provider}/schedules", json={"items": items}).status_code == 200


def other_zone(world: World) -> None:
    """Kiribati's midnight is ten hours earlier: the first day of the question moves."""
    world.desk.patch(f"/clinics/{world.clinic}", json={"time_zone": "Pacific/Kiritimati"})


def longer_visits(world: World) -> None:
    world.desk.patch(f"/visit-types/{world.visit}", json={"slot_step_min": 60})


def inactive(world: World) -> None:
    world.desk.patch(f"/providers/{world.provider}", json={"active": False})


def another_offer(world: World) -> None:
    other = str(world.make.visit_type(20))
    assert world.desk.patch(f"/providers/{world.provider}", json={"visit_type_ids": [other]}).status_code == 200


def needs_a_room(world: World) -> None:
    world.desk.patch(f"/visit-types/{world.visit}", json={"room_kind": "laboratory"})


CHANGES = [closure, time_off, new_hours, other_zone, longer_visits, inactive, another_offer, needs_a_room]


@pytest.mark.parametrize("change", CHANGES)
def test_every_worker_tells_a_change_at_once(world: World, change: Callable[[World], None]) -> None:
    before = reads(world)
    assert all(told == before[0] for told in before)
    assert len(before[0]) == 96
    change(world)
    after = reads(world)
    assert after[0] != before[0]
    assert all(told == after[0] for told in after)


@pytest.mark.parametrize("change", [closure, time_off, new_hours, inactive, another_offer])
def test_no_worker_books_by_an_old_plan(world: World, change: Callable[[World], None]) -> None:
    reads(world)  # every worker has the plan
    for n in range(ASKS):
        with world.service.client(world.make.token("admin")) as desk:
            body = world.body(n / 2, patient_id=str(world.make.patient()))
            booked = desk.post("/appointments", json=body)
            assert booked.status_code == 201
            desk.delete(f"/appointments/{booked.json()['id']}")
    change(world)
    for n in range(ASKS):
        with world.service.client(world.make.token("admin")) as desk:
            body = world.body(12 + n / 2, patient_id=str(world.make.patient()))
            answer = desk.post("/appointments", json=body)
            assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-bookable")


def test_a_room_that_opens_offers_its_times(world: World) -> None:
    needs_a_room(world)
    assert all(told == set() for told in reads(world))
    room = world.make.room(world.clinic, kind="laboratory")
    assert all(len(told) == 96 for told in reads(world))
    world.make.conn.execute("UPDATE room SET active = false WHERE id = %s", [room])
    assert all(told == set() for told in reads(world))


def test_what_is_booked_shows_at_once_everywhere(world: World) -> None:
    whole = reads(world)[0]
    booked = world.book(9)
    assert all(told == whole - {world.at(9)} for told in reads(world))
    world.me.patch(f"/appointments/{booked['id']}", json={"start": (world.at(9) + timedelta(hours=3)).isoformat()})
    assert all(told == whole - {world.at(12)} for told in reads(world))
    world.me.post(f"/appointments/{booked['id']}/cancel", json={})
    assert all(told == whole for told in reads(world))
