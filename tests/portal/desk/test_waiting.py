"""Who waits, what is kept for whom, a sick day, and messages that failed."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tests.html import Page
from tests.portal.desk.conftest import Desk
from tests.portal.desk.test_away import looked

pytestmark = pytest.mark.postgres("18")


def busy(desk: Desk, provider: UUID) -> UUID:
    """The provider's only hour of tomorrow, which somebody has."""
    return desk.visit(provider, desk.at(9))


def short(desk: Desk) -> UUID:
    """Somebody who works tomorrow from 9 to half past, and never else."""
    provider = desk.make.provider(first_name="Ines", last_name="Costa")
    day = desk.at(0).date()
    only = {"effective_from": day, "effective_until": day}
    desk.make.schedule(provider, desk.clinic, day.isoweekday(), "09:00", "09:30", **only)
    desk.link("provider_clinic", provider_id=provider, clinic_id=desk.clinic)
    return provider


def test_who_waits_gets_what_becomes_free_and_the_desk_answers_for_them(desk: Desk) -> None:
    provider, patient = short(desk), desk.patient(first_name="Wim", last_name="Wartet", phone="+49 30 1234")
    visit = busy(desk, provider)
    form: dict[str, Any] = {"clinic": desk.clinic, "visit": desk.visit_type, "provider": provider}
    listed = f"/desk/waitlist?clinic={desk.clinic}"
    assert desk.send(f"/desk/patients/{patient}/wait", **form).headers["location"] == listed
    again = desk.send(f"/desk/patients/{patient}/wait", **form)
    assert again.status_code == 409
    assert "They wait for this already." in Page(again).text
    page = desk.page(listed)
    assert "Wim Wartet" in page.text
    assert "Ines Costa" in page.text
    assert "Kept for them" not in page.text
    where = {"clinic": desk.clinic, "on": desk.at(0).date()}
    assert desk.send(f"/desk/visits/{visit}/cancel", reason="They called", **where).status_code == 303
    text = desk.client.get(listed).text
    assert re.search(r"Kept for them: .{3,12}, 09:00", text)
    offer = re.search(r"/desk/offers/([0-9a-f-]+)/accept", text)
    assert offer is not None
    assert desk.send(f"/desk/offers/{offer[1]}/accept", clinic=desk.clinic).status_code == 303
    row = desk.make.conn.execute(
        "SELECT status, lower(during) FROM appointment WHERE patient_id = %s", [patient]
    ).fetchone()
    assert row == ("scheduled", desk.at(9))
    gone = desk.send(f"/desk/offers/{offer[1]}/decline", clinic=desk.clinic)
    assert gone.status_code == 409
    assert "This offer no longer stands." in Page(gone).text
    assert "Nobody waits here." in desk.page(listed).text


def test_since_when_they_wait_is_a_day_of_the_clinic(desk: Desk) -> None:
    late = datetime(2026, 11, 20, 23, 20, tzinfo=UTC)  # 00:20 in Madrid
    of = {"patient_id": desk.patient(), "visit_type_id": desk.visit_type, "provider_id": desk.provider()}
    desk.make.row("waitlist_entry", **of, urgency="normal", created_at=late)
    assert "Waits since 21 Nov 2026" in desk.page(f"/desk/waitlist?clinic={desk.clinic}").text


def test_off_the_list(desk: Desk) -> None:
    provider, patient = short(desk), desk.patient()
    busy(desk, provider)
    form: dict[str, Any] = {"clinic": desk.clinic, "visit": desk.visit_type, "provider": provider}
    desk.send(f"/desk/patients/{patient}/wait", **form)
    entry = re.search(
        r"/desk/waitlist/([0-9a-f-]+)/leave", desk.client.get(f"/desk/waitlist?clinic={desk.clinic}").text
    )
    assert entry is not None
    assert desk.send(f"/desk/waitlist/{entry[1]}/leave", clinic=desk.clinic).status_code == 303
    row = desk.make.conn.execute("SELECT status FROM waitlist_entry WHERE id = %s", [entry[1]]).fetchone()
    assert row == ("removed",)


