"""Providers whose hours change all the time, and everybody who is told of them."""

import re
import threading
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import httpx

from tests.booking.conftest import World
from tests.make import Make
from tests.service import TRUST, Service

ROUNDS = 12
ASKS = 4
"""New connections a read: with three workers, most of them are asked."""


def worlds(service: Service, make: Make, count: int) -> list[World]:
    """As many providers that work all day, each with a visit type of their own, so that searches find them alone."""
    clinic, patient = make.clinic(), make.patient()
    me, desk = service.client(make.token("patient", patient_id=patient)), service.client(make.token("admin"))
    made = []
    for _ in range(count):
        provider, visit = make.provider(), make.visit_type(30)
        make.every_day(provider, clinic)
        made.append(World(service, make, clinic, provider, visit, patient, me, desk))
        # Who is limited to this type is found by no search for another one.
        body = {"visit_type_ids": [str(visit)]}
        assert desk.patch(f"/providers/{provider}", json=body).status_code == 200
    return made


def told(world: World) -> Iterator[set[datetime]]:
    """What new connections are told of one day, by both ways to ask."""
    span = {"from": world.at(0).date().isoformat(), "to": world.at(24).date().isoformat()}
    asked = {"visit_type_id": str(world.visit), "clinic_id": str(world.clinic), **span}
    for n in range(ASKS):
        with httpx.Client(base_url=world.service.api, timeout=60, verify=TRUST) as client:
            path = f"/providers/{world.provider}/availability" if n % 2 else "/availability?limit=100"
            answer = client.get(path, params={**httpx.URL(path).params, **asked})
            assert answer.status_code == 200, answer.text
            slots = answer.json()["slots"]
            yield {
                datetime.fromisoformat(slot["start"])
                for slot in slots
                if slot.get("provider_id", str(world.provider)) == str(world.provider)
            }


def works_until(world: World, hour: int) -> set[datetime]:
    """Give the provider new hours; what they offer."""
    end = f"{hour % 24:02}:00"
    days = [
        {"clinic_id": str(world.clinic), "weekday": day, "start_time": "00:00", "end_time": end} for day in range(1, 8)
    ]
    items = [{**day, "effective_from": "2020-01-06"} for day in days]
    with world.service.client(world.make.token("admin")) as desk:
        answer = desk.put(f"/providers/{world.provider}/schedules", json={"items": items})
    assert answer.status_code == 200, answer.text
    return {world.at(half / 2) for half in range(hour * 2)}


def write_and_read(world: World, patient: UUID, wrote: threading.Event) -> None:
    """Change hours, book and cancel, over and over: every answer shows the last write that was acknowledged."""
    offered: set[datetime] = set()
    for n in range(ROUNDS):
        offered = works_until(world, 24 - n % 5)
        assert all(answer == offered for answer in told(world))
        with world.service.client(world.make.token("admin")) as desk:
            booked = desk.post("/appointments", json=world.body(n / 2, patient_id=str(patient)))
            assert booked.status_code == 201, booked.text
            assert all(answer == offered - {world.at(n / 2)} for answer in told(world))
            assert desk.post(f"/appointments/{booked.json()['id']}/cancel", json={"reason": "test"}).status_code == 200
        assert all(answer == offered for answer in told(world))
        wrote.set()


def copies_found(service: Service) -> tuple[float, float]:
    """How often any worker found a copy, and how often not."""
    metrics = httpx.get(f"{service.url}/metrics", timeout=30).text
    counts = dict(re.findall(r"^(cache_\w+_total) (\S+)$", metrics, re.MULTILINE))
    return float(counts["cache_hits_total"]), float(counts["cache_misses_total"])
