"""A provider in Madrid whose times are kept and booked, and browsers that do so."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from frontdesk.secrets import Keys
from tests.canaries import BORN_ON, WORD
from tests.portal.conftest import ACCEPT, Visitor
from tests.service import SECRET, TRUST

Place = tuple[UUID, UUID, str]
"""The clinic, the provider, and the path by which their times are kept."""


def somebody(visitor: Visitor) -> httpx.Client:
    """Another browser. What it is told it may hear: pages say again what was typed into them."""
    headers = ACCEPT | {"Accept-Language": "en-GB"}
    visitor.others.append(httpx.Client(base_url=visitor.service.url, headers=headers, timeout=30, verify=TRUST))
    return visitor.others[-1]


def enrol(visitor: Visitor, browser: httpx.Client, onward: str = "/") -> UUID:
    """Have the browser register a patient and go on; the patient."""
    email = f"{uuid4()}@example.test"
    who = {"first_name": "Pat", "last_name": WORD, "date_of_birth": BORN_ON.isoformat(), "email": email}
    answer = browser.post("/register", data={**who, "password": "four plain words together", "next": onward})
    assert answer.status_code == 303, answer.text
    assert onward in ("/", answer.headers["location"])
    row = visitor.make.conn.execute("SELECT id FROM patient WHERE email = %s", [email]).fetchone()
    assert row is not None
    patient: UUID = row[0]
    return patient


def wish(visitor: Visitor, clinic: UUID, start: datetime, **more: Any) -> dict[str, str]:
    return {"visit": str(visitor.visit_type), "clinic": str(clinic), "start": start.isoformat(), **more}


def standing(visitor: Visitor, provider: UUID) -> list[datetime]:
    rows = visitor.make.conn.execute(
        "SELECT start_at FROM appointment WHERE provider_id = %s AND status = 'held' ORDER BY 1", [provider]
    )
    return [row[0] for row in rows]


def over(visitor: Visitor, path: str) -> None:
    """What was kept there is not kept any more."""
    visitor.make.conn.execute(
        "UPDATE appointment SET hold_expires_at = now() - interval '1 second' WHERE id = %s", [path.rsplit("/", 1)[1]]
    )


def codes(visitor: Visitor, email: str) -> list[str]:
    """What was sent to the address, the oldest first."""
    rows = visitor.make.conn.execute("SELECT sealed FROM outgoing_message ORDER BY id").fetchall()
    sent = [orjson.loads(Keys(SECRET).unseal(row[0])) for row in rows]
    return [one["parameters"]["code"] for one in sent if one["to"] == email]


@pytest.fixture
def place(visitor: Visitor) -> Place:
    # Whoever has no log-in is counted by address, and all tests call from one.
    visitor.make.conn.execute("UPDATE appointment SET status = 'expired' WHERE status = 'held'")
    visitor.make.conn.execute("DELETE FROM wrong_guess")
    clinic = visitor.make.clinic("Europe/Madrid", address="Calle Mayor 7\nMadrid", phone="+34 91 5550100")
    provider = visitor.provider(clinic, hours=("09:00", "17:00"), first_name="Marisol", last_name="Quintanilla")
    visitor.not_now(provider)
    return clinic, provider, f"/providers/{provider}/hold"
