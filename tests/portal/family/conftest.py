"""A guardian with a browser, and a provider in Madrid."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.html import Page
from tests.portal.book.conftest import Place, enrol, place, somebody, wish
from tests.portal.conftest import Visitor

__all__ = ["place"]

CHILD = {"first_name": "Ana", "last_name": "Pérez", "date_of_birth": "2019-05-04", "relation": "mother"}


@dataclass
class Guardian:
    """Somebody logged in by a page."""

    visitor: Visitor
    place: Place
    browser: httpx.Client
    id: UUID

    def added(self, **child: str) -> UUID:
        answer = self.browser.post("/family", data=CHILD | child)
        assert (answer.status_code, answer.headers["location"]) == (303, "/family?done=added"), answer.text
        row = self.visitor.make.conn.execute(
            "SELECT patient_id FROM guardianship WHERE guardian_id = %s ORDER BY id DESC LIMIT 1", [self.id]
        ).fetchone()
        assert row is not None
        made: UUID = row[0]
        return made

    def act_for(self, whom: UUID) -> httpx.Response:
        return self.browser.post("/family/act", data={"whom": str(whom)})

    def page(self, path: str) -> Page:
        return Page(self.browser.get(path))

    def tab(self) -> "Guardian":
        """Another browser with the same cookies as now, which keeps them: a tab that has gone stale."""
        other = somebody(self.visitor)
        other.cookies = httpx.Cookies(self.browser.cookies)
        return Guardian(self.visitor, self.place, other, self.id)

    def keeps(self, hour: float = 72 + 10) -> str:
        """The page of a time that is kept for them."""
        sent = wish(self.visitor, self.place[0], self.visitor.at(hour))
        location: str = self.browser.post(self.place[2], data=sent).headers["location"]
        assert location.startswith("/book/"), location
        return location

    def rows(self) -> list[tuple[Any, ...]]:
        """Who has what at the provider: patient and status, of what is live."""
        return self.visitor.make.conn.execute(
            "SELECT patient_id, status FROM appointment WHERE provider_id = %s"
            " AND status NOT IN ('cancelled', 'expired') ORDER BY start_at, id",
            [self.place[1]],
        ).fetchall()


@pytest.fixture
def guardian(visitor: Visitor, place: Place) -> Guardian:
    browser = somebody(visitor)
    return Guardian(visitor, place, browser, enrol(visitor, browser))
