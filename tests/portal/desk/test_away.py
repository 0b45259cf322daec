"""A sick day that cannot be, at clinics of several zones, not looked at first, or entered twice."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.html import Page
from tests.portal.desk.conftest import Desk

pytestmark = pytest.mark.postgres("18")

BOSTON = r"Boston Common \(Eastern (Standard|Daylight) Time\)"
COUNT = "SELECT count(*) FROM schedule_exception WHERE provider_id = %s"


def value(page: Page, name: str) -> str | None:
    """Of a field."""
    (found,) = [one["value"] for one in page.all("input") if one.get("name") == name]
    return found


@pytest.mark.parametrize(
    "never",
    [
        "202612-11-21T10:00",
        "",
        "2026-11-31T00:00",
        "2026-02-30T00:00",
        "2026-13-01T00:00",
        "0000-01-01T00:00",
        "9999-12-31T23:59",
    ],
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


def test_a_sick_day_of_three_years(desk: Desk) -> None:
    of = {"clinic": desk.clinic, "provider": desk.provider()}
    refused = desk.send("/desk/away/preview", **of, start="2027-01-01T00:00", end="2030-01-01T00:00")
    assert refused.status_code == 422
    assert "Time off lasts at most two years." in Page(refused).text
    assert "The end has to come after the start." not in Page(refused).text


def test_a_sick_day_that_is_over(desk: Desk) -> None:
    who = {"clinic": desk.clinic, "provider": desk.provider(), "reason": "The flu"}
    times = {"start": f"{desk.at(0, -9).date()}T00:00", "end": f"{desk.at(0, -8).date()}T00:00"}
    refused = desk.send("/desk/away/preview", **who, **times)
    page = Page(refused)
    assert (refused.status_code, "It is over already." in page.text, value(page, "reason")) == (422, True, "The flu")


def test_more_visits_than_can_be_offered_other_times_at_once(desk: Desk) -> None:
    provider = desk.provider()
    for number in range(101):
        desk.visit(provider, desk.at(9 + number % 10 / 2, 1 + number // 10))
    times = {"start": f"{desk.at(0).date()}T00:00", "end": f"{desk.at(0, 12).date()}T00:00"}
    refused = desk.send("/desk/away/preview", clinic=desk.clinic, provider=provider, **times)
    assert refused.status_code == 422
    assert "101 visits are in it, and at most 100 at once are offered other times" in Page(refused).text


def test_a_visit_is_told_by_the_clocks_of_its_own_clinic(desk: Desk) -> None:
    make = desk.make
    boston = make.row("clinic", name="Boston Common", time_zone="America/New_York")
    both = {"Authorization": f"Bearer {make.token('staff', clinic_ids=(desk.clinic, boston))}"}
    provider = make.provider()
    for clinic in (desk.clinic, boston):
        make.every_day(provider, clinic, "09:00", "10:00")
        desk.link("provider_clinic", provider_id=provider, clinic_id=clinic)
    day = desk.at(0, 3).date()
    there = desk.at(9.5, 3).replace(tzinfo=ZoneInfo("America/New_York"))
    of = {"patient_id": desk.patient(last_name="Overseas"), "origin": "imported"}
    visit = make.appointment(provider, boston, desk.visit_type, there, **of)
    desk.visit(provider, desk.at(9, 3), desk.patient(last_name="Athome"))
    form = {"clinic": desk.clinic, "provider": provider, "start": f"{day}T00:00", "end": f"{day + timedelta(1)}T00:00"}
    sent = {name: str(one) for name, one in form.items()}
    seen = desk.client.post("/desk/away/preview", data=sent, headers=both)
    assert re.search(rf", 09:30, {BOSTON}</strong> <a[^>]*>Pat Overseas", seen.text)
    assert re.search(r", 09:00</strong> <a[^>]*>Pat Athome", seen.text)
    assert re.search(rf"Would be offered: [^/]*, 09:\d0, {BOSTON}, Ana Lima", Page(seen).text)
    marked = looked(Page(seen))
    entered = desk.client.post("/desk/away", data=sent | marked, headers=both)
    calls = entered.headers["location"]
    listed = Page(desk.client.get(calls, headers=both)).text
    assert re.search(rf"Pat Overseas Was on [^:]*, 09:30, {BOSTON},", listed)
    assert re.search(r"Pat Athome Was on [^:]*, 09:00, Visit", listed)
    answer = desk.client.get(
        f"/api/v1/providers/{provider}/exceptions/{calls.split('/')[-1].split('?')[0]}/displaced", headers=both
    ).json()
    offers = {one["appointment_id"]: one["offers"] for one in answer["items"]}[str(visit)]
    accepted = desk.client.post(
        f"/desk/offers/{offers[0]['id']}/accept", data={"clinic": str(desk.clinic)}, headers=both
    )
    assert accepted.status_code == 303
    listed = Page(desk.client.get(calls, headers=both)).text
    assert re.search(rf"now on [^:]*, 09:\d0, {BOSTON}", listed)


def test_a_sick_day_is_entered_for_whom_it_was_seen_and_for_nobody_else(desk: Desk) -> None:
    ana, ben = desk.provider(first_name="Ana"), desk.provider(first_name="Ben")
    desk.visit(ana, desk.at(9), desk.patient(last_name="Ofana"))
    desk.visit(ben, desk.at(9), desk.patient(last_name="Ofben"))
    day = desk.at(0).date()
    form: dict[str, Any] = {"clinic": desk.clinic, "start": f"{day}T00:00", "end": f"{day + timedelta(1)}T00:00"}
    unseen = desk.send("/desk/away", provider=ben, **form)
    assert unseen.status_code == 409
    assert desk.make.conn.execute(COUNT, [ben]).fetchone() == (0,)
    of_ana = value(Page(desk.send("/desk/away/preview", provider=ana, **form)), "seen")
    later = {**form, "end": f"{day + timedelta(2)}T00:00"}
    for changed in ({"provider": ben, **form, "seen": of_ana}, {"provider": ana, **later, "seen": of_ana}):
        anew = desk.send("/desk/away", **changed)
        assert anew.status_code == 409
        assert "You have not yet seen what this displaces. Here it is: enter it if that is right." in Page(anew).text
        assert ("Pat Ofben" in Page(anew).text) is (changed["provider"] == ben)
        assert desk.make.conn.execute(COUNT, [changed["provider"]]).fetchone() == (0,)
    entered = desk.send("/desk/away", provider=ben, **form, **looked(Page(unseen)))
    assert entered.status_code == 303
    assert desk.make.conn.execute(COUNT, [ben]).fetchone() == (1,)


def whole_day(desk: Desk, provider: UUID) -> dict[str, Any]:
    """The form for tomorrow."""
    day = desk.at(0).date()
    return {"clinic": desk.clinic, "provider": provider, "start": f"{day}T00:00", "end": f"{day + timedelta(1)}T00:00"}


def looked(page: Page) -> dict[str, Any]:
    """What the form of a preview says of it."""
    return {str(one["name"]): one["value"] for one in page.all("input") if one.get("name") in ("seen", "known")}


def test_the_same_sick_day_twice_leads_to_its_call_list(desk: Desk) -> None:
    provider = desk.provider()
    for hour in (9, 10):
        desk.visit(provider, desk.at(hour), desk.patient(last_name="Displaced"))
    form = whole_day(desk, provider) | {"reason": "The flu"}
    marked = looked(Page(desk.send("/desk/away/preview", **form)))
    entered = desk.send("/desk/away", **form, **marked)
    for path in ("/desk/away", "/desk/away/preview"):
        refused = desk.send(path, **form, **marked)
        page = Page(refused)
        assert (refused.status_code, "Exactly this time off is there already." in page.text) == (409, True)
        assert value(page, "reason") == "The flu"
        links = [str(a["href"]) for a in page.all("a") if str(a.get("href")).startswith("/desk/away/")]
        assert links == [entered.headers["location"]]
    assert desk.page(links[0]).text.count("Pat Displaced") == 2
    assert desk.make.conn.execute(COUNT, [provider]).fetchone() == (1,)


def test_eight_at_once_enter_one_sick_day(desk: Desk) -> None:
    provider = desk.provider()
    for n in range(3):
        desk.visit(provider, desk.at(9 + n), desk.patient(last_name="Displaced"))
    form = whole_day(desk, provider)
    form |= looked(Page(desk.send("/desk/away/preview", **form)))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: desk.send("/desk/away", **form), range(8)))
    assert sorted(answer.status_code for answer in answers) == [303] + [409] * 7
    (path,) = [answer.headers["location"] for answer in answers if answer.status_code == 303]
    assert all(path in answer.text.replace("&amp;", "&") for answer in answers if answer.status_code == 409)
    assert desk.page(path).text.count("Pat Displaced") == 3
    assert desk.make.conn.execute(COUNT, [provider]).fetchone() == (1,)


def test_a_sick_day_approves_the_request_for_it(desk: Desk) -> None:
    provider = desk.provider()
    desk.visit(provider, desk.at(9), desk.patient(last_name="Displaced"))
    asked = desk.make.exception(provider, desk.at(0), desk.at(24), status="requested", reason="A fever")
    form = whole_day(desk, provider)
    entered = desk.send("/desk/away", **form, **looked(Page(desk.send("/desk/away/preview", **form))))
    assert (entered.status_code, str(asked) in entered.headers["location"]) == (303, True)
    assert "Pat Displaced" in desk.page(entered.headers["location"]).text
    rows = desk.make.conn.execute("SELECT status, reason FROM schedule_exception WHERE provider_id = %s", [provider])
    assert rows.fetchall() == [("approved", "A fever")]


def test_a_note_of_the_desk_stands_on_the_request_it_approves(desk: Desk) -> None:
    provider = desk.provider()
    desk.make.exception(provider, desk.at(0), desk.at(24), status="requested", reason="A fever")
    form = whole_day(desk, provider) | {"reason": "The flu"}
    assert desk.send("/desk/away", **form, **looked(Page(desk.send("/desk/away/preview", **form)))).status_code == 303
    rows = desk.make.conn.execute("SELECT status, reason FROM schedule_exception WHERE provider_id = %s", [provider])
    assert rows.fetchall() == [("approved", "The flu")]


def test_a_visit_that_was_booked_after_the_look_is_shown_first(desk: Desk) -> None:
    provider = desk.provider()
    gone = desk.visit(provider, desk.at(9), desk.patient(last_name="Gone"))
    desk.visit(provider, desk.at(10), desk.patient(last_name="Seen"))
    form = whole_day(desk, provider) | {"reason": "The flu"}
    marked = looked(Page(desk.send("/desk/away/preview", **form)))
    desk.visit(provider, desk.at(11), desk.patient(last_name="Since"))
    desk.make.conn.execute("UPDATE appointment SET status = 'cancelled' WHERE id = %s", [gone])
    anew = desk.send("/desk/away", **form, **marked)
    page = Page(anew)
    assert (anew.status_code, "Visits have been booked since you looked." in page.text) == (409, True)
    assert [name in page.text for name in ("Pat Gone", "Pat Seen", "Pat Since")] == [False, True, True]
    assert page.text.count("Booked since you looked") == 1
    assert value(page, "reason") == "The flu"
    assert desk.make.conn.execute(COUNT, [provider]).fetchone() == (0,)
    entered = desk.send("/desk/away", **form, **looked(page))
    assert entered.status_code == 303
    assert "Pat Since" in desk.page(entered.headers["location"]).text


def test_a_visit_that_has_gone_since_needs_no_new_look(desk: Desk) -> None:
    provider = desk.provider()
    gone = desk.visit(provider, desk.at(9))
    desk.visit(provider, desk.at(10), desk.patient(last_name="Seen"))
    form = whole_day(desk, provider)
    marked = looked(Page(desk.send("/desk/away/preview", **form)))
    desk.make.conn.execute("UPDATE appointment SET status = 'cancelled' WHERE id = %s", [gone])
    assert desk.send("/desk/away", **form, **marked).status_code == 303
