"""Clinics around the world, and a visitor with nothing but a browser."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from frontdesk import clock
from tests.debian import headless
from tests.html import Page
from tests.make import STAMP, Make
from tests.service import Service

LAUNCH_MS = 120_000
ACCEPT = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@dataclass(frozen=True)
class Visitor:
    """Somebody without a log-in, and test data of their own: `specialty` is that of nobody else."""

    service: Service
    make: Make
    client: httpx.Client
    specialty: UUID
    visit_type: UUID
    began_at: datetime = field(default_factory=clock.now)
    others: list[httpx.Client] = field(default_factory=list)
    """Browsers that are closed with the test."""

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=ACCEPT | headers)

    def page(self, path: str, **headers: str) -> Page:
        return Page(self.get(path, **headers))

    def provider(self, clinic: UUID, *, hours: tuple[str, str] = ("00:00", "00:00"), **columns: Any) -> UUID:
        """Somebody of the specialty who works at the clinic every day, for the visit type alone."""
        provider = self.make.provider(**columns)
        self.make.every_day(provider, clinic, *hours)
        self.link("provider_clinic", provider_id=provider, clinic_id=clinic)
        self.link("provider_specialty", provider_id=provider, specialty_id=self.specialty)
        self.link("provider_visit_type", provider_id=provider, visit_type_id=self.visit_type)
        return provider

    def not_now(self, provider: UUID) -> None:
        """Away today and tomorrow: the first free time is not one that passes while a test looks at it."""
        self.make.exception(provider, self.at(-72), self.at(3))

    def link(self, table: str, **columns: UUID) -> None:
        values = {**columns, **STAMP}
        names, places = ", ".join(values), ", ".join(f"%({name})s" for name in values)
        self.make.conn.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", values)  # type: ignore[arg-type]

    def at(self, hours: float) -> datetime:
        """`hours` after the next midnight (UTC) but one; the same moment as long as the test runs."""
        midnight = self.began_at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
        return midnight + timedelta(hours=hours)


@pytest.fixture
def visitor(service: Service, make: Make) -> Iterator[Visitor]:
    client = service.client()
    client.base_url = httpx.URL(service.url)
    specialty = make.row("specialty", name=f"Specialty {uuid4()}")
    visitor = Visitor(service, make, client, specialty, make.visit_type(30))
    yield visitor
    for other in visitor.others:
        other.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = headless()
    if isinstance(found, str):
        pytest.skip(found)
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = playwright.chromium.launch(executable_path=found, args=arguments, timeout=LAUNCH_MS)
        yield running
        running.close()
