"""Providers over HTTP: what the public sees, how they are found, and that nobody with visits ahead is dropped."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from frontdesk import clock
from tests.make import Make
from tests.service import Service

PRIVATE = {"license_number", "date_of_birth", "email", "phone", "address"}


@pytest.fixture
def admin(service: Service, make: Make) -> Iterator[httpx.Client]:
    with service.client(make.token("admin")) as client:
        yield client


@pytest.fixture
def public(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


def new_provider(admin: httpx.Client, **fields: object) -> dict[str, object]:
    body = {"first_name": "Zoë", "last_name": "Müller", "license_number": uuid4().hex} | fields
    made = admin.post("/providers", json=body)
    assert made.status_code == 201, made.text
    return dict(made.json())


def found(client: httpx.Client, **params: object) -> list[str]:
    answer = client.get("/providers", params={"limit": 1000, **params})
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_a_provider_is_made_with_sets_and_they_are_replaced(admin: httpx.Client, make: Make) -> None:
    one, other = str(make.clinic()), str(make.clinic())
    specialty = str(make.row("specialty", name=uuid4().hex))
    visit_type = str(make.visit_type())
    made = new_provider(
        admin,
        title="Dr.",
        credentials=["MD"],
        languages=["de", "en-GB"],
        clinic_ids=[one, one],
        specialty_ids=[specialty],
        visit_type_ids=[visit_type],
        email="zoe@example.test",
        date_of_birth="1980-02-29",
    )
    assert (made["clinic_ids"], made["specialty_ids"], made["visit_type_ids"]) == ([one], [specialty], [visit_type])
    assert (made["accepting_new_patients"], made["active"], made["version"]) == (True, True, 1)
    path = f"/providers/{made['id']}"
    changed = admin.patch(path, json={"clinic_ids": [other], "bio": "Hello"}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["clinic_ids"], changed.json()["specialty_ids"]) == ([other], [specialty])
    assert admin.patch(path, json={"bio": "Stale"}, headers={"If-Match": '"1"'}).status_code == 412
    assert admin.patch(path, json={"bio": "Stale", "version": 1}).status_code == 412
    assert admin.patch(path, json={"specialty_ids": []}).json()["specialty_ids"] == []


def test_the_public_sees_no_private_data(service: Service, admin: httpx.Client, make: Make) -> None:
    made = new_provider(admin, email="zoe@example.test", phone="1", address="A", date_of_birth="1980-02-29")
    path = f"/providers/{made['id']}"
    provider_id = make.provider()
    sees_all = [make.token("staff", clinic_ids=(make.clinic(),)), make.token("admin")]
    sees_less = [
        None,
        make.token("patient", patient_id=make.patient()),
        make.token("provider", provider_id=provider_id),
    ]
    for token in sees_all:
        with service.client(token) as client:
            assert client.get(path).json().keys() >= PRIVATE
    for token in sees_less:
        with service.client(token) as client:
            assert not client.get(path).json().keys() & PRIVATE
            listed = client.get("/providers", params={"limit": 1000}).json()["items"]
            assert not any(item.keys() & PRIVATE for item in listed if item["id"] != str(provider_id))
    with service.client(sees_less[2]) as client:
        assert client.get(f"/providers/{provider_id}").json().keys() >= PRIVATE


def test_providers_are_found_by_what_people_know(admin: httpx.Client, public: httpx.Client, make: Make) -> None:
    clinic, name = str(make.clinic()), f"Cardiología {uuid4().hex}"
    specialty = str(make.row("specialty", name=name))
    mine = str(
        new_provider(
            admin,
            first_name="Zoë",
            last_name="Grünwäldchen",
            clinic_ids=[clinic],
            specialty_ids=[specialty],
            languages=["pt-BR"],
            accepting_new_patients=False,
        )["id"]
    )
    new_provider(admin, first_name="Bob", last_name="Stone", clinic_ids=[clinic], languages=["es"])
    for params in (
        {"q": "grunwald"},
        {"q": "zoe grün"},
        {"q": "Grunwaeldchen"},
        {"specialty": specialty},
        {"specialty": name.replace("í", "i").lower()},
        {"clinic_id": clinic, "language": "pt"},
        {"clinic_id": clinic, "language": "PT-br"},
        {"clinic_id": clinic, "accepting": "false"},
    ):
        assert found(public, **params) == [mine], params
    for params in ({"q": "%"}, {"q": "nobody_called_so"}, {"clinic_id": str(uuid4())}, {"specialty": "none"}):
        assert mine not in found(public, **params), params
    assert len(found(public, clinic_id=clinic)) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"first_name": "A", "last_name": "B"},
        {"first_name": "A\x00", "last_name": "B", "license_number": "x"},
        {"first_name": "A", "last_name": "B", "license_number": "x", "clinic_ids": ["no id"]},
        {"first_name": "A", "last_name": "B", "license_number": "x", "clinic_ids": [str(uuid4())]},
        {"first_name": "A", "last_name": "B", "license_number": "x", "languages": ["a\x00"]},
        {"first_name": "A", "last_name": "B", "license_number": "x", "email": "nobody"},
        {"first_name": "A", "last_name": "B", "license_number": "x", "date_of_birth": "2200-01-01"},
        {"first_name": "A", "last_name": "B", "license_number": "x", "photo_url": "javascript:alert(1)"},
        {"first_name": "A", "last_name": "B", "license_number": "x", "active": False},
    ],
)
def test_garbage_is_422(admin: httpx.Client, body: dict[str, object]) -> None:
    if "license_number" in body:
        body = body | {"license_number": uuid4().hex}
    assert admin.post("/providers", json=body).status_code == 422


@pytest.mark.parametrize("query", ["q=%00", "q=" + "x" * 501, "clinic_id=1", "cursor=AA", "limit=0", "language=%00"])
def test_garbage_in_a_query_is_422(public: httpx.Client, query: str) -> None:
    assert public.get(f"/providers?{query}").status_code == 422


def test_a_license_number_is_one_provider(admin: httpx.Client) -> None:
    made = new_provider(admin)
    body = {"first_name": "A", "last_name": "B", "license_number": made["license_number"]}
    again = admin.post("/providers", json=body)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict")


def test_deactivation_waits_for_the_visits_ahead(admin: httpx.Client, public: httpx.Client, make: Make) -> None:
    name = uuid4().hex
    provider_id, clinic_id = make.provider(last_name=name), make.clinic()
    start = clock.now() + timedelta(days=2)
    appointment_id = make.appointment(provider_id, clinic_id, make.visit_type(), start, patient_id=make.patient())
    assert admin.delete(f"/providers/{provider_id}").status_code == 409
    assert admin.patch(f"/providers/{provider_id}", json={"active": False}).status_code == 409
    assert str(provider_id) in found(public, q=name)
    make.conn.execute("UPDATE appointment SET status = 'cancelled' WHERE id = %s", (appointment_id,))
    assert admin.delete(f"/providers/{provider_id}").status_code == 204
    assert admin.delete(f"/providers/{provider_id}").status_code == 204
    assert str(provider_id) not in found(public, q=name)
    assert str(provider_id) in found(admin, q=name)
    assert str(provider_id) in found(public, q=name, active=False)
    assert public.get(f"/providers/{provider_id}").json()["active"] is False
    assert admin.delete(f"/providers/{uuid4()}").status_code == 404


def test_a_clinic_with_working_time_is_not_left(admin: httpx.Client, make: Make) -> None:
    provider_id, clinic_id = make.provider(), make.clinic()
    make.every_day(provider_id, clinic_id)
    assert admin.patch(f"/providers/{provider_id}", json={"clinic_ids": []}).status_code == 409
    assert admin.patch(f"/providers/{provider_id}", json={"clinic_ids": [str(clinic_id)]}).status_code == 200
