"""Whoever has an account books with it, and comes back to the time they chose."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.html import Page
from tests.portal.book.conftest import Place, enrol, over, somebody, standing, wish
from tests.portal.conftest import Visitor

pytestmark = pytest.mark.postgres("18")


def kept(visitor: Visitor, place: Place, browser: httpx.Client, hour: float = 72 + 10) -> str:
    return browser.post(place[2], data=wish(visitor, place[0], visitor.at(hour))).headers["location"]


def visits(visitor: Visitor, place: Place) -> list[tuple[Any, ...]]:
    return visitor.make.conn.execute(
        "SELECT patient_id, reason, status FROM appointment WHERE provider_id = %s AND status <> 'held'", [place[1]]
    ).fetchall()


def test_choose_then_register_then_book(visitor: Visitor, place: Place) -> None:
    browser = somebody(visitor)
    path = kept(visitor, place, browser)
    links = {str(a["href"]) for a in Page(browser.get(path)).all("a")}
    assert {f"/login?next={path.replace('/', '%2F')}", f"/register?next={path.replace('/', '%2F')}"} <= links
    asked = browser.post(path, data={"reason": "x"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/login")
    patient = enrol(visitor, browser, path)
    page = Page(browser.get(path))
    assert (page.status, [a for a in page.all("a") if "next=" in str(a["href"])]) == (200, [])
    done = browser.post(path, data={"reason": "A cough"})
    assert visits(visitor, place) == [(patient, "A cough", "scheduled")]
    assert "Your visit is booked" in Page(browser.get(done.headers["location"])).text


def test_log_in_then_choose_then_book(visitor: Visitor, place: Place) -> None:
    browser = somebody(visitor)
    patient = enrol(visitor, browser)
    path = kept(visitor, place, browser)
    assert not [name for name in browser.cookies if name.startswith("frontdesk_hold")], "the log-in proves it"
    assert somebody(visitor).get(path).status_code == 404
    done = browser.post(path, data={"reason": ""})
    assert visits(visitor, place) == [(patient, None, "scheduled")]
    again = browser.post(path, data={"reason": "twice"})
    assert (again.status_code, again.headers["location"]) == (303, done.headers["location"])
    assert browser.get(path).headers["location"] == done.headers["location"]
    assert visits(visitor, place) == [(patient, None, "scheduled")]


def test_the_way_back_and_the_full_list_of_somebody_with_an_account(visitor: Visitor, place: Place) -> None:
    browser = somebody(visitor)
    enrol(visitor, browser)
    paths = [kept(visitor, place, browser, 72 + hour) for hour in (10, 11, 12)]
    assert kept(visitor, place, browser, 72 + 10) == paths[0]
    full = kept(visitor, place, browser, 72 + 13)
    assert [str(a["href"]) for a in Page(browser.get(full)).all("a") if "/book/" in str(a["href"])] == paths
    browser.post(f"{paths[2]}/drop")
    assert len(standing(visitor, place[1])) == 2
    assert Page(browser.get(browser.get(paths[2]).headers["location"])).status == 200


def test_what_is_in_the_way_of_the_patient_is_told_in_words(visitor: Visitor, place: Place) -> None:
    browser = somebody(visitor)
    patient = enrol(visitor, browser)
    start = visitor.at(72 + 10)
    other = visitor.provider(visitor.make.clinic())
    place_of_other = (other, visitor.make.clinic(), visitor.visit_type)
    visitor.make.appointment(*place_of_other, start + timedelta(minutes=15), patient_id=patient)
    busy = Page(browser.get(kept(visitor, place, browser)))
    assert "You have another visit at that time" in busy.text
    near = [button["value"] for button in busy.all("button") if button.get("class") == "slot"][:3]
    assert start.isoformat() not in near

    anonymous = somebody(visitor)
    path = kept(visitor, place, anonymous, 72 + 12)
    theirs = enrol(visitor, anonymous, path)
    visitor.make.appointment(*place_of_other, visitor.at(72 + 12), patient_id=theirs)
    refused = Page(anonymous.post(path, data={"reason": "A cough"}))
    assert refused.status == 409
    assert "You have another visit at that time." in refused.text
    assert "A cough" in refused.text
    assert visitor.at(72 + 12) in standing(visitor, place[1]), "it is still kept"


def test_who_has_not_been_here_and_is_logged_in_is_not_told_to_log_in(visitor: Visitor, place: Place) -> None:
    visitor.make.conn.execute("UPDATE provider SET accepting_new_patients = false WHERE id = %s", [place[1]])
    browser = somebody(visitor)
    enrol(visitor, browser)
    page = Page(browser.get(kept(visitor, place, browser)))
    assert "This provider sees those who have been here before" in page.text
    assert "choose the time again" not in page.text
    assert "Choose another provider, or call the clinic." in page.text
    assert "Find another provider" in page.text


def test_a_reason_that_is_too_long_is_not_lost(visitor: Visitor, place: Place) -> None:
    browser = somebody(visitor)
    enrol(visitor, browser)
    path = kept(visitor, place, browser)
    page = Page(browser.post(path, data={"reason": "long " * 200}))
    assert page.status == 422
    assert page.text.count("long") >= 200
    field = page.all("textarea")[0]
    assert (field["aria-invalid"], field["aria-describedby"]) == ("true", "reason-fault")
    assert "At most 500 characters" in page.text
    filled = "\r\n".join(["x" * 99] * 5) + "y"  # a browser counts a break as one, and sends two
    assert browser.post(path, data={"reason": filled}).status_code == 303
    ((_, reason, _),) = visits(visitor, place)
    assert reason == filled.replace("\r", "")


@pytest.mark.parametrize("role", ["staff", "admin", "provider"])
def test_who_is_no_patient_is_told_where_to_book(visitor: Visitor, place: Place, role: str) -> None:
    link = {"clinic_ids": (place[0],)} if role == "staff" else {"provider_id": place[1]} if role == "provider" else {}
    token = visitor.make.token(role, **link)  # type: ignore[arg-type]
    browser = somebody(visitor)
    browser.headers["Authorization"] = f"Bearer {token}"
    path = kept(visitor, place, browser)
    for answer in (browser.get(path), browser.post(path, data={"reason": "x"})):
        assert "book at the front desk" in Page(answer).text
    assert UUID(path.rsplit("/", 1)[1])
    assert visits(visitor, place) == []


@pytest.mark.parametrize("reason", ["A cough\r\nsince May", "long " * 200])
def test_why_they_come_is_there_for_the_next_time_when_the_first_is_gone(
    visitor: Visitor, place: Place, reason: str
) -> None:
    browser = somebody(visitor)
    enrol(visitor, browser)
    path = kept(visitor, place, browser)
    over(visitor, path)
    late = browser.post(path, data={"reason": reason})
    assert late.status_code == 303
    assert "why=expired" in late.headers["location"]
    (cookie,) = (one for one in late.headers.get_list("set-cookie") if one.startswith("frontdesk_reason="))
    assert "Path=/book;" in cookie
    assert not [word for word in ("HttpOnly", "SameSite=lax") if word not in cookie]
    path = kept(visitor, place, browser, 72 + 11)
    assert f">{reason}</textarea>" in browser.get(path).text
    sealed = browser.cookies["frontdesk_reason"]
    other = somebody(visitor)
    enrol(visitor, other)
    theirs = kept(visitor, place, other, 72 + 12)
    other.cookies.set("frontdesk_reason", sealed, path="/book", domain="127.0.0.1")
    assert "></textarea>" in other.get(theirs).text, "it is another patient's"
    assert browser.post(path, data={"reason": "Better"}).headers["location"].startswith("/booked/")
    assert "frontdesk_reason" not in browser.cookies
