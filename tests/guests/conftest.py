"""A clinic that never closes, and patients who have a link to their visit and nothing else."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from frontdesk import clock, links
from frontdesk.secrets import Keys
from tests.make import Make
from tests.service import SECRET, Service

KEYS = Keys(SECRET)
PAGE = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
CLINICAL = "a rash named xanthomirel"
SECRETS = {
    "last_name": "Brontovair",
    "date_of_birth": date(1931, 2, 23),
    "phone": "+49 30 5550123987",
    "address": "Wexlumgasse 77",
    "national_id": "NID-8847-ZK",
}
"""What the patients have to hide from whoever has a link."""


@dataclass(frozen=True)
class Link:
    """The link to one visit, as a message would have it."""

    make: Make
    client: httpx.Client  # without a log-in, at the root of the service
    visit: UUID
    patient: UUID

    @property
    def path(self) -> str:
        """As a message that is written now would have it."""
        row = self.make.conn.execute("SELECT link_generation FROM patient WHERE id = %s", [self.patient]).fetchone()
        assert row is not None
        ids = {"appointment_id": self.visit, "patient_id": self.patient}
        return links.manage_url("", KEYS, **ids, generation=row[0])

    def get(self, path: str = "", **more: Any) -> httpx.Response:
        return self.client.get(self.path + path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.client.post(self.path + path, **more)

    def page(self, path: str = "") -> httpx.Response:
        return self.get(path, headers=PAGE)

    def send(self, path: str, **fields: str) -> httpx.Response:
        """Press the button of a form."""
        return self.post(path, data=fields, headers=PAGE)

    def row(self) -> dict[str, Any]:
        """The visit, by the database."""
        cursor = self.make.conn.execute("SELECT to_jsonb(a) FROM appointment a WHERE id = %s", [self.visit])
        row = cursor.fetchone()
        assert row is not None
        found: dict[str, Any] = row[0]
        return found


@dataclass
class House:
    service: Service
    make: Make
    clinic: UUID
    provider: UUID
    visit_type: UUID
    guest: httpx.Client
    midnight: datetime
    """The next but one (UTC) when the test began."""

    def at(self, hours: float) -> datetime:
        """A moment on the half-hour grid, `hours` after that midnight."""
        return self.midnight + timedelta(hours=hours)

    def link(self, when: float | datetime, *, patient: UUID | None = None, **columns: Any) -> Link:
        """A visit at that moment, or so many hours after that midnight, and the link to it."""
        start = when if isinstance(when, datetime) else self.at(when)
        patient = patient or self.patient()
        columns = {"reason": CLINICAL, "origin": "imported", "patient_id": patient, **columns}
        visit = self.make.appointment(self.provider, self.clinic, self.visit_type, start, **columns)
        return Link(self.make, self.guest, visit, patient)

    def patient(self, **columns: Any) -> UUID:
        return self.make.patient(**{**SECRETS, "first_name": "Quill", "email": f"{uuid4()}@example.test", **columns})


@pytest.fixture
def house(service: Service, make: Make) -> House:
    clinic = make.clinic("Europe/Madrid", address="Calle Mayor 7\nMadrid", phone="+34 91 5550100")
    provider, visit_type = make.provider(title="Dr"), make.visit_type(30)
    make.every_day(provider, clinic)
    guest = service.client()
    guest.base_url = httpx.URL(service.url)
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    return House(service, make, clinic, provider, visit_type, guest, midnight)
