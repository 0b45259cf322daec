"""A guest books with an address that they read: a code, a record of their own, and a link."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.canaries import BORN_ON, WORD
from tests.html import Page
from tests.portal.book.conftest import Place, codes, enrol, over, somebody, standing, wish
from tests.portal.conftest import Visitor

pytestmark = pytest.mark.postgres("18")


def who(**other: str) -> dict[str, str]:
    email = f"{uuid4()}@example.test"
    born = {"date_of_birth": BORN_ON.isoformat()}
    return {"first_name": "Gus", "last_name": WORD, **born, "email": email, "phone": "+34 600 123 456", **other}


def kept(visitor: Visitor, place: Place, hour: float = 72 + 10) -> tuple[httpx.Client, str]:
    browser = somebody(visitor)
    return browser, browser.post(place[2], data=wish(visitor, place[0], visitor.at(hour))).headers["location"]


def visits(visitor: Visitor, place: Place) -> list[tuple[Any, ...]]:
    return visitor.make.conn.execute(
        "SELECT a.id, a.status, a.reason, p.first_name, p.date_of_birth, p.email, p.phone, p.language, p.id "
        "FROM appointment a JOIN patient p ON p.id = a.patient_id WHERE a.provider_id = %s",
        [place[1]],
    ).fetchall()


def test_from_a_time_to_a_visit(visitor: Visitor, place: Place) -> None:
    browser, path = kept(visitor, place)
    page = Page(browser.get(path))
    assert f"{path}/guest" in {a.get("href") for a in page.all("a")}
    form = Page(browser.get(f"{path}/guest"))
    assert {f["name"] for f in form.all("input") if f.get("type") != "hidden"} == set(who())
    gus = who()
    sent = browser.post(f"{path}/guest", data=gus)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{path}/code")
    (cookie,) = sent.headers.get_list("set-cookie")
    assert f"Path={path}" in cookie
    assert "HttpOnly" in cookie
    assert visits(visitor, place) == [], "nothing is kept of somebody who has proven nothing"
    assert gus["email"] in Page(browser.get(f"{path}/code")).text
    (code,) = codes(visitor, gus["email"])
    done = browser.post(f"{path}/code", data={"code": f"{code[:3]} {code[3:]}", "reason": "A cough"})
    assert done.status_code == 303
    ((appointment, *booked, patient),) = visits(visitor, place)
    assert booked == ["scheduled", "A cough", "Gus", BORN_ON, gus["email"], gus["phone"], "en"]
    assert str(appointment) == path.rsplit("/", 1)[1]
    shown = browser.get(done.headers["location"])
    assert shown.headers["cache-control"] == "no-store"
    end = Page(shown)
    for said in ("Your visit is booked", "Marisol Quintanilla", "Calle Mayor 7", "Central European", "insurance card"):
        assert said in end.text
    links = {str(a["href"]): a for a in end.all("a")}
    (way,) = (a for href, a in links.items() if href.startswith("https://"))
    assert way["rel"] == "noopener noreferrer"
    assert "Calle%20Mayor%207%20Madrid" in str(way["href"])
    manage = next(href for href in links if href.startswith("/m/") and not href.endswith(".ics"))
    assert browser.get(manage).status_code == 200
    assert b"BEGIN:VEVENT" in browser.get(f"{manage}/calendar.ics").content
    account = visitor.make.conn.execute("SELECT 1 FROM user_account WHERE patient_id = %s", [patient]).fetchall()
    assert account == []


def test_sent_twice_books_once_and_ends_on_the_same_page(visitor: Visitor, place: Place) -> None:
    browser, path = kept(visitor, place)
    gus = who()
    browser.post(f"{path}/guest", data=gus)
    typed = {"code": codes(visitor, gus["email"])[0]}
    cookies = dict(browser.cookies)
    first = browser.post(f"{path}/code", data=typed)
    browser.cookies.update(cookies)
    second = browser.post(f"{path}/code", data=typed)
    assert second.headers["location"] in (path, f"{path}/guest")
    assert len(visits(visitor, place)) == 1
    assert browser.get(path).headers["location"] == first.headers["location"]
    assert Page(browser.get(first.headers["location"])).text == Page(browser.get(first.headers["location"])).text
    assert somebody(visitor).get(path).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_name": ""},
        {"last_name": " "},
        {"date_of_birth": "2999-01-01"},
        {"date_of_birth": "01/02/1990"},
        {"email": "nobody"},
        {"email": "a@b@c.test"},
        {"phone": "none"},
        {"first_name": "x" * 121},
        {"phone": ""},
    ],
)
def test_what_is_wrong_is_marked_and_what_was_typed_stays(
    visitor: Visitor, place: Place, wrong: dict[str, str]
) -> None:
    browser, path = kept(visitor, place)
    typed = who(**wrong)
    page = Page(browser.post(f"{path}/guest", data=typed))
    assert page.status == 422
    fields = {str(field["name"]): field for field in page.all("input") if field.get("name") in typed}
    assert {name for name, field in fields.items() if "aria-invalid" in field} == set(wrong)
    assert {name: field["value"] for name, field in fields.items()} == typed
    assert codes(visitor, typed["email"]) == []


def test_a_wrong_code_books_nothing_and_guesses_run_out(visitor: Visitor, place: Place) -> None:
    browser, path = kept(visitor, place)
    gus = who()
    browser.post(f"{path}/guest", data=gus)
    (code,) = codes(visitor, gus["email"])
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    answers = [browser.post(f"{path}/code", data={"code": wrong, "reason": "A cough"}) for _ in range(11)]
    assert {answer.status_code for answer in answers[:10]} == {422}
    assert "That is not the code." in Page(answers[0]).text
    assert "A cough" in Page(answers[0]).text
    assert answers[10].status_code == 429
    right = browser.post(f"{path}/code", data={"code": code})
    assert right.status_code == 429, "at a closed door nothing is heard, not even the truth"
    for typed in ("", "12345", "abcdef", "１２３４５６"):
        assert browser.post(f"{path}/code", data={"code": typed}).status_code == 422
    assert visits(visitor, place) == []


def test_a_reason_of_several_lines(visitor: Visitor, place: Place) -> None:
    browser, path = kept(visitor, place)
    gus = who()
    browser.post(f"{path}/guest", data=gus)
    (code,) = codes(visitor, gus["email"])
    filled = "\r\n".join(["x" * 99] * 5) + "y"  # 500, as a browser counts
    refused = Page(browser.post(f"{path}/code", data={"code": code, "reason": filled + "z"}))
    assert (refused.status, "At most 500 characters" in refused.text) == (422, True)
    assert browser.post(f"{path}/code", data={"code": code, "reason": filled}).status_code == 303
    assert visits(visitor, place)[0][2] == filled.replace("\r", "")


def test_a_code_is_for_its_own_hold_and_address(visitor: Visitor, place: Place) -> None:
    first, path = kept(visitor, place)
    gus, other = who(), who()
    first.post(f"{path}/guest", data=gus)
    sealed = first.cookies["frontdesk_guest"]
    first.post(f"{path}/guest", data=other)  # changed their mind: another address
    (old,), (new,) = codes(visitor, gus["email"]), codes(visitor, other["email"])
    if old != new:
        assert first.post(f"{path}/code", data={"code": old}).status_code == 422
    second, elsewhere = kept(visitor, place, 72 + 12)
    second.cookies.set("frontdesk_guest", sealed, path=elsewhere, domain="127.0.0.1")
    moved = second.post(f"{elsewhere}/code", data={"code": old})
    assert (moved.status_code, moved.headers["location"]) == (303, f"{elsewhere}/guest")
    second.cookies.set("frontdesk_guest", "AAAA", path=elsewhere, domain="127.0.0.1")
    assert second.get(f"{elsewhere}/code").headers["location"] == f"{elsewhere}/guest"
    assert first.post(f"{path}/code", data={"code": new}).headers["location"].startswith("/booked/")


def test_too_many_codes_are_not_sent(visitor: Visitor, place: Place) -> None:
    browser, path = kept(visitor, place)
    gus = who()
    statuses = [browser.post(f"{path}/guest", data=gus).status_code for _ in range(11)]
    assert statuses == [303] * 10 + [429]
    assert len(codes(visitor, gus["email"])) == 10


def test_a_booking_buys_no_codes_to_be_sent_to_others(visitor: Visitor, place: Place) -> None:
    """From one address of the network ten codes may be out that nobody has entered. Who enters one takes back that one,
    and no other."""
    browser, path = kept(visitor, place)
    assert {browser.post(f"{path}/guest", data=who()).status_code for _ in range(9)} == {303}
    browser, path = kept(visitor, place, 72 + 11)
    gus = who()
    browser.post(f"{path}/guest", data=gus)
    other, elsewhere = kept(visitor, place, 72 + 12)
    assert other.post(f"{elsewhere}/guest", data=who()).status_code == 429
    booked = browser.post(f"{path}/code", data={"code": codes(visitor, gus["email"])[0]})
    assert booked.headers["location"].startswith("/booked/")
    statuses = [other.post(f"{elsewhere}/guest", data=who()).status_code for _ in range(2)]
    assert statuses == [303, 429], "nine are out still"
    visitor.make.conn.execute("DELETE FROM wrong_guess")
    assert other.post(f"{elsewhere}/guest", data=gus).status_code == 303


def test_a_network_from_which_many_book_stays_open(visitor: Visitor, place: Place) -> None:
    for number in range(11):
        browser, path = kept(visitor, place, 72 + 8 + number / 2)
        gus = who()
        assert browser.post(f"{path}/guest", data=gus).status_code == 303
        booked = browser.post(f"{path}/code", data={"code": codes(visitor, gus["email"])[0]})
        assert booked.headers["location"].startswith("/booked/")


def test_a_hold_that_ended_meanwhile_leads_to_what_is_free(visitor: Visitor, place: Place) -> None:
    browser, path = kept(visitor, place)
    gus = who()
    browser.post(f"{path}/guest", data=gus)
    over(visitor, path)
    late = browser.post(f"{path}/code", data={"code": codes(visitor, gus["email"])[0]})
    assert (late.status_code, late.headers["location"]) == (303, path)
    assert visits(visitor, place) == []
    assert browser.get(f"{path}/guest").headers["location"] == path
    for step in ("guest", "code"):
        assert somebody(visitor).get(f"{path}/{step}").status_code in (303, 404)


def typed_in(page: Page) -> dict[str, str]:
    return {str(i["name"]): str(i["value"]) for i in page.all("input") if i.get("name") in who()}


@pytest.mark.parametrize("step", ["guest", "code"])
def test_what_was_typed_for_a_time_that_is_gone_is_there_for_the_next(
    visitor: Visitor, place: Place, step: str
) -> None:
    browser, path = kept(visitor, place)
    gus = who()
    if step == "code":
        browser.post(f"{path}/guest", data=gus)
    over(visitor, path)
    typed = gus if step == "guest" else {"code": codes(visitor, gus["email"])[0]}
    late = browser.post(f"{path}/{step}", data=typed)
    assert (late.status_code, late.headers["location"]) == (303, path)
    (cookie,) = (one for one in late.headers.get_list("set-cookie") if "Max-Age=0" not in one)
    assert "Path=/book;" in cookie
    assert "HttpOnly" in cookie
    assert not [value for value in gus.values() if value in cookie], "it is sealed"
    start = visitor.at(72 + 11)
    path = browser.post(place[2], data=wish(visitor, place[0], start)).headers["location"]
    assert typed_in(Page(browser.get(f"{path}/guest"))) == gus
    assert browser.get(f"{path}/code").headers["location"] == f"{path}/guest", "no code was sent for this one"
    assert typed_in(Page(somebody(visitor).get(f"{path}/guest"))) == {}
    browser.post(f"{path}/guest", data=gus)
    other = browser.post(place[2], data=wish(visitor, place[0], visitor.at(72 + 12))).headers["location"]
    assert typed_in(Page(browser.get(f"{other}/guest"))) == dict.fromkeys(gus, ""), "it went with the code"


@pytest.mark.parametrize("way", ["", "/code"])
def test_what_was_typed_goes_along_when_the_page_itself_leads_to_what_is_free(
    visitor: Visitor, place: Place, way: str
) -> None:
    browser, path = kept(visitor, place)
    gus = who()
    browser.post(f"{path}/guest", data=gus)
    over(visitor, path)
    away = browser.get(f"{path}{way}")
    assert away.status_code == 303
    if way:
        away = browser.get(away.headers["location"])
    assert "why=expired" in away.headers["location"]
    path = browser.post(place[2], data=wish(visitor, place[0], visitor.at(72 + 11))).headers["location"]
    assert typed_in(Page(browser.get(f"{path}/guest"))) == gus


def test_the_newest_that_was_typed_goes_along(visitor: Visitor, place: Place) -> None:
    browser, path = kept(visitor, place)
    browser.post(f"{path}/guest", data=who())
    over(visitor, path)
    newer = who(first_name="Gustav")
    browser.get(browser.post(f"{path}/guest", data=newer).headers["location"])
    path = browser.post(place[2], data=wish(visitor, place[0], visitor.at(72 + 11))).headers["location"]
    assert typed_in(Page(browser.get(f"{path}/guest"))) == newer


def test_why_a_guest_comes_goes_along_too(visitor: Visitor, place: Place) -> None:
    browser, path = kept(visitor, place)
    gus = who()
    browser.post(f"{path}/guest", data=gus)
    over(visitor, path)
    browser.post(f"{path}/code", data={"code": codes(visitor, gus["email"])[0], "reason": "A cough"})
    path = browser.post(place[2], data=wish(visitor, place[0], visitor.at(72 + 11))).headers["location"]
    browser.post(f"{path}/guest", data=gus)
    assert "A cough" in Page(browser.get(f"{path}/code")).text
    done = browser.post(f"{path}/code", data={"code": codes(visitor, gus["email"])[-1], "reason": "A cough"})
    assert done.headers["location"].startswith("/booked/")
    assert "frontdesk_reason" not in browser.cookies


def test_what_was_typed_is_forgotten_when_somebody_logs_in_and_books(visitor: Visitor, place: Place) -> None:
    browser, path = kept(visitor, place)
    over(visitor, path)
    browser.post(f"{path}/guest", data=who())
    assert "frontdesk_typed" in browser.cookies
    path = browser.post(place[2], data=wish(visitor, place[0], visitor.at(72 + 11))).headers["location"]
    enrol(visitor, browser, path)
    assert browser.post(path, data={"reason": ""}).headers["location"].startswith("/booked/")
    assert "frontdesk_typed" not in browser.cookies


def test_a_record_like_theirs_is_not_touched(visitor: Visitor, place: Place) -> None:
    gus = who()
    columns = {name: gus[name] for name in ("first_name", "last_name", "email", "phone")}
    old = visitor.make.patient(**columns, date_of_birth=date.fromisoformat(gus["date_of_birth"]))
    browser, path = kept(visitor, place)
    browser.post(f"{path}/guest", data=gus)
    browser.post(f"{path}/code", data={"code": codes(visitor, gus["email"])[0]})
    ((*_, patient),) = visits(visitor, place)
    assert patient != old


def test_who_takes_no_new_patients_takes_no_guests(visitor: Visitor, place: Place) -> None:
    visitor.make.conn.execute("UPDATE provider SET accepting_new_patients = false WHERE id = %s", [place[1]])
    browser, path = kept(visitor, place)
    page = Page(browser.get(path))
    assert f"{path}/guest" not in {a.get("href") for a in page.all("a")}
    assert "log in" in page.text
    gus = who()
    browser.post(f"{path}/guest", data=gus)
    refused = browser.post(f"{path}/code", data={"code": codes(visitor, gus["email"])[0]})
    assert refused.status_code == 409
    assert (visits(visitor, place), len(standing(visitor, place[1]))) == ([], 1)


def test_nothing_of_a_guest_is_in_an_address(visitor: Visitor, place: Place) -> None:
    browser, path = kept(visitor, place)
    gus = who(first_name=WORD)  # a shorter one may stand in a token by chance
    seen = [path, browser.post(f"{path}/guest", data=gus).headers["location"]]
    seen.append(browser.post(f"{path}/code", data={"code": codes(visitor, gus["email"])[0]}).headers["location"])
    assert not [one for one in seen for value in gus.values() if value in one]
    assert UUID(path.rsplit("/", 1)[1])
