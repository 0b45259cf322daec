"""A provider's page: the right day and hour of the clinic, by day, week and month, and what was just taken is gone."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest

from tests.portal.conftest import Visitor
from tests.portal.days import clocks_change, next_on

pytestmark = pytest.mark.postgres("18")

BRITISH = {"Accept-Language": "en-GB"}


def times(visitor: Visitor, path: str) -> list[str]:
    """The instants that are offered, without the sentence that names the first."""
    page = visitor.page(path, **BRITISH)
    assert page.status == 200
    return [str(one["datetime"]) for one in page.all("time")][1:]


def test_opens_where_the_first_free_time_is(visitor: Visitor) -> None:
    clinic = visitor.make.clinic("America/New_York")
    provider = visitor.provider(clinic, hours=("09:00", "11:00"))
    away = visitor.at(-48)
    visitor.make.exception(provider, away, away + timedelta(days=24))
    page = visitor.page(f"/providers/{provider}?view=day", **BRITISH)
    first = datetime.fromisoformat(str(page.all("time")[0]["datetime"]))
    assert away + timedelta(days=24) <= first < away + timedelta(days=26)
    assert "Next free:" in page.text
    assert len(page.all("time")) == 1 + 4
    assert "Eastern" in page.text


def february(hour: float) -> datetime:
    """A moment (UTC) of a day that is summer in Auckland and winter in California."""
    return datetime.combine(next_on(2, 10), time(0), UTC) + timedelta(hours=hour)


@pytest.mark.parametrize("view", ["day", "week"])
def test_a_time_that_is_taken_is_not_there_and_comes_back(visitor: Visitor, view: str) -> None:
    provider = visitor.provider(clinic := visitor.make.clinic(), hours=("09:00", "10:00"))
    start = visitor.at(72 + 9)
    path = f"/providers/{provider}?view={view}&on={start.date()}"
    assert start.isoformat() in times(visitor, path)
    columns = {"patient_id": visitor.make.patient()}
    visit = visitor.make.appointment(provider, clinic, visitor.visit_type, start, **columns)
    assert start.isoformat() not in times(visitor, path)
    visitor.make.conn.execute("UPDATE appointment SET status = 'cancelled' WHERE id = %s", [visit])
    assert start.isoformat() in times(visitor, path)


def test_views_show_their_days_and_lead_on(visitor: Visitor) -> None:
    provider = visitor.provider(visitor.make.clinic(), hours=("09:00", "10:00"))
    day = visitor.at(240).date()
    path = f"/providers/{provider}"
    assert len(times(visitor, f"{path}?view=day&on={day}")) == 2
    week = visitor.page(f"{path}?view=week&on={day}", **BRITISH)
    assert len([tag for tag, attributes in week.tags if attributes.get("class") == "sheet"]) == 7
    later = next(str(a["href"]) for a in week.all("a") if a.get("rel") == "next")
    assert f"on={day + timedelta(days=7)}" in later
    earlier = next(str(a["href"]) for a in visitor.page(later, **BRITISH).all("a") if a.get("rel") == "prev")
    assert f"on={day}" in earlier
    assert not [
        a for a in visitor.page(f"{path}?view=week&on={visitor.at(-48).date()}").all("a") if a.get("rel") == "prev"
    ]
    month = visitor.page(f"{path}?view=month&on={day}", **BRITISH)
    days = [str(a["href"]) for a in month.all("a") if "view=day" in str(a["href"])]
    assert f"{path}?visit={visitor.visit_type}&view=day&on={day}" in days
    assert len(month.all("td")) == 7 * (len(month.all("tr")) - 1)


def test_a_week_begins_as_the_reader_has_it(visitor: Visitor) -> None:
    provider = visitor.provider(visitor.make.clinic())
    for language, first in (("en-GB", "Mon"), ("en-US", "Sun")):
        page = visitor.page(f"/providers/{provider}?view=month", **{"Accept-Language": language})
        assert next(text for text in page.texts if text in ("Mon", "Sun")) == first


@pytest.mark.parametrize(
    ("zone", "when", "later", "hour"),
    [
        ("Pacific/Auckland", lambda: february(10.5), 0, "23:30"),
        ("Pacific/Auckland", lambda: february(11), 1, "00:00"),
        ("America/Los_Angeles", lambda: february(7.5), -1, "23:30"),
        ("Europe/Madrid", lambda: clocks_change("Europe/Madrid", forward=True) - timedelta(minutes=30), 0, "01:30"),
        ("Europe/Madrid", lambda: clocks_change("Europe/Madrid", forward=True), 0, "03:00"),
        ("America/New_York", lambda: clocks_change("America/New_York", forward=True), 0, "03:00"),
    ],
)
def test_the_right_day_and_hour_near_midnight_and_on_days_when_clocks_change(
    visitor: Visitor, zone: str, when: Callable[[], datetime], later: int, hour: str
) -> None:
    """`later`: by how many days the clinic's calendar is ahead of that of UTC at that moment."""
    instant = when()
    day = instant.date() + timedelta(days=later)
    provider = visitor.provider(visitor.make.clinic(zone))
    path = f"/providers/{provider}?view=day&on={day}"
    assert instant.isoformat() in times(visitor, path)
    html = visitor.get(path, **BRITISH).text
    assert f'<time datetime="{instant.isoformat()}">{hour}</time>' in html
    before = day - timedelta(days=1)
    assert instant.isoformat() not in times(visitor, f"/providers/{provider}?view=day&on={before}")


