"""A small world for the book: a clinic that never closes, a provider, a patient, a visit of 30 minutes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest

from frontdesk import clock
from tests.make import Make
from tests.service import Service


def in_two_days() -> datetime:
    """The next midnight (UTC) but one."""
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)


@dataclass(frozen=True)
class World:
    service: Service
    make: Make
    clinic: UUID
    provider: UUID
    visit: UUID
    patient: UUID
    me: httpx.Client  # the patient
    desk: httpx.Client  # an admin
    day: datetime = field(default_factory=in_two_days)  # the same when midnight comes in the middle of a test

    def at(self, hours: float) -> datetime:
        """A moment on the half-hour grid, `hours` after the midnight of `day`."""
        return self.day + timedelta(hours=hours)

    def body(self, hours: float, **more: object) -> dict[str, object]:
        return {
            "provider_id": str(self.provider),
            "visit_type_id": str(self.visit),
            "clinic_id": str(self.clinic),
            "start": self.at(hours).isoformat(),
            **more,
        }

    def book(self, hours: float, **more: object) -> dict[str, object]:
        answer = self.me.post("/appointments", json=self.body(hours, **more))
        assert answer.status_code == 201, answer.text
        booked: dict[str, object] = answer.json()
        return booked

    def offered(self, **params: str) -> set[datetime]:
        asked = {"visit_type_id": str(self.visit), **params}
        answer = self.me.get(f"/providers/{self.provider}/availability", params=asked)
        assert answer.status_code == 200, answer.text
        return {datetime.fromisoformat(slot["start"]) for slot in answer.json()["slots"]}


@pytest.fixture
def world(service: Service, make: Make) -> World:
    clinic, provider, visit, patient = make.clinic(), make.provider(), make.visit_type(30), make.patient()
    make.every_day(provider, clinic)
    return World(
        service=service,
        make=make,
        clinic=clinic,
        provider=provider,
        visit=visit,
        patient=patient,
        me=service.client(make.token("patient", patient_id=patient)),
        desk=service.client(make.token("admin")),
    )
