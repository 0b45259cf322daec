"""Patients who are logged in, and what a browser would send for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from tests.html import Page
from tests.portal.conftest import ACCEPT, Visitor

REASON = "a rash named xanthomirel"


@dataclass(frozen=True)
class Patient:
    """A log-in, a provider who is always there, and a clinic in Madrid."""

    visitor: Visitor
    id: UUID
    token: str
    client: httpx.Client
    provider: UUID
    clinic: UUID

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=ACCEPT | {"Accept-Language": "en-GB"} | headers)

    def page(self, path: str, **headers: str) -> Page:
        return Page(self.get(path, **headers))

    def post(self, path: str, **fields: Any) -> httpx.Response:
        return self.client.post(path, data=fields, headers=ACCEPT | {"Accept-Language": "en-GB"})

    def press(self, page: Page, path: str, **filled: str) -> Page:
        """Send the form of `page` that goes there, as a browser does, and follow where it leads."""
        forms = [str(form.get("action")) for form in page.all("form")] + [
            str(button["formaction"]) for button in page.all("button") if "formaction" in button
        ]
        action = next(one for one in forms if one.endswith(path))
        hidden = {str(i["name"]): str(i["value"]) for i in page.all("input") if i.get("name") == "version"}
        answer = self.post(action, **{**hidden, **filled})
        assert answer.status_code == 303, answer.text
        return self.page(answer.headers["location"])

    def at(self, hours: float) -> datetime:
        return self.visitor.at(hours)

    def visit(self, hours: float, **columns: Any) -> UUID:
        """A visit of theirs at that moment (`Visitor.at`)."""
        columns = {"patient_id": self.id, "reason": REASON, "origin": "imported", **columns}
        return self.visitor.make.appointment(
            self.provider, self.clinic, self.visitor.visit_type, self.at(hours), **columns
        )

    def row(self, visit: UUID) -> dict[str, Any]:
        """The visit, by the database."""
        found = self.visitor.make.conn.execute("SELECT to_jsonb(a) FROM appointment a WHERE id = %s", [visit])
        row = found.fetchone()
        assert row is not None
        said: dict[str, Any] = row[0]
        return said

    def other(self) -> "Patient":
        """Somebody else who comes to the same provider."""
        return patient_of(self.visitor, self.provider, self.clinic)


def patient_of(visitor: Visitor, provider: UUID, clinic: UUID) -> Patient:
    who = visitor.make.patient()
    token = visitor.make.token("patient", patient_id=who)
    client = visitor.service.client(token)
    client.base_url = httpx.URL(visitor.service.url)
    return Patient(visitor, who, token, client, provider, clinic)


def at_a_clinic(visitor: Visitor) -> Patient:
    """A patient, with a provider and a clinic of their own."""
    clinic = visitor.make.clinic("Europe/Madrid", address="Calle Mayor 7\nMadrid", phone="+34 91 5550100")
    provider = visitor.provider(clinic, first_name="Marisol", last_name="Quintanilla", title="Dr.")
    return patient_of(visitor, provider, clinic)
