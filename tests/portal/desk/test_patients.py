"""Patients at the desk: found, registered once, and booked for, by the rules and against them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date
from threading import Barrier
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
import pytest

from tests.canaries import BORN_ON
from tests.html import Page
from tests.portal.desk.conftest import Desk

pytestmark = pytest.mark.postgres("18")

RIVALS = 6


def people(page: Page) -> list[str]:
    """The ids of the patients who are shown."""
    return [str(a["href"]).rsplit("/", 1)[1] for a in page.all("a") if a.get("class") == "person"]


def slots(page: Page) -> list[str]:
    return [str(b["value"]) for b in page.all("button") if b.get("name") == "slot"]


def registered(desk: Desk, last_name: str) -> int:
    row = desk.make.conn.execute("SELECT count(*) FROM patient WHERE last_name = %s", [last_name]).fetchone()
    assert row is not None
    return int(row[0])


def test_quick_find(desk: Desk) -> None:
    name = f"Vandersloot{uuid4().hex[:6]}"
    here, elsewhere = desk.patient(first_name="Maren", last_name=name), desk.make.patient(last_name=name)
    for typed in (f"maren {name}", name.lower(), name.replace("sloot", "slot")):
        assert people(Page(desk.send("/desk/patients/find", q=typed))) == [str(here)], typed
    part = desk.send("/desk/patients/find", hx=True, q=name)
    assert part.text.startswith('<section id="found"')
    assert str(elsewhere) not in part.text
    assert "Nobody like that" in Page(desk.send("/desk/patients/find", q="Qqqqqqqqqq")).text
    assert people(Page(desk.send("/desk/patients/find", q=""))) == []


def test_registered_once(desk: Desk) -> None:
    name = f"Oyelaran{uuid4().hex[:6]}"
    form = {"first_name": "Ada", "last_name": name, "date_of_birth": BORN_ON, "phone": "+34 600 000 001"}
    made = desk.send("/desk/patients", **form)
    assert made.status_code == 303
    known = made.headers["location"].rsplit("/", 1)[1]
    assert "Ada" in desk.page(made.headers["location"]).text
    again = desk.send("/desk/patients", **form)
    assert again.status_code == 409
    assert "Nothing was saved yet" in Page(again).text
    assert people(Page(again)) == [known]
    assert registered(desk, name) == 1
    typed = {str(i["name"]): i.get("value") for i in Page(again).all("input")}
    assert typed["last_name"] == name
    assert desk.send("/desk/patients", **form, anyway="yes").status_code == 303
    assert registered(desk, name) == 2


def test_of_those_with_one_number_whoever_was_born_that_day_is_shown_first(desk: Desk) -> None:
    number = f"+34 9{uuid4().int % 10**8:08}"
    known = [desk.patient(phone=number, date_of_birth=born) for born in ("1940-01-01", "1938-05-02", "1941-01-01")]
    form = {"first_name": "Rosa", "last_name": "Vidal", "date_of_birth": "1938-05-02", "phone": number}
    again = desk.send("/desk/patients", **form)
    assert (again.status_code, people(Page(again))) == (409, [str(known[n]) for n in (1, 0, 2)])


@pytest.mark.parametrize("shared", ["date_of_birth", "email", "phone"])
@pytest.mark.parametrize("turn", range(4))
def test_registered_once_by_rivals(desk: Desk, shared: str, turn: int) -> None:
    """At one moment, by several receptionists: one record, and the others are shown it."""
    tag, barrier = uuid4().hex[:6], Barrier(RIVALS)
    name, phone = f"Rivera{tag}", f"+34 6{int(tag, 16):08}"
    same = {"date_of_birth": BORN_ON, "email": f"{tag}@example.test", "phone": phone}[shared]

    def register(rival: int) -> httpx.Response:
        own = {"first_name": "Ada", "last_name": name, "date_of_birth": date(1950 + rival, 1 + turn, 1)}
        barrier.wait(30)
        return desk.send("/desk/patients", **own | {shared: same})

    with ThreadPoolExecutor(RIVALS) as pool:
        answers = sorted(pool.map(register, range(RIVALS)), key=lambda one: one.status_code)
    assert [one.status_code for one in answers] == [303] + [409] * (RIVALS - 1)
    known = answers[0].headers["location"].rsplit("/", 1)[1]
    assert all(people(Page(one)) == [known] for one in answers[1:])
    assert registered(desk, name) == 1


def test_a_form_that_cannot_be_right_keeps_what_was_typed(desk: Desk) -> None:
    answer = desk.send("/desk/patients", first_name="Ada", last_name="", date_of_birth="2999-01-01")
    page = Page(answer)
    assert answer.status_code == 422
    assert "Please fill this in." in page.text
    assert "This cannot be right." in page.text
    assert [i["value"] for i in page.all("input") if i.get("name") == "first_name"] == ["Ada"]


def times_of(desk: Desk, patient: UUID, provider: UUID | None = None) -> str:
    asked = {"clinic": desk.clinic, "visit": desk.visit_type, "on": desk.at(0).date()}
    asked |= {"provider": provider} if provider else {}
    return f"/desk/patients/{patient}/book?{urlencode(asked)}"


def test_book_a_time_that_is_free(desk: Desk) -> None:
    provider, patient = desk.provider(), desk.patient()
    path = times_of(desk, patient, provider)
    chosen = f"{provider} {desk.at(9).astimezone(UTC).isoformat()}"
    assert chosen in slots(desk.page(path))
    form: dict[str, Any] = {"clinic": desk.clinic, "visit": desk.visit_type, "slot": chosen, "reason": "A cough"}
    booked = desk.send(path.partition("?")[0], **form)
    assert booked.status_code == 303
    assert chosen not in slots(desk.page(path))
    assert booked.headers["location"].startswith("/desk/visits/")
    ahead = people(desk.page(f"/desk/patients/{patient}"))
    assert ahead == [booked.headers["location"].rsplit("/", 1)[1]]
    sheet = desk.page(booked.headers["location"]).text
    assert "Booked" in sheet
    assert "A cough" in sheet


def test_a_taken_time_is_overbooked_with_a_reason(desk: Desk) -> None:
    provider, patient = desk.provider(), desk.patient()
    desk.visit(provider, desk.at(9))
    path, local = f"/desk/patients/{patient}/book", f"{desk.at(0).date()}T09:00"
    form: dict[str, Any] = {"clinic": desk.clinic, "visit": desk.visit_type, "provider": provider, "local": local}
    taken = desk.send(path, **form)
    assert taken.status_code == 409
    assert "This time is taken. The provider is busy: 09:00–09:30" in Page(taken).text
    assert [i["value"] for i in Page(taken).all("input") if i.get("name") == "local"] == [local]
    assert desk.send(path, **form, overbook="true").status_code == 409, "a reason is needed"
    booked = desk.send(path, **form, overbook="true", why="A child with fever")
    assert booked.status_code == 303
    assert "A child with fever" in desk.page(booked.headers["location"]).text
    assert "overbooked" in desk.page(desk.day()).text


def test_a_rule_is_broken_with_a_reason(desk: Desk) -> None:
    provider, patient = desk.provider(), desk.patient()
    path, local = f"/desk/patients/{patient}/book", f"{desk.at(0).date()}T09:07"
    form: dict[str, Any] = {"clinic": desk.clinic, "visit": desk.visit_type, "provider": provider, "local": local}
    refused = desk.send(path, **form)
    assert refused.status_code == 422
    assert "It does not begin at one of the usual times." in Page(refused).text
    booked = desk.send(path, **form, why="They come from far away")
    assert booked.status_code == 303
    assert desk.row(UUID(booked.headers["location"].rsplit("/", 1)[1]))[1] == desk.at(9 + 7 / 60)


def test_who_books_beside_a_visit_is_asked_for_the_reason(desk: Desk) -> None:
    provider, patient = desk.provider(), desk.patient()
    desk.visit(provider, desk.at(9))
    path, local = f"/desk/patients/{patient}/book", f"{desk.at(0).date()}T09:00"
    form: dict[str, Any] = {"clinic": desk.clinic, "visit": desk.visit_type, "provider": provider, "local": local}
    told = "Give a reason to book beside it."
    plain = Page(desk.send(path, **form))
    assert told not in plain.text
    assert [i for i in plain.all("input") if i.get("name") == "overbook" and "checked" in i] == []
    refused = Page(desk.send(path, **form, overbook="true"))
    assert (refused.status, told in refused.text) == (409, True)
    (why,) = [i for i in refused.all("input") if i.get("name") == "why"]
    assert (why["aria-invalid"], why["aria-describedby"]) == ("true", "exact-fault exact-told")
    (tick,) = [i for i in refused.all("input") if i.get("name") == "overbook"]
    assert "checked" in tick
    assert desk.send(path, **form, overbook=tick["value"], why="A child with fever").status_code == 303


def test_blanks_are_no_reason(desk: Desk) -> None:
    provider, patient = desk.provider(), desk.patient()
    path, local = f"/desk/patients/{patient}/book", f"{desk.at(0).date()}T09:07"
    form: dict[str, Any] = {"clinic": desk.clinic, "visit": desk.visit_type, "provider": provider, "local": local}
    refused = Page(desk.send(path, **form, why=" \u00a0 "))
    assert (refused.status, "It does not begin at one of the usual times." in refused.text) == (422, True)
    visit, where = desk.visit(provider, desk.at(10)), {"clinic": desk.clinic, "on": desk.at(0).date()}
    time = {"provider": provider, "local": f"{desk.at(0).date()}T11:07"}
    assert Page(desk.send(f"/desk/visits/{visit}/move", **time, why="   ")).status == 422
    assert desk.send(f"/desk/visits/{visit}/cancel", **where, reason="   ").status_code == 422
    assert desk.row(visit)[:2] == ("scheduled", desk.at(10))
    assert desk.send(f"/desk/visits/{visit}/cancel", **where, reason=" They called ").status_code == 303
    why = desk.make.conn.execute("SELECT status_reason FROM appointment WHERE id = %s", [visit]).fetchone()
    assert why == ("They called",)


def test_move_by_a_form(desk: Desk) -> None:
    ana, bo = desk.provider(), desk.provider()
    visit = desk.visit(ana, desk.at(9), status="confirmed")
    desk.visit(bo, desk.at(11))
    path = f"/desk/visits/{visit}"
    page = desk.page(f"{path}?provider={bo}")
    free = slots(page)
    assert free
    assert all(str(bo) in one for one in free)
    taken = desk.send(f"{path}/move", provider=bo, local=f"{desk.at(0).date()}T11:00")
    assert taken.status_code == 409
    assert "The provider is busy: 11:00–11:30" in Page(taken).text
    assert desk.send(f"{path}/move", slot=free[0], version=99).status_code == 412
    assert desk.row(visit) == ("confirmed", desk.at(9), ana)
    assert desk.send(f"{path}/move", provider=bo, local=f"{desk.at(0).date()}T10:30").status_code == 303
    assert desk.row(visit) == ("scheduled", desk.at(10.5), bo)


@pytest.mark.parametrize(
    "form", [{}, {"slot": "x y"}, {"provider": uuid4()}, {"provider": uuid4(), "local": "2026-02-31T09:00"}]
)
def test_nonsense(desk: Desk, form: dict[str, Any]) -> None:
    visit = desk.visit(desk.provider(), desk.at(9))
    assert desk.send(f"/desk/visits/{visit}/move", **form).status_code == 422
    assert desk.row(visit)[1] == desk.at(9)


def test_nobody_elses_patients(desk: Desk) -> None:
    stranger = desk.make.patient()
    for path in (f"/desk/patients/{stranger}", f"/desk/patients/{stranger}/book"):
        assert desk.client.get(path).status_code == 404
    form = {"clinic": desk.clinic, "visit": desk.visit_type, "provider": desk.provider(), "local": "2027-01-05T09:00"}
    assert desk.send(f"/desk/patients/{stranger}/book", **form).status_code == 404


@pytest.mark.parametrize("local", ["0001-01-01T00:00", "1899-12-31T23:59", "2201-01-01T00:00", "9999-12-31T23:59"])
def test_a_day_of_another_age_is_no_time(desk: Desk, local: str) -> None:
    provider, patient = desk.provider(), desk.patient()
    visit = desk.visit(provider, desk.at(10))
    time = {"provider": provider, "local": local, "why": "a slip of the finger"}
    new = {"clinic": desk.clinic, "visit": desk.visit_type, **time}
    for path, form in (
        (f"/desk/visits/{visit}/move", time),
        (f"/desk/calendar/visits/{visit}/move", time),
        (f"/desk/patients/{patient}/book", new),
    ):
        assert Page(desk.send(path, **form)).status == 422, path


def test_a_year_of_six_digits_is_told_at_the_field_and_nothing_is_lost(desk: Desk) -> None:
    provider, patient = desk.provider(), desk.patient()
    visit = desk.visit(provider, desk.at(10))
    time = {"provider": provider, "local": "202612-11-22T09:00", "why": "They asked for it"}
    new = {"clinic": desk.clinic, "visit": desk.visit_type, "reason": "The knee", **time}
    for path, form in ((f"/desk/visits/{visit}/move", time), (f"/desk/patients/{patient}/book", new)):
        page = Page(desk.send(path, **form))
        assert page.status == 422
        assert "Please look at the marked fields." in page.text
        assert "This is no day that we know, such as 2026-11-21." in page.text
        fields = {one.get("name"): one.get("value") for one in page.all("input") if one.get("id")}
        for name in {"local", "why", "reason"} & form.keys():
            assert fields[name] == form[name]
        (local,) = [one for one in page.all("input") if one.get("name") == "local"]
        assert (local["aria-invalid"], local["max"]) == ("true", "2200-12-31T23:59")
    assert desk.row(visit)[1] == desk.at(10)


def test_a_day_in_an_address_that_is_none_is_told_at_its_field(desk: Desk) -> None:
    visit = desk.visit(desk.provider(), desk.at(10), patient := desk.patient())
    for path, still in (
        ("/desk", "Day list"),
        ("/desk/calendar", "Calendar"),
        (f"/desk/visits/{visit}", "Move"),
        (f"/desk/patients/{patient}/book", "Book a visit"),
    ):
        page = desk.page(f"{path}?on=202612-11-22")
        assert page.status == 422
        assert still in page.text
        assert "This is no day that we know, such as 2026-11-21." in page.text
        (on,) = [one for one in page.all("input") if one.get("name") == "on" and one.get("type") == "date"]
        assert (on["value"], on["aria-invalid"], on["max"]) == ("202612-11-22", "true", "2200-12-31")
        assert "fault" not in {one.get("class") for one in desk.page(path).all("p")}
    assert desk.page("/desk?on=202612-11-22&clinic=none").text.count("Something in the address") == 1
    program = {"Accept": "application/json"}
    assert desk.client.get("/desk/calendar/events?on=202612-11-22", headers=program).status_code == 422


def test_the_language_is_changed_where_there_is_a_page(desk: Desk) -> None:
    """What a form answers with cannot be asked for again; the page under it can."""
    visit = desk.visit(desk.provider(), desk.at(10))
    for path, form, back in (
        ("/desk/patients/find", {"q": "Nobody"}, "/desk/patients"),
        (f"/desk/visits/{visit}/step", {"clinic": desk.clinic, "on": desk.at(10).date(), "to": "completed"}, "/desk"),
        ("/login", {"email": "nobody"}, "/login"),
        ("/language", {}, "/"),
    ):
        page = Page(desk.send(path, **form))
        (told,) = [str(one["value"]) for one in page.all("input") if one.get("name") == "back"]
        assert told.startswith(back), path
        assert desk.client.get(told, follow_redirects=True).status_code == 200, told


def test_the_address_of_what_was_found_leads_to_the_search(desk: Desk) -> None:
    opened = desk.client.get("/desk/patients/find")
    assert (opened.status_code, opened.headers["location"]) == (303, "/desk/patients")
