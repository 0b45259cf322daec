"""GET /audit: what happened, for those who look into it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from frontdesk import clock, ids
from tests.make import Make
from tests.service import Service


@pytest.fixture
def admin(service: Service, make: Make) -> httpx.Client:
    return service.client(make.token("admin"))


def items(client: httpx.Client, **filters: Any) -> list[dict[str, Any]]:
    answer = client.get("/audit", params=filters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_an_entry_tells_who_what_and_from_what_to_what(admin: httpx.Client, make: Make) -> None:
    by, request = ids.new_id(), ids.new_id()
    patient = make.patient(phone="+49 1", last_name="Vale")
    make.conn.execute(
        "UPDATE patient SET phone = '+49 2', changed_by = %s, request_id = %s WHERE id = %s", (by, request, patient)
    )
    latest, first = items(admin, table="patient", row_id=patient)
    assert (latest["action"], latest["actor"], latest["request_id"]) == ("UPDATE", str(by), str(request))
    assert (latest["old"]["phone"], latest["new"]["phone"]) == ("+49 1", "+49 2")
    assert {"phone", "version"} <= set(latest["changed"])
    assert not {"last_name", "id"} & set(latest["changed"])
    assert (first["action"], first["old"], first["new"]["last_name"], first["changed"]) == ("INSERT", None, "Vale", [])
    assert latest["at"] > first["at"]
    assert latest["sealed"] is False  # no sealer is at work here


def test_each_filter_leaves_out_the_rest(admin: httpx.Client, make: Make) -> None:
    by, request = ids.new_id(), ids.new_id()
    patient = make.patient(changed_by=by, request_id=request)
    make.patient()
    clinic = make.clinic(changed_by=by)
    assert {one["row_id"] for one in items(admin, actor=by)} == {str(patient), str(clinic)}
    assert {one["row_id"] for one in items(admin, actor=by, table="clinic")} == {str(clinic)}
    assert {one["row_id"] for one in items(admin, request_id=request)} == {str(patient)}
    assert {one["action"] for one in items(admin, row_id=patient)} == {"INSERT", "READ"}, "the admin has looked at them"
    at = datetime.fromisoformat(items(admin, row_id=clinic)[0]["at"])
    soon = at + timedelta(microseconds=1)
    assert len(items(admin, row_id=clinic, **{"from": at.isoformat(), "to": soon.isoformat()})) == 1
    assert items(admin, row_id=clinic, **{"from": soon.isoformat()}) == []
    assert items(admin, row_id=clinic, to=at.isoformat()) == []


def test_pages_go_back_in_time_without_a_gap(admin: httpx.Client, make: Make) -> None:
    by = ids.new_id()
    clinics = [str(make.clinic(changed_by=by)) for _ in range(7)]
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = admin.get(
            "/audit", params={"actor": str(by), "limit": 3} | ({"cursor": cursor} if cursor else {})
        ).json()
        found += [one["row_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == clinics[::-1]


def test_secrets_never_came_into_it_and_clinical_values_stay_in_it(admin: httpx.Client, make: Make) -> None:
    place = (make.provider(), make.clinic(), make.visit_type())
    visit = make.appointment(*place, clock.now(), patient_id=make.patient())
    make.conn.execute(
        "INSERT INTO visit (appointment_id, diagnosis, changed_by, request_id) VALUES (%s, 'CANARY', %s, %s)",
        (visit, ids.SYSTEM, ids.SYSTEM),
    )
    make.conn.execute("UPDATE visit SET diagnosis = 'CANARY, too' WHERE appointment_id = %s", (visit,))
    changed, written = items(admin, table="visit", row_id=visit)
    for entry in (changed, written):
        assert (entry["withheld"], entry["old"], entry["new"]) == (True, None, None)
    assert "diagnosis" in changed["changed"]
    assert "CANARY" not in admin.get("/audit", params={"row_id": str(visit)}).text
    make.token("staff")
    (account, *_) = items(admin, table="user_account", limit=1)
    assert "email" in account["new"]
    assert "password_hash" not in account["new"]


def test_who_reads_values_of_a_patient_has_looked_at_them(admin: httpx.Client, make: Make) -> None:
    patient, other = make.patient(), make.patient()
    visit = make.appointment(make.provider(), make.clinic(), make.visit_type(), clock.now(), patient_id=patient)
    items(admin, row_id=visit)
    items(admin, row_id=visit)
    items(admin, row_id=make.clinic())
    assert [looks(make, patient), looks(make, other)] == [2, 0]


def looks(make: Make, patient: UUID) -> int:
    row = make.conn.execute(
        "SELECT count(*) FROM audit_entry WHERE row_id = %s AND action = 'READ' AND new ->> 'what' = 'audit:read'",
        (str(patient),),
    ).fetchone()
    assert row is not None
    count: int = row[0]
    return count


def test_only_admins_read_it_and_nobody_writes_it(service: Service, make: Make) -> None:
    clinic, patient, provider = make.clinic(), make.patient(), make.provider()
    tokens = {
        "staff": make.token("staff", clinic_ids=(clinic,)),
        "provider": make.token("provider", provider_id=provider),
        "patient": make.token("patient", patient_id=patient),
    }
    assert service.client().get("/audit").status_code == 401
    assert {role: service.client(token).get("/audit").status_code for role, token in tokens.items()} == dict.fromkeys(
        tokens, 403
    )
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert service.client(make.token("admin")).request(method, "/audit").status_code == 405
