"""Who looks at a patient's record leaves an entry, and the patient sees it."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from frontdesk import clock, ids
from tests.make import STAMP, Make
from tests.service import Service


class House:
    """A clinic, a provider, a patient who has a visit with them, and one log-in of each role."""

    def __init__(self, service: Service, make: Make) -> None:
        self.service, self.make = service, make
        self.clinic = make.clinic()
        self.provider = make.provider(title="Dr", first_name="Ana", last_name="Lima")
        self.patient = make.patient(first_name="Ada", last_name=f"Vale{uuid4().hex}")
        start = datetime.combine(clock.now().date() + timedelta(days=3), datetime.min.time(), UTC)
        visit_type = make.visit_type()
        self.visit = make.appointment(self.provider, self.clinic, visit_type, start, patient_id=self.patient)
        self.clients = {
            "patient": service.client(make.token("patient", patient_id=self.patient)),
            "provider": service.client(make.token("provider", provider_id=self.provider)),
            "staff": service.client(make.token("staff", clinic_ids=(self.clinic,))),
            "admin": service.client(make.token("admin")),
        }

    def get(self, role: str, path: str, **params: Any) -> httpx.Response:
        return self.clients[role].get(path, params=params)

    def looks(self, patient: UUID) -> list[tuple[Any, ...]]:
        """What the trail itself says, without the service."""
        return self.make.conn.execute(
            "SELECT u.role, e.new ->> 'what', e.request_id"
            " FROM audit_entry e LEFT JOIN user_account u ON u.id = e.actor"
            " WHERE e.table_name = 'patient' AND e.row_id = %s AND e.action = 'READ' ORDER BY e.id",
            (str(patient),),
        ).fetchall()


@pytest.fixture
def house(service: Service, make: Make) -> House:
    return House(service, make)


def test_each_look_is_an_entry_with_its_request(house: House) -> None:
    paths = {
        "patients:read": f"/patients/{house.patient}",
        "patients:appointments": f"/patients/{house.patient}/appointments",
        "appointments:read": f"/appointments/{house.visit}",
        "appointments:history": f"/appointments/{house.visit}/history",
        "appointments:list": f"/appointments?patient_id={house.patient}",
    }
    told = []
    for role in ("provider", "staff", "admin"):
        for what, path in paths.items():
            request = ids.new_id()
            answer = house.clients[role].get(path, headers={"X-Request-Id": str(request)})
            assert answer.status_code == 200, answer.text
            told.append((role, what, request))
    assert house.looks(house.patient) == told


def test_a_list_is_a_look_at_each_who_is_listed(house: House) -> None:
    name = f"Same{uuid4().hex}"
    listed = [house.make.patient(first_name=name) for _ in range(3)]
    other = house.make.patient()
    assert len(house.get("admin", "/patients", q=name).json()["items"]) == 3
    assert [len(house.looks(patient)) for patient in [*listed, other]] == [1, 1, 1, 0]
    page = house.get("admin", "/patients", q=name, limit=1).json()
    assert [len(house.looks(patient)) for patient in listed] == [
        2 if str(patient) == page["items"][0]["id"] else 1 for patient in listed
    ]


def test_what_is_not_seen_is_no_look_and_neither_is_ones_own_record(house: House) -> None:
    stranger = house.make.patient()
    assert house.get("provider", f"/patients/{stranger}").status_code == 404
    assert house.get("staff", f"/patients/{stranger}/appointments").status_code == 404
    assert house.looks(stranger) == []
    for path in (f"/patients/{house.patient}", "/patients", f"/appointments/{house.visit}"):
        assert house.get("patient", path).status_code == 200
    assert house.get("staff", "/appointments", clinic_id=house.clinic).json()["items"]
    assert house.looks(house.patient) == []


def test_the_patient_sees_who_looked_and_who_changed(house: House) -> None:
    assert house.get("provider", f"/appointments/{house.visit}").status_code == 200
    assert house.get("staff", f"/patients/{house.patient}").status_code == 200
    cancelled = house.clients["admin"].post(f"/appointments/{house.visit}/cancel")
    assert cancelled.status_code == 200, cancelled.text
    seen = house.get("patient", f"/patients/{house.patient}/accesses").json()["items"]
    (clinic,) = house.make.conn.execute("SELECT name FROM clinic WHERE id = %s", (house.clinic,)).fetchone() or ("",)
    assert [(one["kind"], one["what"], one["role"], one["display"]) for one in seen] == [
        ("changed", "appointment:update", "admin", "administration"),
        ("looked", "patients:read", "staff", f"front desk, {clinic}"),
        ("looked", "appointments:read", "provider", "Dr Ana Lima"),
        ("changed", "appointment:insert", "system", "Frontdesk"),
        ("changed", "patient:insert", "system", "Frontdesk"),
    ]
    assert "@" not in str(seen), "nobody's e-mail address"


def test_a_reason_is_told(house: House) -> None:
    house.make.conn.execute(
        "INSERT INTO audit_entry (table_name, row_id, action, actor, request_id, new)"
        " VALUES ('patient', %(row)s, 'READ', %(changed_by)s, %(request_id)s, %(new)s)",
        {"row": str(house.patient), **STAMP, "new": '{"what": "visits:read", "reason": "unconscious"}'},
    )
    first = house.get("patient", f"/patients/{house.patient}/accesses", limit=1).json()["items"][0]
    assert (first["what"], first["reason"]) == ("visits:read", "unconscious")


def test_whose_accesses_may_be_seen(house: House) -> None:
    path = f"/patients/{house.patient}/accesses"
    other = house.service.client(house.make.token("patient", patient_id=house.make.patient()))
    assert other.get(path).status_code == 404
    assert house.service.client().get(path).status_code == 401
    assert {role: house.get(role, path).status_code for role in house.clients} == {
        "patient": 200,
        "provider": 403,
        "staff": 403,
        "admin": 200,
    }
    assert house.looks(house.patient)[-1][:2] == ("admin", "patients:accesses")


def test_pages_follow_each_other_without_a_gap(house: House) -> None:
    path = f"/patients/{house.patient}/accesses"
    for _ in range(5):
        house.get("staff", f"/patients/{house.patient}")
    whole = house.get("patient", path).json()["items"]
    found, cursor = [], None
    while True:
        page = house.get("patient", path, limit=2, **({"cursor": cursor} if cursor else {})).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(whole) == 7
    assert found == whole


@pytest.mark.parametrize("place", [[-1], [2**63], [2**70], [1.5], ["1"], [None], []])
def test_a_cursor_of_somebody_elses_making_is_refused(house: House, place: list[Any]) -> None:

    raw = json.dumps(place).encode()
    cursor = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert house.get("patient", f"/patients/{house.patient}/accesses", cursor=cursor).status_code == 422
