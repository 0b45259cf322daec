"""Finding somebody: by what one knows of them, whoever is free first before all others."""

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from tests.html import Page
from tests.portal.conftest import ACCEPT, Visitor

pytestmark = pytest.mark.postgres("18")


def found(visitor: Visitor, **asked: Any) -> list[str]:
    """The ids of those who are shown, in order."""
    page = visitor.page(f"/find?{urlencode({'specialty': visitor.specialty, **asked})}")
    assert page.status == 200
    return [str(a["href"]).split("/")[2].partition("?")[0] for a in page.all("a") if _is_name(a)]


def _is_name(attributes: dict[str, str | None]) -> bool:
    return str(attributes["href"]).startswith("/providers/") and attributes.get("class") is None


def test_home_is_a_page_to_people_and_documentation_to_programs(visitor: Visitor) -> None:
    page = visitor.page("/")
    assert (page.status, len(page.all("h1"))) == (200, 1)
    for accept in ("application/json", "*/*"):
        answer = visitor.client.get("/", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


def test_by_buttons_and_links_alone(visitor: Visitor) -> None:
    """Home, specialty, provider: what a visitor without JavaScript taps."""
    provider = visitor.provider(visitor.make.clinic())
    tile = next(a["href"] for a in visitor.page("/").all("a") if str(visitor.specialty) in str(a["href"]))
    results = visitor.page(str(tile))
    name = next(a["href"] for a in results.all("a") if _is_name(a))
    assert str(provider) in str(name)
    assert visitor.page(str(name)).all("time")
    more = next(a["href"] for a in results.all("a") if a.get("class") == "more")
    assert visitor.page(str(more)).all("time")
    assert [button for button in results.all("button") if button.get("class") == "slot"]


def test_by_each_wish(visitor: Visitor) -> None:
    here, there = visitor.make.clinic(), visitor.make.clinic()
    anna = str(visitor.provider(here, first_name="Anna", last_name="Schönberger", languages=["de", "es-MX"]))
    bert = str(visitor.provider(there, first_name="Bert", last_name="Oyelaran", languages=["en"]))
    assert set(found(visitor)) == {anna, bert}
    assert found(visitor, name="schonberger") == [anna]
    assert found(visitor, name="Schonbergr") == [anna], "a typing mistake"
    assert found(visitor, name="bert oyelarran") == [bert]
    assert found(visitor, clinic=there) == [bert]
    assert found(visitor, speaks="es") == [anna]
    assert found(visitor, name="", clinic="", speaks="", on="", part="", visit="") != [], "a form sends empty fields"
    assert found(visitor, speaks="fi") == []
    assert found(visitor, visit=visitor.visit_type, name="bert") == [bert]
    assert found(visitor, visit=visitor.make.visit_type()) == [], "nobody here offers it"


def test_whoever_is_free_first_stands_first(visitor: Visitor) -> None:
    clinic = visitor.make.clinic()
    late, early, never = (str(visitor.provider(clinic, last_name=name)) for name in "ABC")
    start = visitor.at(-48)
    for provider, days in ((late, 9), (early, 4), (never, 30)):
        visitor.make.exception(provider, start, start + timedelta(days=days))  # type: ignore[arg-type]
    page = visitor.page(f"/find?specialty={visitor.specialty}")
    assert found(visitor)[:3] == [early, late, never]
    assert "No free time in these two weeks." in page.text
    assert page.all("time")[0]["datetime"] == (start + timedelta(days=4)).isoformat()


def test_from_a_day_and_a_part_of_it_in_the_clinics_zone(visitor: Visitor) -> None:
    visitor.provider(visitor.make.clinic("Pacific/Auckland"))
    day = visitor.at(240).date()
    page = visitor.page(f"/find?specialty={visitor.specialty}&on={day}&part=evening", **{"Accept-Language": "en-GB"})
    assert "17:00" in page.text
    assert "New Zealand" in page.text
    assert {a["data-zone"] for _, a in page.tags if "data-zone" in a} == {"Pacific/Auckland"}
    starts = [datetime.fromisoformat(str(b["value"])) for b in page.all("button") if b.get("class") == "slot"]
    assert starts
    assert {start.astimezone(ZoneInfo("Pacific/Auckland")).date() for start in starts} == {day}


def test_more_than_a_page(visitor: Visitor) -> None:
    clinic = visitor.make.clinic()
    everybody = {str(visitor.provider(clinic)) for _ in range(43)}
    assert len(found(visitor)) == 40
    assert set(found(visitor)) | set(found(visitor, page=1)) == everybody
    page = visitor.page(f"/find?specialty={visitor.specialty}&speaks=")
    more = next(str(a["href"]) for a in page.all("a") if "page=1" in str(a["href"]))
    assert len([a for a in visitor.page(more).all("a") if _is_name(a)]) == 3


def test_whoever_is_free_first_stands_on_the_first_page(visitor: Visitor) -> None:
    clinic = visitor.make.clinic()
    away = {str(visitor.provider(clinic, last_name=f"A{n:02}")): visitor.at(24 * (n % 5 + 1)) for n in range(41)}
    for provider, until in away.items():
        visitor.make.exception(provider, visitor.at(-72), until)  # type: ignore[arg-type]
    first = [str(visitor.provider(clinic, last_name=f"B{n}")) for n in range(2)]
    pages = [found(visitor, page=page) for page in (0, 1)]
    assert [len(page) for page in pages] == [40, 3]
    assert pages[0][:2] == first
    others = pages[0][2:] + pages[1]
    assert others == sorted(away, key=lambda one: away[one]), "a name's order, where they are free at once"


def test_the_order_of_very_many_is_told_as_it_is(visitor: Visitor) -> None:
    clinic = visitor.make.clinic()
    everybody = {str(visitor.provider(clinic, hours=("09:00", "10:00"))) for _ in range(200)}
    path = f"/find?specialty={visitor.specialty}"
    assert "Whoever is free first stands first." in visitor.page(path).text
    last = str(visitor.provider(clinic, last_name="Zzz"))  # around the clock, and so free before all others
    page = visitor.page(path)
    assert "More than 200 match: of each 200, by last name, whoever is free first stands first." in page.text
    assert [found(visitor, page=5), found(visitor, page=6)] == [[last], []]
    assert set().union(*(found(visitor, page=page) for page in range(5))) == everybody


def test_nothing_of_a_provider_but_what_everybody_may_know(visitor: Visitor) -> None:
    private = {
        "license_number": f"LIC-{uuid4()}",
        "email": f"{uuid4()}@private.test",
        "phone": "+1 202 555 0199 7",
        "address": "Wexlumgasse 78",
        "date_of_birth": "1961-02-03",
    }
    provider = visitor.provider(visitor.make.clinic(), **private)
    for path in (f"/find?specialty={visitor.specialty}", f"/providers/{provider}", "/"):
        text = visitor.get(path).text
        assert not [value for value in private.values() if value in text], path


@pytest.mark.parametrize("query", ["specialty=x", "on=tomorrow", "part=noon", "page=-1", "name=%00", "clinic=1"])
def test_a_wrong_address_is_told_in_words(visitor: Visitor, query: str) -> None:
    page = visitor.page(f"/find?{query}")
    assert page.status == 422
    assert "Start the search anew." in page.text
    problem = visitor.client.get(f"/find?{query}")
    assert problem.headers["content-type"] == "application/problem+json"
    assert json.loads(problem.text)["type"] == "/problems/invalid-request"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "//evil.test/x", 404), ("GET", "/logout", 405), ("POST", "/forgot", 422)],
)
def test_what_no_page_answers_is_told_in_words(visitor: Visitor, method: str, path: str, status: int) -> None:
    headers = {"Content-Type": "multipart/form-data"} if method == "POST" else {}
    address = f"{visitor.service.url}{path}"
    page = Page(visitor.client.request(method, address, content=b"", headers=ACCEPT | headers))
    assert page.status == status
    assert {"href": "/", "class": "button"} in page.all("a")
    problem = visitor.client.request(method, address, content=b"", headers=headers)
    assert (problem.status_code, problem.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    "text", ['"><script>alert(1)</script>', "</select><b>", "{{ 7 * 7 }}", "&lt;p>", "%s%(x)s", "\u202e"]
)
def test_any_text_stays_text(visitor: Visitor, text: str) -> None:
    visitor.provider(
        visitor.make.row("clinic", name=f"At {text}", time_zone="UTC"), first_name=text, bio=text, title=text[:30]
    )
    for path in (f"/find?{urlencode({'name': text})}", f"/find?specialty={visitor.specialty}"):
        page = visitor.page(path)
        assert page.status == 200
        assert all(script.get("src") for script in page.all("script"))
        assert page.all("b") == []
    assert text in page.text or text == "\u202e"
