"""A clinic with providers and patients, and a member of staff at its desk."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest

from frontdesk import clock
from frontdesk.auth import browsers, tokens
from frontdesk.secrets import Keys
from tests.html import Page
from tests.make import STAMP, Make
from tests.portal.conftest import ACCEPT
from tests.service import SECRET, TRUST, Service


@dataclass(frozen=True)
class Desk:
    """The desk of one clinic in Madrid; `client` is logged in as its member of staff."""

    service: Service
    make: Make
    client: httpx.Client
    token: str
    cookie: str
    clinic: UUID
    visit_type: UUID
    today: datetime

    def provider(self, **columns: Any) -> UUID:
        """Somebody who works at the clinic around the clock."""
        provider = self.make.provider(**columns)
        self.make.every_day(provider, self.clinic)
        self.link("provider_clinic", provider_id=provider, clinic_id=self.clinic)
        return provider

    def patient(self, **columns: Any) -> UUID:
        """Somebody who is registered here."""
        patient = self.make.patient(**columns)
        self.link("patient_clinic", patient_id=patient, clinic_id=self.clinic)
        return patient

    def link(self, table: str, **columns: UUID) -> None:
        values = {**columns, **STAMP}
        names, places = ", ".join(values), ", ".join(f"%({name})s" for name in values)
        self.make.conn.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", values)  # type: ignore[arg-type]

    def at(self, hours: float, days: int = 1) -> datetime:
        """A local time of the clinic, `days` from the day on which the test began."""
        return self.today + timedelta(days=days, hours=hours)

    def visit(self, provider: UUID, start: datetime, patient: UUID | None = None, **columns: Any) -> UUID:
        """A visit of somebody with no other, half an hour long."""
        of = {"patient_id": patient or self.patient(), "origin": "imported", **columns}
        return self.make.appointment(provider, self.clinic, self.visit_type, start, **of)

    def row(self, visit: UUID) -> tuple[Any, ...]:
        """Status, start and provider, as the database has them."""
        found = self.make.conn.execute(
            "SELECT status, lower(during), provider_id FROM appointment WHERE id = %s", [visit]
        ).fetchone()
        assert found is not None
        return found

    def day(self, days: int = 1) -> str:
        """The address of a day's list."""
        return f"/desk?clinic={self.clinic}&on={self.at(0, days).date()}"

    def page(self, path: str) -> Page:
        return Page(self.client.get(path))

    def send(self, path: str, *, hx: bool = False, **form: Any) -> httpx.Response:
        sent = {name: str(value) for name, value in form.items()}
        return self.client.post(path, data=sent, headers={"HX-Request": "true"} if hx else {})


@pytest.fixture
def desk(service: Service, make: Make) -> Iterator[Desk]:
    clinic = make.clinic("Europe/Madrid")
    token = make.token("staff", clinic_ids=(clinic,))
    keys = Keys(SECRET).tokens
    cookie = tokens.write(tokens.read(token, keys), keys, timedelta(hours=1), tokens.PAGES)
    headers = ACCEPT | {"Accept-Language": "en-GB"}
    # A client of its own: what is refused on a page of the desk is told beside the patient's name.
    with httpx.Client(base_url=service.url, headers=headers, timeout=30, verify=TRUST) as client:
        client.cookies.set(browsers.COOKIE, cookie)
        today = clock.now().astimezone(ZoneInfo("Europe/Madrid")).replace(hour=0, minute=0, second=0, microsecond=0)
        yield Desk(service, make, client, token, cookie, clinic, make.visit_type(30), today)
