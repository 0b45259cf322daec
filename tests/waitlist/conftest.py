"""A provider whose day is full, and people who wait."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from frontdesk import clock
from tests.make import Make
from tests.service import Service
from tests.waitlist.background import Background

Row = dict[str, Any]


@dataclass
class World:
    """Visits of 30 minutes with one provider, who works from 09:00 to 11:00 UTC every day; `day` is in two days."""

    service: Service
    make: Make
    clinic: UUID
    provider: UUID
    visit: UUID
    day: datetime
    desk: httpx.Client
    booked: list[UUID] = field(default_factory=list)

    def at(self, hours: float) -> datetime:
        """So many hours after midnight (UTC) of the day."""
        return self.day + timedelta(hours=hours)

    def someone(self) -> tuple[UUID, httpx.Client]:
        """A patient who is logged in."""
        patient = self.make.patient()
        return patient, self.service.client(self.make.token("patient", patient_id=patient))

    def book(self, hours: float, patient: UUID | None = None) -> str:
        """A visit that begins then; its id."""
        body = {
            "provider_id": str(self.provider),
            "visit_type_id": str(self.visit),
            "clinic_id": str(self.clinic),
            "start": self.at(hours).isoformat(),
            "patient_id": str(patient or self.make.patient()),
        }
        answer = self.desk.post("/appointments", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def fill_day(self, first: float = 9, last: float = 11) -> list[str]:
        """Book all that is free of the day; the visits in order."""
        return [self.book(first + n / 2) for n in range(int((last - first) * 2))]

    def cancel(self, appointment_id: str) -> None:
        """By the desk."""
        answer = self.desk.post(f"/appointments/{appointment_id}/cancel", json={})
        assert answer.status_code == 200, answer.text

    def wait(self, client: httpx.Client, **more: object) -> Row:
        """Join the waitlist for that day with the provider; the entry."""
        day = self.day.date().isoformat()
        body = {"visit_type_id": str(self.visit), "provider_id": str(self.provider), "earliest": day, "latest": day}
        answer = client.post("/waitlist", json=body | more)
        assert answer.status_code == 201, answer.text
        row: Row = answer.json()
        return row

    def entry(self, client: httpx.Client, entry: Row) -> Row:
        """As it is now."""
        answer = client.get(f"/waitlist/{entry['id']}")
        assert answer.status_code == 200, answer.text
        row: Row = answer.json()
        return row

    def overslept(self, offer_id: str) -> None:
        """Nobody answered: the time for that ended a moment ago. Locks as the service does: the hold first."""
        with self.make.conn.transaction():
            self.make.conn.execute(
                "UPDATE appointment SET hold_expires_at = now() + interval '59 seconds' WHERE status = 'held'"
                " AND id = (SELECT appointment_id FROM waitlist_offer WHERE id = %s)",
                (offer_id,),
            )
            self.make.conn.execute(
                "UPDATE waitlist_offer SET expires_at = now() - interval '1 second' WHERE id = %s", (offer_id,)
            )

    def free(self) -> set[datetime]:
        """What the public is offered on that day."""
        asked = {"visit_type_id": str(self.visit), "from": self.day.date().isoformat()}
        asked["to"] = (self.day + timedelta(days=1)).date().isoformat()
        answer = self.desk.get(f"/providers/{self.provider}/availability", params=asked)
        assert answer.status_code == 200, answer.text
        return {datetime.fromisoformat(slot["start"]) for slot in answer.json()["slots"]}


@pytest.fixture
def world(service: Service, make: Make) -> World:
    return world_of(service, make)


def world_of(service: Service, make: Make) -> World:
    """At a clinic of its own."""
    clinic, provider, visit = make.clinic(), make.provider(), make.visit_type(30)
    make.every_day(provider, clinic, "09:00", "11:00")
    day = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    return World(service, make, clinic, provider, visit, day, service.client(make.token("admin")))


@pytest.fixture
def background(service: Service) -> Iterator[Background]:
    """The background worker's part, in this process."""
    with Background(service.dsn) as working:
        yield working