def test_a_sick_day_is_seen_before_it_is_entered(desk: Desk) -> None:
    provider = desk.provider(first_name="Ana", last_name="Ruiz")
    patient = desk.patient(first_name="Paula", last_name="Planned", phone="+34 600 1", email="paula@post.test")
    desk.visit(provider, desk.at(9), patient)
    form: dict[str, Any] = {
        "clinic": desk.clinic,
        "provider": provider,
        "start": f"{desk.at(0).date()}T00:00",
        "end": f"{desk.at(0, 2).date()}T00:00",
    }
    seen = desk.send("/desk/away/preview", **form)
    assert seen.status_code == 200
    assert "1 visit would be displaced" in Page(seen).text
    assert "Paula Planned" in Page(seen).text
    assert "Would be offered:" in Page(seen).text
    count = "SELECT count(*) FROM schedule_exception WHERE provider_id = %s"
    assert desk.make.conn.execute(count, [provider]).fetchone() == (0,)
    entered = desk.send("/desk/away", **form, **looked(Page(seen)))
    assert entered.status_code == 303
    assert desk.make.conn.execute(count, [provider]).fetchone() == (1,)
    calls = desk.page(entered.headers["location"]).text
    assert "Was offered other times: 1" in calls
    assert "Paula Planned" in calls
    assert "+34 600 1" in calls


@pytest.mark.parametrize("answer", ["accept", "decline"])
def test_a_time_that_was_only_offered_is_no_visit(desk: Desk, answer: str) -> None:
    provider, patient = desk.provider(), desk.patient(first_name="Odile", last_name="Offered")
    desk.visit(provider, desk.at(9), patient)
    form: dict[str, Any] = {
        "clinic": desk.clinic,
        "provider": provider,
        "start": f"{desk.at(0).date()}T00:00",
        "end": f"{desk.at(12).date()}T12:00",
    }
    assert desk.send("/desk/away", **form, **looked(Page(desk.send("/desk/away/preview", **form)))).status_code == 303
    (offer, *_) = re.findall(
        r"/desk/offers/([0-9a-f-]+)/accept", desk.client.get(f"/desk/waitlist?clinic={desk.clinic}").text
    )
    assert desk.send(f"/desk/offers/{offer}/{answer}", clinic=desk.clinic).status_code == 303
    days = [desk.page(desk.day(days)).text for days in range(4)]
    assert sum("Odile Offered" in text for text in days) == 1
    assert not any("Cancelled" in text for text in days)


def test_a_sick_day_that_ends_before_it_begins(desk: Desk) -> None:
    day = desk.at(0).date()
    form = {"clinic": desk.clinic, "provider": desk.provider(), "start": f"{day}T10:00", "end": f"{day}T09:00"}
    for path in ("/desk/away/preview", "/desk/away"):
        refused = desk.send(path, **form)
        assert refused.status_code == 422
        assert "The end has to come after the start." in Page(refused).text
        assert [i["value"] for i in Page(refused).all("input") if i.get("name") == "start"] == [form["start"]]


def test_messages_that_failed_are_sent_once_more(desk: Desk) -> None:
    patient = desk.patient(first_name="Mona", last_name="Missed")
    visit = desk.visit(desk.provider(), desk.at(9), patient)
    of = {"appointment_id": visit, "patient_id": patient, "clinic_id": desk.clinic, "version": 1}
    failed = desk.make.row("notification", **of, kind="confirmation", channel="email", status="failed")
    listed = f"/desk/messages?clinic={desk.clinic}"
    assert "Mona Missed" in desk.page(listed).text
    sent = desk.send(f"/desk/messages/{failed}/resend", clinic=desk.clinic)
    assert (sent.status_code, sent.headers["location"]) == (303, listed)
    row = desk.make.conn.execute(
        "SELECT count(*) FROM notification WHERE appointment_id = %s AND status = 'pending'", [visit]
    ).fetchone()
    assert row == (1,)
    desk.make.conn.execute("UPDATE appointment SET status = 'cancelled' WHERE id = %s", [visit])
    late = desk.send(f"/desk/messages/{failed}/resend", clinic=desk.clinic)
    assert late.status_code == 409
    assert "The visit has changed since" in Page(late).text


@pytest.mark.parametrize("path", ["/desk/waitlist", "/desk/messages", "/desk/away", "/desk/calendar", "/desk"])
def test_a_clinic_of_others_and_nobody_at_all(desk: Desk, path: str) -> None:
    other = desk.make.clinic()
    assert desk.client.get(f"{path}?clinic={other}").status_code == 404
    alone = desk.make.token("staff")
    with_token = {"Authorization": f"Bearer {alone}"}
    assert desk.client.get(path, headers=with_token).status_code == 200, "a desk without a clinic"
