"""A provider whose day is full, colleagues at the clinic and at another one, and what one asks about a sick day."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from frontdesk import clock, ids
from tests.make import Make
from tests.service import Service

Row = dict[str, Any]

SECOND_DAY = 2


@dataclass
class Group:
    """Visits of 20 minutes; everybody works from 08:00 to 17:00 UTC every day. `day` is in two days."""

    service: Service
    make: Make
    day: datetime
    clinic: UUID
    other_clinic: UUID
    specialty: UUID
    visit: UUID
    provider: UUID
    colleagues: list[UUID] = field(default_factory=list)
    patients: dict[str, UUID] = field(default_factory=dict)  # by visit

    def __post_init__(self) -> None:
        self.admin = self.service.client(self.make.token("admin"))

    @property
    def conn(self) -> psycopg.Connection:
        return self.make.conn

    def at(self, hours: float) -> datetime:
        """So many hours after midnight (UTC) of the day."""
        return self.day + timedelta(hours=hours)

    def someone_else(self, clinic: UUID, **columns: Any) -> UUID:
        """A colleague who works there."""
        provider = specialist(self.make, self.specialty, **columns)
        self.make.every_day(provider, clinic, "08:00", "17:00")
        self.colleagues.append(provider)
        return provider

    def fill(self, count: int, provider: UUID | None = None, **columns: Any) -> list[str]:
        """So many visits on the day, one after the other from 08:00, each of another patient."""
        visits = []
        for n in range(count):
            patient = self.make.patient(email="pat@post.test")
            of = {"patient_id": patient, **columns}
            start = self.at(8 + n / 3)
            visits.append(
                str(self.make.appointment(provider or self.provider, self.clinic, self.visit, start, 20, **of))
            )
            self.patients[visits[-1]] = patient
        return visits

    def off(self, **more: Any) -> Row:
        """The whole day, approved by whoever sends it."""
        return {"kind": "time_off", "start": self.at(0).isoformat(), "end": self.at(24).isoformat(), **more}

    def preview(self, client: httpx.Client | None = None, provider: UUID | None = None, **more: Any) -> list[Row]:
        """What the time off would displace."""
        path = f"/providers/{provider or self.provider}/exceptions"
        answer = (client or self.admin).post(path, params={"preview": True}, json=self.off(**more))
        assert answer.status_code == 200, answer.text
        rows: list[Row] = answer.json()["appointments"]
        return rows

    def enter(self, client: httpx.Client | None = None, provider: UUID | None = None, **more: Any) -> Row:
        """Enter the time off with offers; the exception."""
        path = f"/providers/{provider or self.provider}/exceptions"
        answer = (client or self.admin).post(path, json=self.off(offer_alternatives=True, **more))
        assert answer.status_code == 201, answer.text
        row: Row = answer.json()
        return row

    def call_list(self, exception: Row, client: httpx.Client | None = None) -> Row:
        """What became of the visits."""
        path = f"/providers/{exception['provider_id']}/exceptions/{exception['id']}/displaced"
        answer = (client or self.admin).get(path)
        assert answer.status_code == 200, answer.text
        found: Row = answer.json()
        return found

    def patient(self, visit: str) -> httpx.Client:
        """The patient of this visit, logged in."""
        return self.service.client(self.make.token("patient", patient_id=self.patients[visit]))

    def wish(self, alternative: Row, **more: Any) -> Row:
        """The body that books this time."""
        times = {name: alternative[name] for name in ("provider_id", "clinic_id", "start")}
        return {**times, "visit_type_id": str(self.visit), **more}


def specialist(make: Make, specialty: UUID, **columns: Any) -> UUID:
    """A provider of the specialty."""
    provider = make.provider(**columns)
    make.conn.execute(
        "INSERT INTO provider_specialty (provider_id, specialty_id, changed_by, request_id) VALUES (%s, %s, %s, %s)",
        (provider, specialty, ids.SYSTEM, ids.SYSTEM),
    )
    return provider


def group_of(service: Service, make: Make, **visit: Any) -> Group:
    """A provider, three colleagues at the clinic and two at another one."""
    specialty = make.row("specialty", name=f"Specialty {ids.new_id()}")
    day = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=SECOND_DAY)
    clinic, other = make.clinic(), make.clinic()
    provider = specialist(make, specialty)
    make.every_day(provider, clinic, "08:00", "17:00")
    group = Group(service, make, day, clinic, other, specialty, make.visit_type(20, **visit), provider)
    for at in (clinic, clinic, clinic, other, other):
        group.someone_else(at)
    return group


@pytest.fixture
def group(service: Service, make: Make) -> Group:
    return group_of(service, make)