def test_two_clinics_in_two_zones_are_told_apart(visitor: Visitor) -> None:
    provider = visitor.provider(visitor.make.clinic("Europe/Madrid"), hours=("09:00", "10:00"))
    visitor.make.every_day(provider, visitor.make.clinic("America/New_York"), "09:00", "10:00")
    page = visitor.page(f"/providers/{provider}?view=day&on={visitor.at(240).date()}", **BRITISH)
    zones = {attributes["data-zone"] for _, attributes in page.tags if "data-zone" in attributes}
    assert zones == {"Europe/Madrid", "America/New_York"}
    assert "Central European" in page.text
    assert "Eastern" in page.text


def test_htmx_gets_the_times_alone(visitor: Visitor) -> None:
    provider = visitor.provider(visitor.make.clinic())
    visitor.not_now(provider)
    path = f"/providers/{provider}?view=week"
    part, whole = visitor.page(path, **{"HX-Request": "true"}), visitor.get(path)
    assert part.tags[0] == ("section", {**part.tags[0][1], "id": "times"})
    assert part.all("html") == []
    assert visitor.get(path, **{"HX-Request": "true"}).text.strip() in whole.text
    assert "HX-Request" in whole.headers["vary"]


def test_who_is_not_there_or_no_longer_is_a_page_that_says_so(visitor: Visitor) -> None:
    gone = visitor.provider(visitor.make.clinic(), active=False)
    for path in (f"/providers/{uuid4()}", f"/providers/{gone}"):
        page = visitor.page(path)
        assert (page.status, "Not found" in page.text) == (404, True)
    assert visitor.page("/providers/x").status == 422


def test_nothing_but_ours_is_loaded_or_run(visitor: Visitor) -> None:
    provider = visitor.provider(visitor.make.clinic(), photo_url="https://elsewhere.test/face.jpg")
    for path in ("/", "/find", f"/providers/{provider}", f"/providers/{uuid4()}"):
        answer, page = visitor.get(path), visitor.page(path)
        (policy,) = answer.headers.get_list("content-security-policy")
        directives = dict(one.strip().split(" ", 1) for one in policy.split(";"))
        assert directives["default-src"] == "'none'"
        assert set(directives.values()) == {"'none'", "'self'"}
        addresses = [a.get(name) for _, a in page.tags for name in ("src", "href", "action", "hx-get") if a.get(name)]
        assert all(str(one).startswith(("/", "#", "tel:")) and not str(one).startswith("//") for one in addresses)
        assert not [name for _, had in page.tags for name in had if name.startswith("on") or name == "style"]
        assert "elsewhere.test" not in answer.text
        assert page.all("style") == []


def test_every_field_has_its_label_and_every_page_one_heading(visitor: Visitor) -> None:
    provider = visitor.provider(visitor.make.clinic())
    visitor.link("provider_visit_type", provider_id=provider, visit_type_id=visitor.make.visit_type())
    for path in ("/", "/find", f"/providers/{provider}", f"/providers/{uuid4()}"):
        page = visitor.page(path)
        assert (len(page.all("h1")), len(page.all("main")), len(page.all("title"))) == (1, 1, 1)
        labelled = {label.get("for") for label in page.all("label")}
        fields = [f for tag in ("input", "select") for f in page.all(tag) if f.get("type") != "hidden"]
        assert all(field["id"] in labelled for field in fields)
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
