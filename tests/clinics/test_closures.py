"""Closures: whole local days, public holidays, and what happens to visits that stand in them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest

from frontdesk import clock
from tests.make import Make
from tests.service import Service


@pytest.fixture
def admin(service: Service, make: Make) -> Iterator[httpx.Client]:
    with service.client(make.token("admin")) as client:
        yield client


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"])
def test_whole_days_are_local_days(admin: httpx.Client, make: Make, zone: str) -> None:
    clinic_id = make.clinic(zone)
    made = admin.post(f"/clinics/{clinic_id}/closures", json={"on": "2031-03-29", "until_on": "2031-04-07"})
    assert made.status_code == 201, made.text
    start, end = (datetime.fromisoformat(made.json()[name]) for name in ("start", "end"))
    assert start == datetime(2031, 3, 29, tzinfo=ZoneInfo(zone))
    assert end == datetime(2031, 4, 8, tzinfo=ZoneInfo(zone))
    again = admin.post(f"/clinics/{clinic_id}/closures", json={"on": "2031-03-29", "until_on": "2031-04-07"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict")
    inside = admin.get(f"/clinics/{clinic_id}/closures", params={"from": "2031-04-01", "to": "2031-04-02"})
    assert inside.json()["items"] == [made.json()]
    assert admin.get(f"/clinics/{clinic_id}/closures", params={"from": "2031-05-01"}).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"on": "2031-03-29", "start": "2031-03-29T00:00:00Z"},
        {"on": "2031-03-29", "until_on": "2031-03-28"},
        {"until_on": "2031-03-28"},
        {"start": "2031-03-29T00:00:00Z"},
        {"start": "2031-03-29T00:00:00", "end": "2031-03-30T00:00:00"},
        {"start": "2031-03-29T00:00:00Z", "end": "2031-03-29T00:00:00Z"},
        {"start": "2031-03-29T00:00:00Z", "end": "2131-03-29T00:00:00Z"},
        {"on": "9999-12-31"},
        {"on": "2031-03-29", "reason": "a\x00b"},
    ],
)
def test_garbage_is_422(admin: httpx.Client, make: Make, body: object) -> None:
    assert admin.post(f"/clinics/{make.clinic()}/closures", json=body).status_code == 422


def test_public_holidays_are_added_once(admin: httpx.Client, make: Make) -> None:
    clinic_id = make.clinic("Europe/Berlin", country="DE", region="BY")
    first = admin.post(f"/clinics/{clinic_id}/closures/public-holidays", json={"year": 2031})
    assert first.status_code == 201, first.text
    days = {item["start"]: item["reason"] for item in first.json()["items"]}
    assert "2031-10-02T22:00:00+00:00" in days  # 3 October begins in Berlin at 22:00 UTC of the day before
    assert "2031-01-05T23:00:00+00:00" in days  # Epiphany, a holiday in Bavaria and not in all of Germany
    again = admin.post(f"/clinics/{clinic_id}/closures/public-holidays", json={"year": 2031}).json()
    assert again == {"items": [], "skipped": len(days)}


@pytest.mark.parametrize("country", [None, "ZZ"])
def test_holidays_of_no_known_country_are_422(admin: httpx.Client, make: Make, country: str | None) -> None:
    clinic_id = make.clinic(country=country)
    refused = admin.post(f"/clinics/{clinic_id}/closures/public-holidays", json={"year": 2031})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-request")


def test_the_desk_closes_only_its_own_clinic(service: Service, make: Make) -> None:
    own, other = make.clinic(), make.clinic()
    with service.client(make.token("staff", clinic_ids=(own,))) as desk:
        made = desk.post(f"/clinics/{own}/closures", json={"on": "2031-03-29"})
        assert made.status_code == 201
        assert desk.post(f"/clinics/{other}/closures", json={"on": "2031-03-29"}).status_code == 403
        assert desk.post(f"/clinics/{uuid4()}/closures", json={"on": "2031-03-29"}).status_code == 404
        assert desk.delete(f"/clinics/{own}/closures/{uuid4()}").status_code == 404
        assert desk.delete(f"/clinics/{own}/closures/{made.json()['id']}").status_code == 204
        assert desk.get(f"/clinics/{own}/closures").json()["items"] == []


def visit_ahead(make: Make) -> tuple[UUID, UUID, datetime]:
    """A clinic, a visit there in three days within working time, and its start."""
    clinic_id, provider_id = make.clinic(), make.provider()
    make.every_day(provider_id, clinic_id)
    start = (clock.now() + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    appointment_id = make.appointment(
        provider_id, clinic_id, make.visit_type(), start, patient_id=make.patient(), reason="private matter"
    )
    return clinic_id, appointment_id, start


def test_a_closure_does_not_strand_a_visit_in_silence(admin: httpx.Client, make: Make) -> None:
    clinic_id, appointment_id, start = visit_ahead(make)
    span = {"start": start.isoformat(), "end": (start + timedelta(hours=2)).isoformat()}
    refused = admin.post(f"/clinics/{clinic_id}/closures", json=span)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/appointments-stranded")
    (stranded,) = refused.json()["appointments"]
    assert stranded.keys() == {"id", "start", "end", "clinic_id", "status"}
    assert stranded["id"] == str(appointment_id)
    assert admin.get(f"/clinics/{clinic_id}/closures").json()["items"] == []
    later = {"start": span["end"], "end": (start + timedelta(hours=4)).isoformat()}
    assert admin.post(f"/clinics/{clinic_id}/closures", json=later).status_code == 201
    kept = admin.post(f"/clinics/{clinic_id}/closures", json=span | {"override_reason": "the doctor comes in"})
    assert kept.status_code == 201
    row = make.conn.execute(
        "SELECT override_reason, status FROM appointment WHERE id = %s", (appointment_id,)
    ).fetchone()
    assert row == ("the doctor comes in", "scheduled")


def test_a_deletion_names_who_did_it(service: Service, make: Make) -> None:
    clinic_id = make.clinic()
    with service.client(make.token("staff", clinic_ids=(clinic_id,))) as desk:
        closure_id = desk.post(f"/clinics/{clinic_id}/closures", json={"on": "2031-03-29"}).json()["id"]
        assert desk.delete(f"/clinics/{clinic_id}/closures/{closure_id}").status_code == 204
    rows = make.conn.execute(
        "SELECT action, actor FROM audit_entry WHERE row_id = %s ORDER BY id", (closure_id,)
    ).fetchall()
    assert [action for action, _ in rows] == ["INSERT", "DELETE"]
    assert rows[0][1] == rows[1][1] is not None
