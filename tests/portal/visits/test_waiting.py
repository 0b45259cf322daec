"""Places on the waitlist and offers: what is waited for, who is asked before, and the answers to an offer."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from frontdesk import clock
from tests.html import Page
from tests.portal.patients import Patient

pytestmark = pytest.mark.postgres("18")


def join(patient: Patient, **more: Any) -> dict[str, Any]:
    """By the API."""
    body = {"visit_type_id": str(patient.visitor.visit_type), "provider_id": str(patient.provider), **more}
    answer = patient.client.post("/api/v1/waitlist", json=body, headers={"Authorization": f"Bearer {patient.token}"})
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()
    return row


def busy(patient: Patient) -> None:
    """Nothing of the provider is free any more."""
    patient.visitor.make.exception(patient.provider, clock.now() - timedelta(days=1), clock.now() + timedelta(days=800))


def offered(patient: Patient) -> tuple[dict[str, Any], str]:
    """A place with a free time kept for it, and the id of the offer."""
    entry = join(patient)
    assert entry["offer"], "there is free time"
    return entry, str(entry["offer"]["id"])


def test_the_place_and_why(patient: Patient) -> None:
    busy(patient)
    before, urgent = join(patient.other()), join(patient.other(), urgency="urgent")
    entry = join(patient, time_of_day=["morning"], reason="a rash named xanthomirel")
    assert before["status"] == urgent["status"] == "waiting"
    listed = patient.page("/visits")
    assert "You are number 3 in line." in listed.text
    page = patient.page(f"/waitlist/{entry['id']}")
    assert f"/waitlist/{entry['id']}" in [a["href"] for a in listed.all("a")]
    for told in ("number 3 in line", "1 person before you needs help more urgently", "1 person before you has waited"):
        assert told in page.text
    for told in ("Dr. Marisol Quintanilla", "Morning", "a rash named xanthomirel"):
        assert told in page.text


def test_an_offer_stands_first_and_is_taken(patient: Patient) -> None:
    entry, offer = offered(patient)
    page = patient.page("/visits")
    assert "A time has become free" in page.text
    until = next(strong["data-until"] for strong in page.all("strong") if "data-until" in strong)
    assert datetime.fromisoformat(str(until)) == datetime.fromisoformat(entry["offer"]["expires_at"])
    booked = patient.press(page, f"/offers/{offer}/accept")
    assert "It is booked." in booked.text
    assert "A time has become free" not in patient.page("/visits").text
    start = datetime.fromisoformat(entry["offer"]["start"])
    assert {"datetime": start.isoformat()} in booked.all("time")


def test_an_offer_is_declined_and_the_place_stays(patient: Patient) -> None:
    entry, offer = offered(patient)
    patient.visitor.make.exception(patient.provider, clock.now(), clock.now() + timedelta(days=800))
    declined = patient.press(patient.page("/visits"), f"/offers/{offer}/decline")
    assert "You keep your place on the waitlist." in declined.text
    assert "number 1 in line" in declined.text
    assert f"/waitlist/{entry['id']}" in [a["href"] for a in declined.all("a")]


@pytest.mark.parametrize(("first", "then"), [("decline", "accept"), ("decline", "decline")])
def test_an_offer_that_was_answered_is_told_in_place(patient: Patient, first: str, then: str) -> None:
    _, offer = offered(patient)
    assert patient.post(f"/offers/{offer}/{first}").status_code == 303
    refused = Page(patient.post(f"/offers/{offer}/{then}"))
    assert (refused.status, "no longer kept for you" in refused.text) == (409, True)


def test_an_offer_that_is_declined_when_it_was_taken_leads_to_its_visit(patient: Patient) -> None:
    _, offer = offered(patient)
    taken = patient.post(f"/offers/{offer}/accept").headers["location"].partition("?")[0]
    declined = patient.post(f"/offers/{offer}/decline")
    assert (declined.status_code, declined.headers["location"].partition("?")[0]) == (303, taken)
    page = patient.page(declined.headers["location"])
    assert "You have taken this time already" in page.text
    assert "no longer kept for you" not in page.text
    assert patient.row(UUID(taken.rpartition("/")[2]))["status"] == "scheduled"


@pytest.mark.parametrize("instead", ["nothing", "a later visit", "a visit that is cancelled"])
def test_an_offer_that_is_taken_twice_leads_to_its_visit_twice(patient: Patient, instead: str) -> None:
    visit = None if instead == "nothing" else patient.visit(24 * 30)
    entry = join(patient, **({"appointment_id": str(visit)} if visit else {}))
    if instead == "a visit that is cancelled":
        patient.press(patient.page(f"/visits/{visit}"), "/cancel")
    first, second = (patient.post(f"/offers/{entry['offer']['id']}/accept") for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert second.headers["location"] == first.headers["location"].partition("?")[0]
    place = patient.page(f"/waitlist/{entry['id']}")
    assert ("You have taken a time." in place.text, "In place of" in place.text) == (True, False)


def test_one_that_is_overdue_is_not_shown(patient: Patient) -> None:
    _, offer = offered(patient)
    for table, column, key in (
        ("waitlist_offer", "expires_at", "id"),
        ("appointment", "hold_expires_at", "id"),
    ):
        of = offer if table == "waitlist_offer" else _hold(patient, offer)
        patient.visitor.make.conn.execute(f"UPDATE {table} SET {column} = now() WHERE {key} = %s", [of])  # type: ignore[arg-type]
    page = patient.page("/visits")
    assert "A time has become free" not in page.text
    assert "What you wait for" in page.text


def _hold(patient: Patient, offer: str) -> Any:
    row = patient.visitor.make.conn.execute("SELECT appointment_id FROM waitlist_offer WHERE id = %s", [offer])
    found = row.fetchone()
    assert found is not None
    return found[0]


def test_an_earlier_time_moves_the_visit(patient: Patient) -> None:
    visit = patient.visit(24 * 30)
    entry = join(patient, appointment_id=str(visit))
    page = patient.page("/visits")
    assert "In place of your visit:" in page.text
    patient.press(page, f"/offers/{entry['offer']['id']}/accept")
    moved = patient.row(visit)
    assert datetime.fromisoformat(moved["start_at"]) == datetime.fromisoformat(entry["offer"]["start"])


def test_an_earlier_time_is_waited_for_from_the_visit(patient: Patient) -> None:
    visit = patient.visit(24 * 30)
    busy(patient)
    waiting = patient.press(patient.page(f"/visits/{visit}"), "/earlier")
    assert "You are on the waitlist." in waiting.text
    place = next(str(a["href"]) for a in waiting.all("a") if str(a["href"]).startswith("/waitlist/"))
    assert {"datetime": patient.at(24 * 30).isoformat()} in patient.page(place).all("time")
    again = Page(patient.post(f"/visits/{visit}/earlier"))
    assert (again.status, "You wait for this already." in again.text) == (409, True)
    assert patient.other().post(f"/visits/{visit}/earlier").status_code == 404


def test_leaving(patient: Patient) -> None:
    busy(patient)
    entry = join(patient)
    left = patient.press(patient.page(f"/waitlist/{entry['id']}"), "/leave")
    assert "You no longer wait for this." in left.text
    assert "What you wait for" not in left.text
    assert "You no longer wait for this." in patient.page(f"/waitlist/{entry['id']}").text


def test_what_changed_meanwhile_is_not_left(patient: Patient) -> None:
    entry, offer = offered(patient)
    refused = Page(patient.post(f"/waitlist/{entry['id']}/leave", version=1))
    assert (refused.status, "changed meanwhile" in refused.text) == (412, True)
    assert "A time has become free" in refused.text, "what has changed is seen"
    assert patient.post(f"/offers/{offer}/accept").status_code == 303


def test_nothing_of_others(patient: Patient) -> None:
    other = patient.other()
    entry, offer = offered(other)
    for path in (f"/waitlist/{entry['id']}", f"/waitlist/{uuid4()}"):
        assert patient.get(path).status_code == 404
    for path in (f"/waitlist/{entry['id']}/leave", f"/offers/{offer}/accept", f"/offers/{offer}/decline"):
        assert patient.post(path, version=entry["version"]).status_code == 404
    assert patient.page("/visits").text.count("A time has become free") == 0
    assert other.page("/visits").text.count("A time has become free") == 1
