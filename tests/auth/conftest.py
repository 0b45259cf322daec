"""Accounts and connections for the tests of log-in, on the running service."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from frontdesk import db, ids
from frontdesk.auth import new_passwords
from frontdesk.auth import service as accounts
from frontdesk.ports import outgoing
from frontdesk.ports.notifications import NotificationFile
from frontdesk.secrets import Keys
from frontdesk.settings import Settings
from tests.auth.people import PASSWORD, bearer, new_email, tokens_of
from tests.service import SECRET, Service


def make_user(dsn: str, **fields: Any) -> UUID:
    """An account made the way the command line makes it."""

    async def make() -> UUID:
        async with await db.connect(Settings(), dsn) as conn:
            return await accounts.create_user(conn, **{"password": PASSWORD, "role": "admin"} | fields)

    return asyncio.run(make())


@pytest.fixture
def api(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


@pytest.fixture
def written(service: Service) -> Iterator[psycopg.Connection[DictRow]]:
    """What the running service has written: an autocommit connection to its database."""
    with psycopg.connect(service.dsn, autocommit=True, row_factory=dict_row) as conn:
        yield conn


@pytest.fixture
def admin(service: Service, api: httpx.Client) -> dict[str, str]:
    """The headers of an admin."""
    email = new_email()
    make_user(service.dsn, email=email)
    return bearer(tokens_of(api, email))


@pytest.fixture
def patient(api: httpx.Client) -> str:
    """The e-mail address of a patient with an account."""
    email = new_email()
    body = {"email": email, "password": PASSWORD, "first_name": "Pia", "last_name": "Fall"}
    assert api.post("/auth/register", json=body | {"date_of_birth": "1990-02-28"}).status_code == 201
    return email


@pytest.fixture
def inactive(service: Service, written: psycopg.Connection[DictRow]) -> str:
    """The e-mail address of an account that was deactivated."""
    email = new_email()
    user_id = make_user(service.dsn, email=email, role="staff")
    written.execute("UPDATE user_account SET active = false WHERE id = %s", (user_id,))
    return email


@pytest.fixture
def clinics(written: psycopg.Connection[DictRow]) -> list[str]:
    """The ids of two clinics."""
    made = [ids.new_id(), ids.new_id()]
    for clinic in made:
        written.execute(
            "INSERT INTO clinic (id, name, time_zone, changed_by, request_id) VALUES (%s, 'Desk', 'UTC', %s, %s)",
            (clinic, ids.SYSTEM, ids.new_id()),
        )
    return sorted(str(clinic) for clinic in made)


@pytest.fixture
def post(service: Service, tmp_path: Path) -> "Post":
    """The messages that people get: what the background worker makes of the service's database."""
    return Post(service.dsn, tmp_path / "outgoing.jsonl")


class Post:
    """Does the worker's rounds on demand, and reads what has arrived."""

    def __init__(self, dsn: str, path: Path) -> None:
        self.dsn, self.path = dsn, path

    def round(self) -> None:
        """One round of the two jobs, with the keys of the service."""

        async def go() -> None:
            async with await db.connect(Settings(), self.dsn) as conn:
                await new_passwords.answer_resets_with(conn, Keys(SECRET))
                await outgoing.deliver_to(NotificationFile(self.path), conn, Keys(SECRET))

        asyncio.run(go())

    def to(self, address: str, kind: str) -> list[dict[str, str]]:
        """The parameters of every message of this kind to this address, oldest first."""
        self.round()
        lines = [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []
        return [line["parameters"] for line in lines if (line["to"], line["kind"]) == (address, kind)]
