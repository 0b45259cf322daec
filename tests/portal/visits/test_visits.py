"""A patient's own visits: what lies ahead and what is over, and what may be done about each, by forms alone."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.html import Page
from tests.portal.conftest import ACCEPT
from tests.portal.patients import REASON, Patient

pytestmark = pytest.mark.postgres("18")


def links(page: Page) -> list[str]:
    return [str(a["href"]) for a in page.all("a")]


def forms(page: Page) -> list[str]:
    """Where forms of the page itself go, without those of the frame."""
    return [path for form in page.all("form") if (path := str(form.get("action"))) not in ("/language", "/logout")]


def test_what_lies_ahead_and_what_is_over(patient: Patient) -> None:
    later, sooner = patient.visit(33), patient.visit(9)
    over, off = patient.visit(-100, status="completed"), patient.visit(57, status="cancelled")
    theirs = patient.other().visit(10)
    ahead, past = patient.page("/visits"), patient.page("/visits?when=past")
    shown = [link.rsplit("/", 1)[1] for link in links(ahead) if link.startswith("/visits/") and link.count("/") == 2]
    assert [one for one in shown if "#" not in one] == [str(sooner), str(later)]
    assert "Marisol Quintanilla" in ahead.text
    listed = [link for link in links(past) if link.startswith("/visits/")]
    assert listed == [f"/visits/{off}", f"/visits/{over}"]
    assert str(theirs) not in "".join(links(ahead) + links(past))
    assert patient.get("/visits").headers["cache-control"] == "no-store"


def test_many_are_shown_a_page_at_a_time(patient: Patient) -> None:
    made = [str(patient.visit(-100 - n, status="completed")) for n in range(45)]
    seen: list[str] = []
    path: str | None = "/visits?when=past"
    while path:
        here = links(patient.page(path))
        seen += [link.removeprefix("/visits/") for link in here if link.startswith("/visits/")]
        path = next((link for link in here if "cursor=" in link), None)
    assert seen == made


def test_in_the_clinics_time(patient: Patient) -> None:
    start = datetime(2027, 3, 28, 22, 30, tzinfo=UTC)  # after the night on which Madrid's clocks went forward
    visit = patient.visit((start - patient.at(0)).total_seconds() / 3600)
    page = patient.page(f"/visits/{visit}")
    assert "Monday, 29 March 2027, 00:30 – 01:00" in page.text
    assert "Central European Summer Time" in page.text
    assert {"datetime": start.isoformat()} in page.all("time")
    assert "lunes, 29 de marzo de 2027" in patient.page(f"/visits/{visit}", **{"Accept-Language": "es-ES"}).text


def test_a_visit_is_not_in_its_own_way(patient: Patient) -> None:
    visit = patient.visit(9, minutes=60)
    choose = patient.page(f"/visits/{visit}/move")
    starts = [datetime.fromisoformat(str(b["value"])) for b in choose.all("button") if b.get("name") == "start"]
    assert [patient.at(hour) in starts for hour in (8.5, 9, 9.5)] == [True, False, True]
    assert "Your visit has a new time." in patient.press(choose, "/move", start=patient.at(9.5).isoformat()).text
    assert datetime.fromisoformat(patient.row(visit)["start_at"]) == patient.at(9.5)


def test_a_seat_in_a_group_is_not_offered_another_time(patient: Patient) -> None:
    group = patient.visit(9, patient_id=None, capacity=3, reason=None)
    seat = patient.visit(9, session_id=group, seat=1)
    shown = [link for link in links(patient.page(f"/visits/{seat}")) if link.startswith(f"/visits/{seat}/")]
    assert f"/visits/{seat}/move" not in shown
    assert patient.get(f"/visits/{seat}/move").headers["location"] == f"/visits/{seat}"


def test_confirm_move_and_cancel_by_forms_alone(patient: Patient) -> None:
    visit = patient.visit(9)
    page = patient.page(f"/visits/{visit}")
    assert REASON in page.text
    confirmed = patient.press(page, "/confirm")
    assert "Confirmed" in confirmed.text
    assert patient.row(visit)["status"] == "confirmed"

    choose = patient.page(next(link for link in links(confirmed) if link.endswith("/move")))
    later = patient.page(next(link for link in links(choose) if "from=" in link))
    start = str(next(button["value"] for button in later.all("button") if button.get("name") == "start"))
    moved = patient.press(later, "/move", start=start)
    assert "Your visit has a new time." in moved.text
    assert datetime.fromisoformat(patient.row(visit)["start_at"]) == datetime.fromisoformat(start)
    assert "Yes, I will come" in moved.text, "it was another time that they confirmed"

    cancelled = patient.press(moved, "/cancel", reason="a cold")
    assert "Your visit is cancelled" in cancelled.text
    assert forms(cancelled) == []
    assert (patient.row(visit)["status"], patient.row(visit)["status_reason"]) == ("cancelled", "a cold")


def test_what_changed_meanwhile_is_told_and_not_overwritten(patient: Patient) -> None:
    visit = patient.visit(9)
    assert patient.post(f"/visits/{visit}/confirm", version=1).status_code == 303
    for step, more in (("cancel", {"reason": "why I typed"}), ("move", {"start": patient.at(12).isoformat()})):
        refused = Page(patient.post(f"/visits/{visit}/{step}", version=1, **more))
        assert (refused.status, "changed meanwhile" in refused.text) == (412, True)
        assert ("why I typed" in refused.text) == (step == "cancel")
    assert patient.row(visit)["status"] == "confirmed"
    assert patient.row(visit)["version"] == 2


def test_no_reason_is_put_into_the_mouth_of_who_gave_none(patient: Patient) -> None:
    visit = patient.visit(9)
    refused = Page(patient.post(f"/visits/{visit}/cancel", version=7, reason=" "))
    assert (refused.status, "cancelled by" in refused.text) == (412, False)
    assert "open" not in next(part for part in refused.all("details") if part.get("id") == "cancel")
    patient.press(refused, "/cancel")
    assert patient.row(visit)["status_reason"] == "cancelled by patient"


def test_why_it_is_cancelled_may_have_lines_and_is_never_lost(patient: Patient) -> None:
    visit = patient.visit(9)
    filled = "\r\n".join(["x" * 99] * 5) + "y"  # 500, as a browser counts
    refused = Page(patient.post(f"/visits/{visit}/cancel", version=1, reason=filled + "z"))
    assert (refused.status, "At most 500 characters" in refused.text) == (422, True)
    assert "xyz" in refused.text
    assert "open" in next(part for part in refused.all("details") if part.get("id") == "cancel")
    assert patient.row(visit)["status"] == "scheduled"
    assert patient.post(f"/visits/{visit}/cancel", version=1, reason=filled).status_code == 303
    assert patient.row(visit)["status_reason"] == filled.replace("\r", "")


def test_who_is_slower_is_offered_what_is_near(patient: Patient) -> None:
    visit, _ = patient.visit(9), patient.other().visit(11)
    refused = Page(patient.post(f"/visits/{visit}/move", version=1, start=patient.at(11).isoformat()))
    assert (refused.status, "Somebody else was faster" in refused.text) == (409, True)
    near = [str(button["value"]) for button in refused.all("button") if button.get("name") == "start"][:5]
    assert all(abs(datetime.fromisoformat(one) - patient.at(11)) <= timedelta(hours=3) for one in near)
    assert patient.row(visit)["version"] == 1
    assert "Your visit has a new time." in patient.press(refused, "/move", start=near[0]).text


def test_what_rules_forbid_is_told_in_place(patient: Patient) -> None:
    visit = patient.visit(9)
    refused = Page(patient.post(f"/visits/{visit}/move", version=1, start=patient.at(9.1).isoformat()))
    assert (refused.status, "cannot be booked" in refused.text) == (422, True)
    assert any(button.get("name") == "start" for button in refused.all("button"))


def test_what_has_begun_or_is_over_offers_nothing(patient: Patient) -> None:
    for hours, status in ((-49, "checked_in"), (-100, "completed"), (-120, "no_show"), (80, "cancelled")):
        visit = patient.visit(hours, status=status)
        page = patient.page(f"/visits/{visit}")
        assert forms(page) == [], status
        away = patient.get(f"/visits/{visit}/move")
        assert (away.status_code, away.headers["location"]) == (303, f"/visits/{visit}")
        refused = Page(patient.post(f"/visits/{visit}/cancel", version=1))
        assert (refused.status, "not possible any more" in refused.text) == (409, True)
        assert patient.row(visit)["status"] == status


def test_a_visit_by_video_can_be_joined(patient: Patient) -> None:
    visit = patient.visit(9, mode="telehealth")
    meeting = patient.row(visit)["meeting"].replace("-", "")
    join = next(a for a in patient.page(f"/visits/{visit}").all("a") if meeting in str(a["href"]))
    assert (join["rel"], join["target"]) == ("noopener noreferrer", "_blank")


def test_into_the_calendar(patient: Patient) -> None:
    visit = patient.visit(9)
    path = next(link for link in links(patient.page(f"/visits/{visit}")) if link.endswith(".ics"))
    file = patient.get(path)
    assert file.headers["content-type"].startswith("text/calendar")
    assert f"DTSTART:{patient.at(9):%Y%m%dT%H%M%SZ}" in file.text


def test_nothing_of_others(patient: Patient) -> None:
    other = patient.other()
    visit = other.visit(9)
    for path in (f"/visits/{visit}", f"/visits/{visit}/move", f"/visits/{visit}/calendar.ics", f"/visits/{uuid4()}"):
        page = patient.page(path)
        assert (page.status, "Not found" in page.text) == (404, True)
        assert REASON not in page.text
    for step, fields in (("confirm", {}), ("cancel", {}), ("move", {"start": patient.at(12).isoformat()})):
        assert patient.post(f"/visits/{visit}/{step}", version=1, **fields).status_code == 404
    assert other.row(visit)["version"] == 1


def test_others_have_other_pages(patient: Patient) -> None:
    make, service = patient.visitor.make, patient.visitor.service
    visit = patient.visit(9)
    staff = make.token("staff", clinic_ids=(patient.clinic,))
    provider = make.token("provider", provider_id=patient.provider)
    for token in (staff, provider):
        client = service.client(token)
        answer = client.get(f"{service.url}/visits", headers=ACCEPT)
        assert (answer.status_code, answer.is_redirect) == (303, True)
    moved = service.client(provider).post(
        f"{service.url}/visits/{visit}/move", data={"version": 1, "start": patient.at(12).isoformat()}, headers=ACCEPT
    )
    assert moved.status_code == 403, "providers move nothing"
    assert patient.row(visit)["version"] == 1


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        ("cancel", {"version": "x"}),
        ("cancel", {"version": "0"}),
        ("cancel", {}),
        ("cancel", {"version": "1", "reason": "x" * 501}),
        ("move", {"version": "1"}),
        ("move", {"version": "1", "start": "tomorrow"}),
        ("move", {"version": "1", "start": "2027-01-01T09:00"}),
        ("confirm", {"version": "99999999999"}),
    ],
)
def test_nonsense_changes_nothing(patient: Patient, step: str, fields: dict[str, str]) -> None:
    visit = patient.visit(9)
    assert patient.post(f"/visits/{visit}/{step}", **fields).status_code == 422
    assert patient.row(visit)["version"] == 1


def test_no_name_and_no_reason_in_address_or_title(patient: Patient) -> None:
    visit = patient.visit(9)
    for path in ("/visits", "/visits?when=past", f"/visits/{visit}", f"/visits/{visit}/move"):
        title = patient.get(path).text.split("<title>")[1].split("</title>")[0]
        assert title.removesuffix(" – Frontdesk") in ("My visits", "My visit", "Choose another time")
