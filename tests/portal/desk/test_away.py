"""A sick day that cannot be."""

import pytest

from tests.html import Page
from tests.portal.desk.conftest import Desk

pytestmark = pytest.mark.postgres("18")


def value(page: Page, name: str) -> str | None:
    """Of a field."""
    (found,) = [one["value"] for one in page.all("input") if one.get("name") == name]
    return found


@pytest.mark.parametrize(
    "never",
    ["2026-11-31T00:00", "2026-02-30T00:00", "2026-13-01T00:00", "0000-01-01T00:00", "9999-12-31T23:59"],
)
def test_a_day_that_no_calendar_has(desk: Desk, never: str) -> None:
    day = f"{desk.at(0).date()}T10:00"
    who = {"clinic": desk.clinic, "provider": desk.provider(), "reason": "The flu"}
    for path in ("/desk/away/preview", "/desk/away"):
        for times in ({"start": never, "end": day}, {"start": day, "end": never}):
            refused = desk.send(path, **who, **times)
            page = Page(refused)
            assert refused.status_code == 422
            assert "This is no day that we know, such as 2026-11-21." in page.text
            assert {name: value(page, name) for name in ("start", "end", "reason")} == {**times, "reason": "The flu"}
