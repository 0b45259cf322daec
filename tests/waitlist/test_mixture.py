"""Everything at once around the same few times, drawn from a seed: documented answers only, and all agrees after it."""

import random
import threading
from datetime import timedelta

import pytest

from frontdesk import ids
from tests.concurrency.book import Ask, statuses
from tests.waitlist.background import Background
from tests.waitlist.conftest import World
from tests.waitlist.test_rivals import at_once, sound

ROUNDS, MOST_ROUNDS, AT_ONCE = 10, 50, 20
"""So many rounds, and more until each of `KINDS` was carried out."""

KINDS = {"offers accept", "offers decline", "waitlist waitlist", "appointments cancel"}


class Mixture:
    """Two providers of a specialty, people who have visits and people who wait."""

    def __init__(self, world: World, draw: random.Random, rooms: int) -> None:
        self.world, self.draw, make = world, draw, world.make
        if rooms:
            world.visit = make.visit_type(30, room_kind="consultation")
            for _ in range(rooms):
                make.room(world.clinic)
        self.providers = [world.provider, make.provider()]
        make.every_day(self.providers[1], world.clinic, "09:00", "11:00")
        self.specialty = make.row("specialty", name=f"Specialty {ids.new_id()}")
        for provider in self.providers:
            make.conn.execute(
                "INSERT INTO provider_specialty (provider_id, specialty_id, changed_by, request_id)"
                " VALUES (%s, %s, %s, %s)",
                (provider, self.specialty, ids.SYSTEM, ids.SYSTEM),
            )
        self.patients = [make.patient() for _ in range(12)]

    def asks(self) -> list[Ask]:
        """What is asked in one round, of what the round before left."""
        kinds = [self.book, self.book, self.on_a_visit, self.on_a_visit, self.join, self.on_an_offer, self.on_an_offer]
        return [self.draw.choice([*kinds, self.leave, self.hours])() for _ in range(AT_ONCE)]

    def time(self) -> dict[str, str]:
        start = self.world.at(9 + self.draw.randrange(4) / 2).isoformat()
        return {"provider_id": str(self.draw.choice(self.providers)), "start": start}

    def book(self) -> Ask:
        of = {"visit_type_id": str(self.world.visit), "clinic_id": str(self.world.clinic)}
        return Ask(path="/appointments", body=self.time() | of | {"patient_id": str(self.draw.choice(self.patients))})

    def on_a_visit(self) -> Ask:
        visit = self._one("SELECT id FROM appointment WHERE clinic_id = %s AND status = 'scheduled'")
        if visit is None:
            return self.book()
        if self.draw.random() < 0.3:
            return Ask(method="PATCH", path=f"/appointments/{visit}", body=self.time())
        return Ask(path=f"/appointments/{visit}/{self.draw.choice(('cancel', 'cancel', 'no-show'))}", body={})

    def join(self) -> Ask:
        day = self.world.day.date().isoformat()
        body = {"patient_id": str(self.draw.choice(self.patients)), "visit_type_id": str(self.world.visit)}
        body |= {"earliest": day, "latest": day, "urgency": self.draw.choice(("urgent", "normal", "flexible"))}
        one = {"provider_id": str(self.draw.choice(self.providers))}
        return Ask(path="/waitlist", body=body | self.draw.choice([one, {"specialty": str(self.specialty)}]))

    def leave(self) -> Ask:
        entry = self._one("SELECT id FROM waitlist_entry WHERE visit_type_id = %s", self.world.visit)
        return Ask(method="DELETE", path=f"/waitlist/{entry}") if entry else self.join()

    def on_an_offer(self) -> Ask:
        offer = self._one(
            "SELECT o.id FROM waitlist_offer o JOIN waitlist_entry e ON e.id = o.entry_id"
            " WHERE e.visit_type_id = %s AND o.status = 'standing'",
            self.world.visit,
        )
        if offer is None:
            return self.join()
        answer = self.draw.choice(("accept", "decline", "sleep"))
        if answer == "sleep":
            self.world.overslept(offer)
            return self.on_a_visit()
        return Ask(path=f"/offers/{offer}/{answer}")

    def hours(self) -> Ask:
        start = self.world.at(12 + self.draw.randrange(8) / 2)
        span = {"start": start.isoformat(), "end": (start + timedelta(minutes=30)).isoformat()}
        body = {"kind": "extra_session", "clinic_id": str(self.world.clinic)} | span
        return Ask(path=f"/providers/{self.draw.choice(self.providers)}/exceptions", body=body)

    def _one(self, query: str, of: object = None) -> str | None:
        rows = self.world.make.conn.execute(f"{query} ORDER BY 1", (of or self.world.clinic,)).fetchall()
        return str(self.draw.choice(rows)[0]) if rows else None


@pytest.mark.parametrize("rooms", [0, 2])
def test_everything_at_once(world: World, background: Background, rooms: int) -> None:
    mixture = Mixture(world, random.Random(11 + rooms), rooms)
    seen: dict[str, int] = {}
    for round_ in range(MOST_ROUNDS):
        if round_ >= ROUNDS and set(seen) >= KINDS:
            break
        jobs = threading.Thread(target=background.round)
        jobs.start()
        asks = mixture.asks()
        answers = at_once(world, asks)
        jobs.join()
        assert set(statuses(answers)) <= {200, 201, 204, 409, 422}, [a.text for a in answers if a.status_code > 409]
        for ask, answer in zip(asks, answers, strict=True):
            if answer.status_code < 300:
                first, last = (parts := ask.path.strip("/").split("/"))[0], parts[-1]
                seen[f"{first} {last}"] = seen.get(f"{first} {last}", 0) + 1
        sound(world.make.conn)
    assert set(seen) >= KINDS, seen
