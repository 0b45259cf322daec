"""The call list of a sick day: who is to be called, what is kept for them, and a sick day that was a mistake."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.html import Page
from tests.portal.desk.conftest import Desk
from tests.portal.desk.test_away import looked, whole_day

pytestmark = pytest.mark.postgres("18")

TOLD = "The visit takes place after all; a message has told them that it cannot."


def displaced(desk: Desk, provider: UUID, last_name: str, hours: float = 9, **columns: Any) -> UUID:
    """A visit of tomorrow."""
    return desk.visit(provider, desk.at(hours), desk.patient(last_name=last_name, **columns))


def away(desk: Desk, provider: UUID, since: int = 1, days: int = 1, headers: dict[str, str] | None = None) -> str:
    """Enter a sick day from tomorrow on, or `since` another; the address of its call list."""
    day = desk.at(0).date()
    times = {"start": f"{desk.at(0, since).date()}T00:00", "end": f"{day + timedelta(days)}T00:00"}
    form = whole_day(desk, provider) | times
    sent = {name: str(one) for name, one in form.items()}
    seen = desk.client.post("/desk/away/preview", data=sent, headers=headers)
    entered = desk.client.post("/desk/away", data=sent | looked(Page(seen)), headers=headers)
    assert entered.status_code == 303, entered.text
    return entered.headers["location"]


def sent(desk: Desk, visit: UUID, status: str = "sent") -> None:
    """The message about the offers to whom this visit is, as the worker leaves it."""
    row = desk.make.conn.execute(
        "SELECT o.appointment_id, e.patient_id FROM waitlist_entry e JOIN waitlist_offer o ON o.entry_id = e.id"
        " WHERE e.appointment_id = %s AND o.choice = 1",
        [visit],
    ).fetchone()
    assert row is not None
    of = {"appointment_id": row[0], "patient_id": row[1], "clinic_id": desk.clinic, "kind": "waitlist_offer"}
    when = {"sent_at": desk.at(0, 0)} if status == "sent" else {"reason": "no-address"}
    desk.make.row("notification", **of, **when, version=1, channel="email", status=status)


def decide(desk: Desk, calls: str, deed: str) -> Any:
    """What the page of time off offers for this one."""
    provider, exception = calls.split("?")[0].split("/")[-2:]
    return desk.send(f"/desk/providers/{provider}/exceptions/{exception}/{deed}")


def test_a_sick_day_that_was_a_mistake_is_declined_by_page(desk: Desk) -> None:
    provider = desk.provider(first_name="Ana", last_name="Ruiz")
    for name, hour in (("Told", 9), ("Untold", 10)):
        visit = displaced(desk, provider, name, hour, email="pat@post.test")
        if name == "Told":
            told = visit
    calls = away(desk, provider)
    sent(desk, told)
    path = f"/desk/providers/{provider}/exceptions"
    page = desk.page(path)
    (button,) = [one for one in page.all("button") if str(one.get("formaction")).endswith("/decline")]
    assert not [one for one in page.all("button") if str(one.get("formaction")).endswith("/remove")]
    assert desk.send(str(button["formaction"])).status_code == 303
    listed = desk.page(calls).text
    assert "Ana Ruiz is not away after all: the time off was declined." in listed
    assert "To be called: 1" in listed
    assert "Pat Told" in listed
    assert TOLD in listed
    assert "Pat Untold" not in listed
    assert "They take it" not in listed
    after = desk.page(path)
    assert calls.split("?")[0] in str([one.get("href") for one in after.all("a")])
    assert not [one for one in after.all("button") if str(one.get("formaction")).endswith("/remove")]


def test_nobody_was_told_of_a_sick_day_that_was_a_mistake(desk: Desk) -> None:
    provider = desk.provider()
    displaced(desk, provider, "Untold", email="pat@post.test")
    calls = away(desk, provider)
    assert decide(desk, calls, "decline").status_code == 303
    listed = desk.page(calls).text
    assert "No message has told anybody otherwise." in listed
    assert "is away" not in listed


def test_time_off_that_displaced_nothing_is_taken_back(desk: Desk) -> None:
    provider = desk.provider()
    calls = away(desk, provider)
    deeds = [
        str(one.get("formaction")).split("/")[-1]
        for one in desk.page(f"/desk/providers/{provider}/exceptions").all("button")
    ]
    assert ("remove" in deeds, "decline" in deeds) == (True, False)
    assert decide(desk, calls, "remove").status_code == 303


@pytest.mark.parametrize(
    ("columns", "message", "state"),
    [
        ({"email": "pat@post.test"}, None, "Was offered other times"),
        ({"email": "pat@post.test"}, "sent", "Was offered other times"),
        ({"email": "pat@post.test"}, "failed", "To be called"),
        ({"phone": "+34 600 1"}, None, "To be called"),
        ({"phone": "+34 600 1", "email": None}, "skipped", "To be called"),
        ({}, None, "To be called"),
    ],
)
def test_whom_no_message_reaches_is_to_be_called(
    desk: Desk, columns: dict[str, Any], message: str | None, state: str
) -> None:
    provider = desk.provider()
    visit = displaced(desk, provider, "Displaced", **columns)
    calls = away(desk, provider)
    if message:
        sent(desk, visit, message)
    listed = desk.page(calls).text
    assert f"{state}: 1" in listed
    assert listed.count("Kept for them") == 3, "the desk can offer them on the telephone"


def test_whom_to_call_stands_first(desk: Desk) -> None:
    provider = desk.provider()
    displaced(desk, provider, "Written", email="pat@post.test", hours=9)
    displaced(desk, provider, "Silent", hours=11)
    text = desk.page(away(desk, provider)).text
    assert 0 < text.index("Pat Silent") < text.index("Pat Written")


def test_whom_no_message_reaches_by_any_way_they_agreed_to(desk: Desk) -> None:
    provider = desk.provider()
    ways = {"email": "pat@post.test", "phone": "+34 600 1", "preferences": '{"channels": ["sms"]}'}
    visit = displaced(desk, provider, "Texted", **ways)
    calls = away(desk, provider)
    assert "Was offered other times: 1" in desk.page(calls).text
    desk.make.conn.execute(
        "UPDATE patient SET phone = NULL WHERE id = (SELECT patient_id FROM appointment WHERE id = %s)", [visit]
    )
    assert "To be called: 1" in desk.page(calls).text


def test_the_call_list_tells_the_times_and_takes_the_answers(desk: Desk) -> None:
    provider = desk.provider()
    taking = displaced(desk, provider, "Taking")
    displaced(desk, provider, "Declining", 12)
    calls = away(desk, provider)
    cards = re.split(r'<li class="card">', desk.client.get(calls).text)[1:]
    assert [len(re.findall("Kept for them: ", card)) for card in cards] == [3, 3]
    (takes,) = [card for card in cards if "Pat Taking" in card]
    (declines,) = [card for card in cards if "Pat Declining" in card]
    form = {"clinic": desk.clinic, "calls": calls.split("?")[0].removeprefix("/desk/away/")}
    assert f'name="calls" value="{form["calls"]}"' in takes
    (first, *_) = re.findall(r"/desk/offers/([0-9a-f-]+)/accept", takes)
    answer = desk.send(f"/desk/offers/{first}/accept", **form)
    assert (answer.status_code, answer.headers["location"]) == (303, calls)
    for offer in re.findall(r"/desk/offers/([0-9a-f-]+)/decline", declines):
        answer = desk.send(f"/desk/offers/{offer}/decline", **form)
        assert (answer.status_code, answer.headers["location"]) == (303, calls)
    page = desk.page(calls)
    assert ("Has a new time: 1" in page.text, "To be called: 1" in page.text) == (True, True)
    assert "Kept for them" not in page.text
    assert desk.row(taking)[1] != desk.at(9)
    gone = Page(desk.send(f"/desk/offers/{first}/decline", **form))
    assert (gone.status, "This offer no longer stands." in gone.text, "Call list" in gone.text) == (409, True, True)
    for wrong in ("here", f"{form['calls']}/more", "//elsewhere.test"):
        assert desk.send(f"/desk/offers/{first}/decline", clinic=desk.clinic, calls=wrong).status_code == 422


def test_a_time_at_another_desk_is_told_and_not_taken_here(desk: Desk) -> None:
    make = desk.make
    boston = make.row("clinic", name="Boston Common", time_zone="America/New_York")
    headers = {"Authorization": f"Bearer {make.token('staff', clinic_ids=(desk.clinic, boston))}"}
    provider = make.provider()
    make.every_day(provider, desk.clinic, "09:00", "09:30")
    make.every_day(provider, boston, "09:00", "17:00")
    for clinic in (desk.clinic, boston):
        desk.link("provider_clinic", provider_id=provider, clinic_id=clinic)
    make.exception(provider, desk.at(0, 2), desk.at(0, 90), clinic_id=desk.clinic)
    desk.visit(provider, desk.at(9), mode="telehealth")
    calls = away(desk, provider, headers=headers)
    shown = desk.page(calls)
    assert (
        "Boston Common (Eastern Standard Time)" in shown.text or "Boston Common (Eastern Daylight Time)" in shown.text
    )
    assert "Boston Common is another desk: the patient answers, or a desk of both clinics." in shown.text
    assert "They take it" not in shown.text
    assert "They take it" in Page(desk.client.get(calls, headers=headers)).text


def test_visits_of_a_declined_sick_day_that_another_covers_are_on_its_call_list(desk: Desk) -> None:
    provider = desk.provider()
    reached, unreached = (
        displaced(desk, provider, name, hour, email=email)
        for name, hour, email in (("Reached", 9, "pat@post.test"), ("Unreached", 10, None))
    )
    first = away(desk, provider)
    sent(desk, reached)
    displaced(desk, provider, "Later", 11)
    longer = away(desk, provider, since=0)
    assert "Reached" not in desk.page(longer).text
    assert decide(desk, first, "decline").status_code == 303
    listed = desk.page(longer).text
    assert ("Was offered other times: 1" in listed, "To be called: 2" in listed) == (True, True)
    assert [name in listed for name in ("Pat Reached", "Pat Unreached", "Pat Later")] == [True] * 3
    assert listed.count("Kept for them") == 9
    assert "No message has told anybody otherwise." in desk.page(first).text
    form = {"clinic": desk.clinic, "calls": longer.split("?")[0].removeprefix("/desk/away/")}
    card = next(one for one in desk.client.get(longer).text.split('<li class="card">') if "Pat Unreached" in one)
    (offer, *_) = re.findall(r"/desk/offers/([0-9a-f-]+)/accept", card)
    assert desk.send(f"/desk/offers/{offer}/accept", **form).status_code == 303
    assert desk.row(unreached)[1] != desk.at(10)
    assert decide(desk, longer, "decline").status_code == 303
    listed = desk.page(longer).text
    assert ("Pat Reached" in listed, TOLD in listed, "Pat Later" in listed) == (True, True, False)


def test_of_a_visit_on_both_call_lists_the_one_of_the_declined_sick_day_forgets(desk: Desk) -> None:
    provider = desk.provider()
    visit = displaced(desk, provider, "Twice", email="pat@post.test")
    first = away(desk, provider)
    sent(desk, visit)
    form = {"clinic": desk.clinic, "calls": first.split("?")[0].removeprefix("/desk/away/")}
    for offer in re.findall(r"/desk/offers/([0-9a-f-]+)/decline", desk.client.get(first).text):
        desk.send(f"/desk/offers/{offer}/decline", **form)
    longer = away(desk, provider, days=2)
    assert decide(desk, first, "decline").status_code == 303
    assert ("Pat Twice" in desk.page(first).text, desk.page(longer).text.count("Pat Twice")) == (False, 1)
    assert decide(desk, longer, "decline").status_code == 303
    assert TOLD in desk.page(first).text + desk.page(longer).text


def test_visits_outside_of_the_other_time_off_stay_where_they_are(desk: Desk) -> None:
    provider = desk.provider()
    visit = displaced(desk, provider, "Alone", email="pat@post.test")
    first = away(desk, provider)
    sent(desk, visit)
    day = desk.at(0, 1)
    for columns in ({"status": "requested"}, {"clinic_id": desk.make.clinic()}):
        desk.make.exception(provider, day, day + timedelta(1), **columns)
    desk.make.exception(provider, day + timedelta(hours=12), day + timedelta(1))
    assert decide(desk, first, "decline").status_code == 303
    assert TOLD in desk.page(first).text
