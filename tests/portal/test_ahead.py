"""A provider's page far ahead and in the past: what is free first is told; the waitlist, where nothing is."""

from datetime import date, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from frontdesk import clock
from tests.html import Page
from tests.portal.conftest import Visitor

pytestmark = pytest.mark.postgres("18")

BRITISH = {"Accept-Language": "en-GB"}
WAIT = "Wait for a time"
NOT_YET = "Times so far ahead are not open yet."


def first(page: Page) -> str | None:
    """The instant that is told as the next free one."""
    return str(page.all("time")[0]["datetime"]) if "Next free:" in page.text else None


def turn(page: Page, rel: str) -> str | None:
    return next((str(a["href"]) for a in page.all("a") if a.get("rel") == rel), None)


def with_horizon(visitor: Visitor, days: int, *, away: int = 0) -> UUID:
    """Somebody with an hour each day, to be booked so many days ahead; `away` until after so many."""
    visit_type = visitor.make.visit_type(30, horizon_days=days)
    provider = visitor.make.provider()
    visitor.make.every_day(provider, visitor.make.clinic(), "09:00", "10:00")
    visitor.link("provider_visit_type", provider_id=provider, visit_type_id=visit_type)
    visitor.make.exception(provider, visitor.at(-72), visitor.at(24 * away))
    return provider


@pytest.mark.parametrize("view", ["day", "week", "month"])
@pytest.mark.parametrize("days", [14, 95, 250, 25_000])
def test_what_is_free_first_is_told_wherever_one_looks(visitor: Visitor, view: str, days: int) -> None:
    provider = with_horizon(visitor, 365)
    day = visitor.at(24 * days).date()
    page = visitor.page(f"/providers/{provider}?view={view}&on={day}", **BRITISH)
    assert first(page) == visitor.at(9).isoformat()
    assert WAIT not in page.text
    assert (NOT_YET in page.text) == (days > 365)
    if view != "month":
        assert (len(page.all("time")) > 1) == (days < 365)


@pytest.mark.parametrize("on", ["2020-01-01", "1900-01-01"])
def test_a_day_that_has_passed_is_today(visitor: Visitor, on: str) -> None:
    provider = visitor.provider(visitor.make.clinic())
    path = f"/providers/{provider}?view=week&on="
    page, now = (visitor.page(f"{path}{day}", **BRITISH) for day in (on, visitor.at(-48).date()))
    assert [page.text.count(words) for words in (WAIT, "Next free:")] == [0, 1]
    assert (turn(page, "prev"), turn(page, "next")) == (None, turn(now, "next"))
    search = visitor.page(f"/find?specialty={visitor.specialty}&on={on}")
    assert "No free time in these two weeks." not in search.text
    assert [a["href"] for a in search.all("a") if a.get("class") == "more"] == [
        f"/providers/{provider}?visit={visitor.visit_type}"
    ]


@pytest.mark.parametrize("view", ["day", "week", "month"])
def test_nobody_is_led_beyond_the_horizon_and_everybody_back(visitor: Visitor, view: str) -> None:
    provider = with_horizon(visitor, 40)
    path: str | None = f"/providers/{provider}?view={view}&on={visitor.at(24).date()}"
    seen = 0
    while path and seen < 50:
        page = visitor.page(path, **BRITISH)
        assert NOT_YET not in page.text
        path, seen = turn(page, "next"), seen + 1
    assert 1 < seen < 50
    far = visitor.page(f"/providers/{provider}?view={view}&on=2100-01-01", **BRITISH)
    assert NOT_YET in far.text
    assert "Nothing is free in these days." not in far.text
    assert turn(far, "next") is None
    back = visitor.page(str(turn(far, "prev")), **BRITISH)
    assert NOT_YET not in back.text
    assert turn(back, "next") is None, "the last that are open"


@pytest.mark.parametrize("on", ["", "&on={}"])
@pytest.mark.parametrize(("away", "waits"), [(130, False), (300, True)])
def test_one_waits_only_where_nothing_can_be_booked_at_all(visitor: Visitor, away: int, waits: bool, on: str) -> None:
    provider = with_horizon(visitor, 200, away=away)
    page = visitor.page(f"/providers/{provider}?view=week{on.format(visitor.at(24 * 7).date())}", **BRITISH)
    assert (WAIT in page.text) == waits
    assert first(page) == (None if waits else visitor.at(24 * away + 9).isoformat())


@pytest.mark.parametrize("zone", ["Pacific/Pago_Pago", "Pacific/Kiritimati"])
def test_today_is_that_of_the_clinic(visitor: Visitor, zone: str) -> None:
    """It is still yesterday there, or already tomorrow."""
    provider = visitor.provider(visitor.make.clinic(zone))
    before = clock.now().astimezone(ZoneInfo(zone)).date()
    page = visitor.page(f"/providers/{provider}?view=day&on=2020-01-01", **BRITISH)
    shown = date.fromisoformat(str(turn(page, "next")).rpartition("on=")[2]) - timedelta(days=1)
    assert before <= shown <= clock.now().astimezone(ZoneInfo(zone)).date()
    assert turn(page, "prev") is None
