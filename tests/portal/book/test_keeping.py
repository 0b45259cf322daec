"""A free time is kept for whoever taps it, for them alone, and given back."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.html import Page
from tests.portal.book.conftest import Place, somebody, standing, wish
from tests.portal.conftest import Visitor

pytestmark = pytest.mark.postgres("18")


def test_a_time_is_kept_and_shown(visitor: Visitor, place: Place) -> None:
    clinic, provider, hold = place
    browser, start = somebody(visitor), visitor.at(72 + 10)
    answer = browser.post(hold, data=wish(visitor, clinic, start))
    assert answer.status_code == 303
    (cookie,) = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert standing(visitor, provider) == [start]
    page = Page(browser.get(answer.headers["location"], headers={"Accept-Language": "en-GB"}))
    assert page.status == 200
    for said in ("Marisol Quintanilla", "Calle Mayor 7", "Central European", "Kept for you until"):
        assert said in page.text
    assert start.isoformat() in {time["datetime"] for time in page.all("time")}


def test_whoever_comes_second_gets_three_near_times_in_place(visitor: Visitor, place: Place) -> None:
    clinic, provider, hold = place
    start = visitor.at(72 + 10)
    first, second = somebody(visitor), somebody(visitor)
    assert first.post(hold, data=wish(visitor, clinic, start)).headers["location"].startswith("/book/")
    lost = second.post(hold, data=wish(visitor, clinic, start))
    assert lost.headers["location"].startswith(f"/providers/{provider}?")
    page = Page(second.get(lost.headers["location"]))
    assert "That time has just been taken" in page.text
    form = next(n for n, (tag, had) in enumerate(page.tags) if had.get("class") == "slots near")
    near = [datetime.fromisoformat(str(had["value"])) for tag, had in page.tags[form:] if tag == "button"][:3]
    assert near == sorted(near)
    assert all(abs(other - start) <= timedelta(hours=1) for other in near)
    assert start not in near
    below = [datetime.fromisoformat(str(had["value"])) for had in page.all("button") if had.get("class") == "slot"][3:]
    assert min(below).date() == start.date(), "the page is open on that day"
    taken = second.post(hold, data=wish(visitor, clinic, near[0]))
    assert second.get(taken.headers["location"]).status_code == 200


def test_the_way_back_and_the_same_button_lead_to_what_is_kept(visitor: Visitor, place: Place) -> None:
    clinic, provider, hold = place
    browser, start = somebody(visitor), visitor.at(72 + 11)
    first, again = (browser.post(hold, data=wish(visitor, clinic, start)) for _ in range(2))
    assert first.headers["location"] == again.headers["location"]
    assert standing(visitor, provider) == [start]


def test_several_tabs_keep_several_times_and_then_no_more(visitor: Visitor, place: Place) -> None:
    clinic, provider, hold = place
    browser = somebody(visitor)
    paths = [
        browser.post(hold, data=wish(visitor, clinic, visitor.at(96 + hour))).headers["location"]
        for hour in (10, 11, 12)
    ]
    assert [browser.get(path).status_code for path in paths] == [200, 200, 200]
    full = browser.post(hold, data=wish(visitor, clinic, visitor.at(96 + 13)))
    page = Page(browser.get(full.headers["location"]))
    assert "More than these cannot be kept at once." in page.text
    assert [str(a["href"]) for a in page.all("a") if str(a["href"]).startswith("/book/")] == paths
    neighbour = somebody(visitor)
    full = neighbour.post(hold, data=wish(visitor, clinic, visitor.at(96 + 13)))
    assert "From your network" in Page(neighbour.get(full.headers["location"])).text
    back = browser.post(f"{paths[1]}/drop")
    assert back.headers["location"].startswith(f"/providers/{provider}?")
    assert standing(visitor, provider) == [visitor.at(96 + 10), visitor.at(96 + 12)]
    assert browser.post(hold, data=wish(visitor, clinic, visitor.at(96 + 13))).headers["location"].startswith("/book/")


def test_a_hold_is_its_browsers_alone(visitor: Visitor, place: Place) -> None:
    clinic, provider, hold = place
    owner, other = somebody(visitor), somebody(visitor)
    path = owner.post(hold, data=wish(visitor, clinic, start := visitor.at(120 + 10))).headers["location"]
    assert other.get(path).status_code == 404
    assert other.post(f"{path}/drop").status_code == 404
    other.cookies.set(f"frontdesk_hold_{UUID(path.rsplit('/', 1)[1]).hex}", "guessed")
    assert other.get(path).status_code == 404
    assert Page(other.get("/book")).text.count("Kept for you until") == 0
    assert standing(visitor, provider) == [start]


def test_a_hold_that_expired_leads_to_what_is_free(visitor: Visitor, place: Place) -> None:
    clinic, provider, hold = place
    browser, start = somebody(visitor), visitor.at(144 + 10)
    path = browser.post(hold, data=wish(visitor, clinic, start)).headers["location"]
    visitor.make.conn.execute(
        "UPDATE appointment SET hold_expires_at = now() - interval '1 second' WHERE provider_id = %s", [provider]
    )
    gone = browser.get(path)
    assert gone.status_code == 303
    page = Page(browser.get(gone.headers["location"]))
    assert "The time was kept for you, and is not any more" in page.text
    assert start.isoformat() in {str(button.get("value")) for button in page.all("button")}, "it is free again"


def test_the_way_back_from_what_was_given_back_leads_to_what_is_free(visitor: Visitor, place: Place) -> None:
    clinic, _, hold = place
    browser, start = somebody(visitor), visitor.at(144 + 12)
    path = browser.post(hold, data=wish(visitor, clinic, start)).headers["location"]
    away = browser.post(f"{path}/drop")
    assert "gone=" not in away.headers["location"]
    assert browser.post(f"{path}/drop").headers["location"] == path, "another tab gives it back once more"
    assert browser.get(f"{path}/guest").headers["location"] == path
    back = browser.get(path)
    assert back.headers["location"].split("?")[0] == away.headers["location"].split("?")[0]
    page = Page(browser.get(back.headers["location"]))
    assert start.isoformat() in {str(button.get("value")) for button in page.all("button")}, "it is free again"
    assert Page(browser.get("/book")).text.count("Kept for you until") == 0
    assert somebody(visitor).get(path).status_code == 404


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"min_notice_min": 60 * 24 * 30}, "That time cannot be booked any more"),
        ({"self_bookable": False}, "That time cannot be booked any more"),
    ],
)
def test_what_the_rules_forbid_is_told_on_the_page(
    visitor: Visitor, place: Place, columns: dict[str, Any], told: str
) -> None:
    clinic, provider, hold = place
    other = visitor.make.visit_type(30, **columns)
    visitor.link("provider_visit_type", provider_id=provider, visit_type_id=other)
    browser = somebody(visitor)
    answer = browser.post(hold, data=wish(visitor, clinic, visitor.at(96), visit=str(other)))
    assert answer.status_code == 303
    assert told in Page(browser.get(answer.headers["location"])).text


def test_what_no_page_sends_is_refused(visitor: Visitor, place: Place) -> None:
    clinic, _, hold = place
    browser, right = somebody(visitor), wish(visitor, clinic, visitor.at(96))
    for wrong in ({"start": "2027-01-01T10:00"}, {"clinic": "x"}, {"visit": ""}, {"start": "\x00"}):
        assert browser.post(hold, data=right | wrong).status_code == 422
    assert browser.post(hold, data=right | {"clinic": str(uuid4())}).status_code == 404
    assert browser.post(f"/providers/{uuid4()}/hold", data=right).status_code == 404
    assert browser.get(f"/book/{uuid4()}").status_code == 404
