"""An admin with a browser."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from frontdesk.auth import browsers, tokens
from frontdesk.secrets import Keys
from tests.html import Page
from tests.make import Make
from tests.portal.conftest import ACCEPT
from tests.service import SECRET, TRUST, Service


@dataclass(frozen=True)
class Admin:
    """`client` is logged in as `user`, by the cookie of a browser."""

    service: Service
    make: Make
    client: httpx.Client
    user: UUID
    cookie: str

    def page(self, path: str) -> Page:
        return Page(self.client.get(path))

    def send(self, path: str, **form: Any) -> httpx.Response:
        """A form; a list is a name that comes several times."""
        values = {n: [str(one) for one in v] if isinstance(v, list) else str(v) for n, v in form.items()}
        return self.client.post(path, data=values)

    def change(self, path: str, **form: Any) -> httpx.Response:
        """The form that stands at `path`, with these fields changed; None: a box without its tick."""
        return self.send(path, **{n: v for n, v in (filled(self.page(path)) | form).items() if v is not None})

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.make.conn.execute(statement, values).fetchall()  # type: ignore[arg-type]


def filled(page: Page) -> dict[str, Any]:
    """What the form of the page would send as it stands."""
    said: dict[str, Any] = {}
    select = ""
    for tag, attributes in page.tags:
        name, value = attributes.get("name"), attributes.get("value") or ""
        if tag == "select":
            select = str(name)
            said[select] = None
        elif tag == "datalist":
            select = ""
        elif tag == "option" and select and (said[select] is None or "selected" in attributes):
            said[select] = value
        elif tag == "input" and attributes.get("type") == "checkbox":
            if "checked" in attributes:
                said[str(name)] = [*said.get(str(name), []), value or "on"]
        elif tag == "input" and name and name != "back":
            said[name] = value
    return said


@pytest.fixture
def admin(service: Service, make: Make) -> Iterator[Admin]:
    keys = Keys(SECRET).tokens
    login = tokens.read(make.token("admin"), keys)
    cookie = tokens.write(login, keys, timedelta(hours=1), tokens.PAGES)
    headers = ACCEPT | {"Accept-Language": "en-GB"}
    # A client of its own: what is shown to an admin may be anybody's.
    with httpx.Client(base_url=service.url, headers=headers, timeout=30, verify=TRUST) as client:
        client.cookies.set(browsers.COOKIE, cookie)
        yield Admin(service, make, client, login.user_id, cookie)
