"""Patients check in from their phone, by a form alone."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from frontdesk import clock
from tests.html import Page
from tests.portal.patients import Patient

pytestmark = pytest.mark.postgres("18")

HERE = "You are checked in; the desk knows."


def soon(patient: Patient, minutes: float, **columns: Any) -> UUID:
    """A visit that starts in so many minutes, of half an hour."""
    return patient.visit((clock.now() + timedelta(minutes=minutes) - patient.at(0)) / timedelta(hours=1), **columns)


def can(page: Page) -> bool:
    return any(str(form.get("action")).endswith("/check-in") for form in page.all("form"))


@pytest.mark.parametrize(
    ("minutes", "status"), [(58, "scheduled"), (20, "confirmed"), (-1, "scheduled"), (-28, "confirmed")]
)
def test_i_am_here(patient: Patient, minutes: float, status: str) -> None:
    visit = soon(patient, minutes, status=status)
    for path in ("/visits", f"/visits/{visit}"):
        assert can(patient.page(path))
    shown = patient.press(patient.page("/visits"), "/check-in")
    assert HERE in shown.text
    assert not can(shown)
    row = patient.row(visit)
    assert (row["status"], row["version"]) == ("checked_in", 2)
    again = patient.post(f"/visits/{visit}/check-in", version=1)
    assert (again.status_code, again.headers["location"]) == (303, f"/visits/{visit}")
    assert patient.row(visit)["version"] == 2, "who says it twice is here once"
    assert HERE in patient.page("/visits").text


def test_before_and_after_its_time_it_is_refused_and_told_when(patient: Patient) -> None:
    for minutes in (62, -31):
        visit = soon(patient, minutes)
        assert not can(patient.page(f"/visits/{visit}"))
        refused = Page(patient.post(f"/visits/{visit}/check-in", version=1))
        start = clock.now() + timedelta(minutes=minutes)
        # The minute may have passed since the visit was made.
        times = [madrid(start - timedelta(hours=1, minutes=late)) for late in (0, 1)]
        assert refused.status == 409
        assert any(f"{told} until" in refused.text for told in times), refused.text
        assert patient.row(visit)["version"] == 1


def madrid(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo('Europe/Madrid')):%H:%M}"


def test_on_the_day_it_is_told_from_when(patient: Patient) -> None:
    # The clinic lies where it is nine in the morning now.
    offset = (9 - clock.now().hour + 12) % 24 - 12
    patient.visitor.make.conn.execute(
        "UPDATE clinic SET time_zone = %s WHERE id = %s", [f"Etc/GMT{-offset:+d}", patient.clinic]
    )
    visit = soon(patient, 90)
    assert "you can say here that you have arrived" in patient.page(f"/visits/{visit}").text
    tomorrow = soon(patient, 90 + 24 * 60)
    assert "you can say here" not in patient.page(f"/visits/{tomorrow}").text


@pytest.mark.parametrize("status", ["in_progress", "completed", "cancelled", "no_show"])
def test_not_what_has_begun_or_is_over(patient: Patient, status: str) -> None:
    visit = soon(patient, -5, status=status)
    assert not can(patient.page(f"/visits/{visit}"))
    refused = Page(patient.post(f"/visits/{visit}/check-in", version=1))
    assert (refused.status, "not possible any more" in refused.text) == (409, True)
    assert patient.row(visit)["status"] == status


def test_not_by_video(patient: Patient) -> None:
    visit = soon(patient, 10, mode="telehealth")
    assert not can(patient.page(f"/visits/{visit}"))
    assert patient.post(f"/visits/{visit}/check-in", version=1).status_code == 409
    assert patient.row(visit)["status"] == "scheduled"


def test_what_moved_meanwhile_is_not_checked_in(patient: Patient) -> None:
    visit = soon(patient, 10)
    patient.visitor.make.conn.execute("UPDATE appointment SET reason = 'another' WHERE id = %s", [visit])
    refused = Page(patient.post(f"/visits/{visit}/check-in", version=1))
    assert (refused.status, "changed meanwhile" in refused.text) == (412, True)
    assert patient.row(visit)["status"] == "scheduled"


def test_only_by_the_patient_and_only_on_the_page(patient: Patient) -> None:
    visit = soon(patient, 10)
    make, service = patient.visitor.make, patient.visitor.service
    assert patient.other().post(f"/visits/{visit}/check-in", version=1).status_code == 404
    for token in (
        make.token("staff", clinic_ids=(patient.clinic,)),
        make.token("provider", provider_id=patient.provider),
        make.token("admin"),
    ):
        answer = service.client(token).post(f"{service.url}/visits/{visit}/check-in", data={"version": 1})
        assert answer.status_code == 403
    assert service.client(patient.token).post(f"/appointments/{visit}/check-in").status_code == 403
    assert patient.row(visit)["version"] == 1
