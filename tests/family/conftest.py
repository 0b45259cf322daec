"""Families with real log-ins, and a provider to whom they go."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import pytest

from frontdesk import clock
from tests.auth.people import new_email, registered, tokens_of
from tests.make import STAMP, Make
from tests.service import Service

_numbers = count(1)
CHILD = {"first_name": "Ana", "last_name": "Fall", "date_of_birth": "2019-05-04", "relation": "mother"}


@dataclass
class Person:
    """Somebody with an account, logged in by a session of their own."""

    service: Service
    email: str
    user: UUID
    id: UUID
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def api(self) -> httpx.Client:
        return self.service.client(self.tokens["access_token"])

    def again(self) -> "Person":
        """The same person on another device."""
        return Person(self.service, self.email, self.user, self.id, tokens_of(self.service.client(), self.email))

    def added(self, **child: str) -> str:
        """The id of a child of theirs."""
        answer = self.api.post("/family", json=CHILD | child)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["patient_id"])

    def switch(self, patient_id: object) -> httpx.Response:
        body = {"refresh_token": self.tokens["refresh_token"]}
        return self.api.post(f"/family/{patient_id}/session", json=body)

    def acting_for(self, patient_id: object) -> "Person":
        """The same session, from now on for somebody else."""
        answer = self.switch(patient_id)
        assert answer.status_code == 200, answer.text
        return Person(self.service, self.email, self.user, self.id, answer.json())


@dataclass
class Town:
    """One clinic with one provider around the clock, and people."""

    service: Service
    make: Make
    clinic: UUID
    provider: UUID
    visit_type: UUID

    def person(self, **more: str) -> Person:
        api, email = self.service.client(), new_email()
        made = api.post("/auth/register", json=registered(email, phone=f"+34 600 {next(_numbers):06d}", **more)).json()
        return Person(self.service, email, UUID(made["id"]), UUID(made["patient_id"]), tokens_of(api, email))

    def desk(self) -> httpx.Client:
        """The front desk of the clinic."""
        return self.service.client(self.make.token("staff", clinic_ids=(self.clinic,)))

    def registered_here(self, patient_id: object) -> None:
        values = {"patient_id": patient_id, "clinic_id": self.clinic, **STAMP}
        self.make.conn.execute(
            "INSERT INTO patient_clinic (patient_id, clinic_id, changed_by, request_id)"
            " VALUES (%(patient_id)s, %(clinic_id)s, %(changed_by)s, %(request_id)s)",
            values,
        )

    def guardianship(self, guardian: object, ward: object, **columns: Any) -> UUID:
        return self.make.row("guardianship", guardian_id=guardian, patient_id=ward, **columns)

    def time(self) -> dict[str, str]:
        """A time at which nobody else books."""
        midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        start = midnight + timedelta(days=3, minutes=30 * next(_numbers))
        place = {"provider_id": self.provider, "visit_type_id": self.visit_type, "clinic_id": self.clinic}
        return {name: str(value) for name, value in place.items()} | {"start": start.isoformat()}


@pytest.fixture
def town(service: Service, make: Make) -> Town:
    clinic, provider = make.clinic(), make.provider()
    make.every_day(provider, clinic)
    return Town(service, make, clinic, provider, make.visit_type())
