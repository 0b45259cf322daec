"""Patients over HTTP: who sees whom, who may change what, how they are found, and that history is never deleted."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from frontdesk import clock
from tests.make import Make
from tests.service import Service


@pytest.fixture
def admin(service: Service, make: Make) -> Iterator[httpx.Client]:
    with service.client(make.token("admin")) as client:
        yield client


def person(**fields: Any) -> dict[str, Any]:
    return {"first_name": "Jörg", "last_name": f"Øster{uuid4().hex[:8]}", "date_of_birth": "1971-03-14", **fields}


def new_patient(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    made = client.post("/patients", json=person(**fields))
    assert made.status_code == 201, made.text
    return dict(made.json())


def found(client: httpx.Client, **params: Any) -> list[str]:
    answer = client.get("/patients", params={"limit": 1000, **params})
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def booked(make: Make, patient_id: UUID, days: int = 3, **columns: Any) -> tuple[UUID, UUID]:
    """An appointment of the patient so many days from now; its provider and clinic."""
    provider_id = columns.pop("provider_id", None) or make.provider()
    clinic_id = columns.pop("clinic_id", None) or make.clinic()
    start = clock.now() + timedelta(days=days)
    make.appointment(provider_id, clinic_id, make.visit_type(), start, patient_id=patient_id, **columns)
    return provider_id, clinic_id


def test_a_patient_is_registered_whole(admin: httpx.Client, make: Make) -> None:
    clinic = str(make.clinic())
    fields = {
        "gender": "x",
        "email": "joerg@example.test",
        "phone": "+49 30 1234",
        "language": "de",
        "address": "Hafen 1",
        "national_id": uuid4().hex,
        "insurance": {"provider": "AOK", "member_id": "A1"},
        "emergency_contact": {"name": "Ida", "phone": "1", "relation": "sister"},
        "external_ref": uuid4().hex,
        "clinic_ids": [clinic],
        "preferences": {"channels": ["email"], "clinics": [clinic], "weekdays": [1, 5], "time_of_day": "morning"},
    }
    made = new_patient(admin, **fields)
    assert {name: made[name] for name in fields} == fields
    made.pop("possible_duplicates")
    read = admin.get(f"/patients/{made['id']}")
    assert read.json() == made
    assert read.headers["etag"] == '"1"'
    assert new_patient(admin)["insurance"] is None
    again = admin.post("/patients", json=person(external_ref=fields["external_ref"]))
    assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict")


def test_what_is_sent_is_replaced_and_the_rest_stays(admin: httpx.Client) -> None:
    made = new_patient(
        admin, insurance={"provider": "AOK", "member_id": "A1"}, phone="1", preferences={"weekdays": [2]}
    )
    path = f"/patients/{made['id']}"
    changed = admin.patch(path, json={"insurance": {"provider": "TK"}}, headers={"If-Match": '"1"'}).json()
    assert changed["insurance"] == {"provider": "TK", "member_id": None}
    assert (changed["phone"], changed["preferences"], changed["version"]) == ("1", {"weekdays": [2]}, 2)
    assert admin.patch(path, json={"insurance": None, "phone": None}).json()["insurance"] is None
    assert admin.patch(path, json={"phone": "2"}, headers={"If-Match": '"1"'}).status_code == 412
    assert admin.patch(path, json={"phone": "2", "version": 2}).status_code == 412
    assert admin.get(path).json()["phone"] is None
    for refused in ({"first_name": None}, {"date_of_birth": None}, {"preferences": None}, {"active": None}):
        assert admin.patch(path, json=refused).status_code == 422, refused


def test_a_patient_sees_and_changes_only_themself(service: Service, make: Make) -> None:
    own, other = make.patient(), make.patient()
    with service.client(make.token("patient", patient_id=own)) as me:
        assert found(me) == [str(own)]
        assert found(me, q="Pat") == [str(own)]
        assert me.get(f"/patients/{own}").status_code == 200
        changed = me.patch(
            f"/patients/{own}",
            json={"phone": "12345", "preferences": {"channels": ["sms"]}, "insurance": {"provider": "AOK"}},
        )
        assert (changed.status_code, changed.json()["phone"]) == (200, "12345")
        for fields in (
            {"first_name": "X"},
            {"date_of_birth": "1990-01-01"},
            {"national_id": "1"},
            {"external_ref": "1"},
            {"clinic_ids": []},
            {"active": False},
        ):
            assert me.patch(f"/patients/{own}", json=fields).status_code == 403, fields
        assert me.get(f"/patients/{other}").status_code == 404
        assert me.patch(f"/patients/{other}", json={"phone": "1"}).status_code == 404
        assert me.get(f"/patients/{other}/appointments").status_code == 404
        assert me.get(f"/patients/{uuid4()}").json() == me.get(f"/patients/{other}").json()
        assert me.delete(f"/patients/{own}").status_code == 403
        assert me.post("/patients", json=person()).status_code == 403
    with service.client() as nobody:
        assert nobody.get("/patients").status_code == 401
        assert nobody.get(f"/patients/{own}").status_code == 401


@pytest.mark.parametrize(
    ("days", "status", "sees"),
    [
        (3, "scheduled", True),
        (-700, "scheduled", True),
        (-750, "scheduled", False),
        (360, "scheduled", True),
        (370, "scheduled", False),
        (3, "held", False),
        (-3, "no_show", True),
    ],
)
def test_a_provider_sees_those_in_their_care(service: Service, make: Make, days: int, status: str, sees: bool) -> None:
    patient_id, stranger = make.patient(), make.patient()
    extra: dict[str, Any] = {"hold_expires_at": clock.now() + timedelta(minutes=5)} if status == "held" else {}
    provider_id, _ = booked(make, patient_id, days, status=status, origin="imported", **extra)
    booked(make, stranger)
    with service.client(make.token("provider", provider_id=provider_id)) as doctor:
        assert found(doctor) == ([str(patient_id)] if sees else [])
        assert doctor.get(f"/patients/{patient_id}").status_code == (200 if sees else 404)
        assert doctor.get(f"/patients/{stranger}").status_code == 404
        assert doctor.patch(f"/patients/{patient_id}", json={"phone": "1"}).status_code == 403


def test_a_hold_that_was_dropped_makes_nobody_a_patient(service: Service, make: Make) -> None:
    patient_id = make.patient()
    soon = clock.now() + timedelta(minutes=5)
    provider_id, clinic_id = booked(make, patient_id, status="held", hold_expires_at=soon)
    make.conn.execute("UPDATE appointment SET status = 'cancelled' WHERE patient_id = %s", (patient_id,))
    for role, link in (("provider", {"provider_id": provider_id}), ("staff", {"clinic_ids": (clinic_id,)})):
        with service.client(make.token(role, **link)) as client:
            assert client.get(f"/patients/{patient_id}").status_code == 404, role


def test_the_desk_sees_those_of_its_clinics(service: Service, make: Make, admin: httpx.Client) -> None:
    clinic_id = make.clinic()
    with service.client(make.token("staff", clinic_ids=(clinic_id,))) as desk:
        registered = new_patient(desk)
        assert registered["clinic_ids"] == [str(clinic_id)]
        visitor, stranger = make.patient(), make.patient()
        booked(make, visitor, clinic_id=clinic_id, status="cancelled", origin="imported")
        booked(make, stranger)
        assert found(desk) == sorted([registered["id"], str(visitor)])
        assert desk.get(f"/patients/{stranger}").status_code == 404
        assert desk.patch(f"/patients/{stranger}", json={"phone": "1"}).status_code == 404
        assert desk.patch(f"/patients/{visitor}", json={"last_name": "Neu"}).json()["last_name"] == "Neu"
        assert desk.post("/patients", json=person(clinic_ids=[str(make.clinic())])).status_code == 403
        path = f"/patients/{registered['id']}"
        assert desk.patch(path, json={"clinic_ids": [str(clinic_id), str(make.clinic())]}).status_code == 403
        assert admin.patch(path, json={"clinic_ids": [str(clinic_id), str(make.clinic())]}).status_code == 200
        assert desk.delete(path).status_code == 403
        assert desk.patch(path, json={"clinic_ids": []}).status_code == 403
    with service.client(make.token("staff")) as nowhere:
        assert found(nowhere) == []
        assert nowhere.post("/patients", json=person()).status_code == 403


def test_patients_are_found_by_what_the_desk_is_told(admin: httpx.Client) -> None:
    tag = uuid4().hex[:10]
    made = new_patient(
        admin,
        first_name="Amélie",
        last_name=f"D'Ångström-{tag}",
        email=f"A.{tag}@example.test",
        phone="+1 (555) 010-" + str(uuid4().int)[:9],
        external_ref=f"EXT-{tag}",
        date_of_birth="1931-07-09",
    )
    new_patient(admin, first_name="Amélie")
    digits = "".join(filter(str.isdigit, made["phone"]))
    for q in (
        f"amelie d'angstrom-{tag}",
        f"ANGSTROM-{tag}",
        f"{tag} amelie",
        f"a.{tag}@EXAMPLE.test",
        made["phone"],
        digits[4:],
        f"EXT-{tag}",
    ):
        assert found(admin, q=q) == [made["id"]], q
    assert made["id"] in found(admin, q="1931-07-09")
    for q in ("_%", "1931-07-10", "1931-99-99", "'; DROP TABLE patient; --", "\\", "٣٤٥٦٧", "0000000000000"):
        assert made["id"] not in found(admin, q=q), q
    assert found(admin, q="") == found(admin) != []
    short = new_patient(admin, first_name="Xq", last_name="Lǐ")["id"]
    for q in ("xq", "li xq", "x"):
        assert short in found(admin, q=q), q
    assert short not in found(admin, q="q")


def test_likely_duplicates_are_named_not_refused(service: Service, make: Make, admin: httpx.Client) -> None:
    tag = uuid4().hex[:8]
    born = f"19{int(tag[:2], 16) % 90 + 10}-0{int(tag[2], 16) % 9 + 1}-11"
    first = new_patient(admin, last_name=f"Quist{tag}", date_of_birth=born, email=f"{tag}@example.test")
    assert first["possible_duplicates"] == []
    alike = new_patient(admin, first_name="Jorg", last_name=f"QUIST{tag}", date_of_birth=born)
    assert first["id"] in alike["possible_duplicates"]
    same_mail = new_patient(admin, email=f"{tag.upper()}@example.test", date_of_birth="2001-01-01")
    assert same_mail["possible_duplicates"] == [first["id"]]
    with service.client(make.token("staff", clinic_ids=(make.clinic(),))) as desk:
        # They know nothing of patients of other clinics, so nothing is said about them.
        assert new_patient(desk, email=f"{tag}@example.test")["possible_duplicates"] == []


def test_of_many_with_one_number_the_same_person_is_found(service: Service, make: Make) -> None:
    """A care home: more share its number than are looked at, and the one who is the same came last."""
    clinic, number = make.clinic(), f"+34 9{uuid4().int % 10**8:08}"
    for n in range(100):
        make.patient(phone=number, date_of_birth=f"1940-01-{n % 28 + 1:02}")
    with service.client(make.token("staff", clinic_ids=(clinic,))) as desk:
        who = {"first_name": "Rosa", "last_name": "Vidal", "date_of_birth": "1938-05-02", "phone": number}
        neighbour = new_patient(desk, first_name="Rosario", last_name="Vidal", date_of_birth="1938-05-02")
        first = new_patient(desk, **who)
        assert first["possible_duplicates"] == [neighbour["id"]]
        assert new_patient(desk, **who)["possible_duplicates"] == [neighbour["id"], first["id"]]


def test_history_is_never_deleted(admin: httpx.Client, make: Make) -> None:
    made = new_patient(admin, clinic_ids=[str(make.clinic())])
    path = f"/patients/{made['id']}"
    assert admin.delete(path, headers={"If-Match": '"9"'}).status_code == 412
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404
    assert admin.delete(path).status_code == 404
    actors = make.conn.execute(
        "SELECT table_name, actor IS NOT NULL FROM audit_entry WHERE row_id = %s AND action = 'DELETE' ORDER BY id",
        (made["id"],),
    ).fetchall()
    assert actors == [("patient_clinic", True), ("patient", True)]

    seen, known = make.patient(), make.patient()
    booked(make, seen, status="cancelled", origin="imported")
    make.token("patient", patient_id=known)
    for patient_id in (seen, known):
        refused = admin.delete(f"/patients/{patient_id}")
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
        assert admin.get(f"/patients/{patient_id}").status_code == 200


def test_appointments_are_listed_by_when(service: Service, make: Make) -> None:
    patient_id, provider_id, clinic_id, visit_type_id = (
        make.patient(),
        make.provider(),
        make.clinic(),
        make.visit_type(),
    )
    made: dict[str, str] = {}
    for name, days, status in (
        ("long ago", -20, "completed"),
        ("missed", -2, "no_show"),
        ("called off", 4, "cancelled"),
        ("next", 5, "confirmed"),
        ("then", 9, "scheduled"),
        ("overdue hold", 10, "held"),
    ):
        start = clock.now() + timedelta(days=days)
        over = {"hold_expires_at": clock.now() - timedelta(minutes=1)} if status == "held" else {}
        made[name] = str(
            make.appointment(
                provider_id,
                clinic_id,
                visit_type_id,
                start,
                patient_id=patient_id,
                status=status,
                origin="imported",
                **over,
            )
        )
    elsewhere = make.appointment(
        make.provider(), make.clinic(), visit_type_id, clock.now() + timedelta(days=7), patient_id=patient_id
    )

    def listed(client: httpx.Client, **params: Any) -> list[str]:
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = client.get(f"/patients/{patient_id}/appointments", params={"limit": 1, **params, **cursor}).json()
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                return seen
            cursor = {"cursor": page["next_cursor"]}

    with service.client(make.token("patient", patient_id=patient_id)) as me:
        assert listed(me, when="upcoming") == [made["next"], str(elsewhere), made["then"]]
        assert listed(me, when="past") == [made["called off"], made["missed"], made["long ago"]]
        assert len(listed(me)) == 7
        assert me.get(f"/patients/{patient_id}/appointments", params={"when": "never"}).status_code == 422
        assert me.get(f"/patients/{patient_id}/appointments", params={"cursor": "AAAA"}).status_code == 422
        item = me.get(f"/patients/{patient_id}/appointments", params={"when": "upcoming"}).json()["items"][0]
        assert item.keys() == {
            "id", "status", "version", "provider_id", "patient_id", "clinic_id", "room_id", "visit_type_id", "start",
            "end", "mode", "reason", "hold_expires_at",
        }  # fmt: skip
    for role, link in (("provider", {"provider_id": provider_id}), ("staff", {"clinic_ids": (clinic_id,)})):
        with service.client(make.token(role, **link)) as client:
            assert listed(client, when="upcoming") == [made["next"], made["then"]], role


@pytest.mark.parametrize(
    "fields",
    [
        {"first_name": ""},
        {"first_name": "a\x00"},
        {"last_name": "x" * 121},
        {"date_of_birth": "1971-02-30"},
        {"date_of_birth": (date(2026, 1, 1) + timedelta(days=36500)).isoformat()},
        {"date_of_birth": None},
        {"email": "not an address"},
        {"insurance": "AOK"},
        {"insurance": {"provider": "a\x00"}},
        {"emergency_contact": {"phone": "1"}},
        {"preferences": {"weekdays": [8]}},
        {"preferences": {"clinics": ["x"]}},
        {"preferences": None},
        {"clinic_ids": [str(uuid4())]},
        {"role": "admin"},
    ],
)
def test_garbage_is_422(admin: httpx.Client, fields: dict[str, Any]) -> None:
    assert admin.post("/patients", json=person() | fields).status_code == 422


def test_a_lone_surrogate_is_422(admin: httpx.Client) -> None:
    body = b'{"first_name": "\\ud800", "last_name": "B", "date_of_birth": "1971-01-01"}'
    answer = admin.post("/patients", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_changes_are_in_the_trail_under_the_name_of_who_made_them(service: Service, make: Make) -> None:
    patient_id = make.patient()
    with service.client(make.token("patient", patient_id=patient_id)) as me:
        assert me.patch(f"/patients/{patient_id}", json={"phone": "777"}).status_code == 200
    (user_id,) = make.conn.execute("SELECT id FROM user_account WHERE patient_id = %s", (patient_id,)).fetchone() or ()
    row = make.conn.execute(
        "SELECT actor, old ->> 'phone', new ->> 'phone' FROM audit_entry WHERE row_id = %s AND action = 'UPDATE'",
        (str(patient_id),),
    ).fetchone()
    assert row == (user_id, None, "777")
