"""A patient who is logged in, and people of every role with a password."""

from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from frontdesk.auth.passwords import hash_password
from tests.auth.people import PASSWORD, new_email
from tests.portal.book.conftest import somebody
from tests.portal.conftest import Visitor
from tests.portal.patients import Patient, at_a_clinic


@pytest.fixture
def patient(visitor: Visitor) -> Patient:
    return at_a_clinic(visitor)


@dataclass(frozen=True)
class Owner:
    """Somebody with a password, who logs in by the page in as many browsers as they like."""

    visitor: Visitor
    email: str
    user: UUID

    def entered(self, password: str = PASSWORD) -> tuple[httpx.Client, httpx.Response]:
        """A new browser, and what it was told."""
        browser = somebody(self.visitor)
        return browser, browser.post("/login", data={"email": self.email, "password": password})

    def browser(self, password: str = PASSWORD) -> httpx.Client:
        """One that is in."""
        browser, answer = self.entered(password)
        assert answer.status_code == 303, answer.text
        return browser


def owner_of(visitor: Visitor, role: str) -> Owner:
    linked = {"patient": "patient_id", "provider": "provider_id"}.get(role)
    link = {linked: getattr(visitor.make, role)()} if linked else {}
    email = new_email()
    user = visitor.make.row("user_account", email=email, password_hash=hash_password(PASSWORD), role=role, **link)
    return Owner(visitor, email, user)


@pytest.fixture(params=["patient", "provider", "staff", "admin"])
def owner(request: pytest.FixtureRequest, visitor: Visitor) -> Owner:
    return owner_of(visitor, request.param)


@pytest.fixture
def patient_owner(visitor: Visitor) -> Owner:
    return owner_of(visitor, "patient")


def is_in(browser: httpx.Client) -> bool:
    """Whether the database still knows the browser."""
    return browser.get("/me").status_code == 200
