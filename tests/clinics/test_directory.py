"""The directory over HTTP: clinics, rooms, specialties, visit types; who may write, and what is refused."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from frontdesk import clock
from tests.make import Make
from tests.service import Service


@pytest.fixture
def admin(service: Service, make: Make) -> Iterator[httpx.Client]:
    with service.client(make.token("admin")) as client:
        yield client


@pytest.fixture
def public(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


def new_clinic(admin: httpx.Client, **fields: object) -> dict[str, object]:
    made = admin.post("/clinics", json={"name": "Harbour", "time_zone": "Europe/Berlin"} | fields)
    assert made.status_code == 201, made.text
    return dict(made.json())


def test_a_clinic_is_made_read_by_everybody_and_changed(admin: httpx.Client, public: httpx.Client) -> None:
    clinic = new_clinic(admin, country="de", region="by", latitude=48.1, longitude=11.6, phone="+49 89 1")
    assert (clinic["country"], clinic["region"], clinic["active"], clinic["version"]) == ("DE", "BY", True, 1)
    read = public.get(f"/clinics/{clinic['id']}")
    assert read.json() == clinic
    assert read.headers["etag"] == '"1"'
    changed = admin.patch(f"/clinics/{clinic['id']}", json={"phone": None}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200
    assert changed.json()["phone"] is None
    assert changed.json()["name"] == "Harbour"
    assert changed.headers["etag"] == '"2"'


@pytest.mark.parametrize("how", ["header", "body"])
def test_a_stale_version_is_refused(admin: httpx.Client, how: str) -> None:
    path = f"/clinics/{new_clinic(admin)['id']}"
    assert admin.patch(path, json={"name": "First"}).status_code == 200
    if how == "header":
        stale = admin.patch(path, json={"name": "Second"}, headers={"If-Match": '"1"'})
    else:
        stale = admin.patch(path, json={"name": "Second", "version": 1})
    assert stale.status_code == 412
    assert stale.json()["type"] == "/problems/stale-version"
    assert admin.get(path).json()["name"] == "First"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "X"},
        {"name": "", "time_zone": "UTC"},
        {"name": "  ", "time_zone": "UTC"},
        {"name": "a\x00b", "time_zone": "UTC"},
        {"name": "n" * 121, "time_zone": "UTC"},
        {"name": "X", "time_zone": "FOO+3"},
        {"name": "X", "time_zone": "Europe/Nowhere"},
        {"name": "X", "time_zone": "UTC", "country": "Germany"},
        {"name": "X", "time_zone": "UTC", "latitude": 91},
        {"name": "X", "time_zone": "UTC", "surprise": 1},
        {"name": {"$ne": 1}, "time_zone": ["UTC"]},
        [],
        None,
    ],
)
def test_garbage_is_422(admin: httpx.Client, body: object) -> None:
    assert admin.post("/clinics", json=body).status_code == 422


@pytest.mark.parametrize("body", [{"name": None}, {"time_zone": None}, {"active": None}, {"time_zone": "Moon/Base"}])
def test_a_required_field_cannot_be_emptied(admin: httpx.Client, body: object) -> None:
    assert admin.patch(f"/clinics/{new_clinic(admin)['id']}", json=body).status_code == 422


def test_only_admins_write(service: Service, make: Make, public: httpx.Client) -> None:
    body = {"name": "X", "time_zone": "UTC"}
    assert public.post("/clinics", json=body).status_code == 401
    for role, link in (
        ("staff", {"clinic_ids": (make.clinic(),)}),
        ("patient", {"patient_id": make.patient()}),
        ("provider", {"provider_id": make.provider()}),
    ):
        with service.client(make.token(role, **link)) as client:
            for path in ("/clinics", "/specialties", "/visit-types", f"/clinics/{make.clinic()}/rooms", "/providers"):
                assert client.post(path, json=body).status_code == 403, (role, path)


def test_a_clinic_with_visits_ahead_keeps_its_zone(admin: httpx.Client, make: Make) -> None:
    clinic_id, provider_id, visit_type_id = make.clinic(), make.provider(), make.visit_type()
    start = clock.now() + timedelta(days=3)
    appointment_id = make.appointment(provider_id, clinic_id, visit_type_id, start, patient_id=make.patient())
    for body in ({"time_zone": "Asia/Kathmandu"}, {"active": False}):
        refused = admin.patch(f"/clinics/{clinic_id}", json=body)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
    assert admin.patch(f"/clinics/{clinic_id}", json={"name": "Other", "time_zone": "UTC"}).status_code == 200
    make.conn.execute("UPDATE appointment SET status = 'cancelled' WHERE id = %s", (appointment_id,))
    assert admin.patch(f"/clinics/{clinic_id}", json={"time_zone": "Asia/Kathmandu"}).status_code == 200


def test_rooms_belong_to_their_clinic(admin: httpx.Client, public: httpx.Client) -> None:
    one, other = new_clinic(admin)["id"], new_clinic(admin)["id"]
    room = admin.post(f"/clinics/{one}/rooms", json={"name": "R1", "kind": "laboratory"}).json()
    assert (room["kind"], room["clinic_id"]) == ("laboratory", one)
    assert public.get(f"/clinics/{one}/rooms").json()["items"] == [room]
    assert public.get(f"/clinics/{one}/rooms/{room['id']}").json() == room
    assert public.get(f"/clinics/{other}/rooms/{room['id']}").status_code == 404
    assert admin.patch(f"/clinics/{other}/rooms/{room['id']}", json={"name": "X"}).status_code == 404
    assert admin.post(f"/clinics/{one}/rooms", json={"name": "R1"}).status_code == 409
    assert admin.post(f"/clinics/{uuid4()}/rooms", json={"name": "R1"}).status_code == 404
    assert admin.patch(f"/clinics/{one}/rooms/{room['id']}", json={"active": False}).json()["active"] is False


def test_specialties_are_named_once_whatever_the_accent(admin: httpx.Client, public: httpx.Client) -> None:
    name = f"Pédiatrie {uuid4().hex}"
    made = admin.post("/specialties", json={"name": name})
    assert made.status_code == 201
    assert public.get(f"/specialties/{made.json()['id']}").json() == made.json()
    again = admin.post("/specialties", json={"name": name.replace("é", "e").upper()})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict")


def test_a_specialty_is_renamed(admin: httpx.Client, public: httpx.Client) -> None:
    made = admin.post("/specialties", json={"name": f"Urology {uuid4()}"}).json()
    path, name = f"/specialties/{made['id']}", f"Urología {uuid4()}"
    assert public.patch(path, json={"name": name}).status_code == 401
    renamed = admin.patch(path, json={"name": name}, headers={"If-Match": '"1"'})
    assert (renamed.status_code, renamed.json()["version"]) == (200, 2)
    assert public.get(path).json() == renamed.json()
    assert admin.patch(path, json={"name": "late", "version": 1}).status_code == 412
    other = admin.post("/specialties", json={"name": f"Other {uuid4()}"}).json()
    assert admin.patch(f"/specialties/{other['id']}", json={"name": name.upper()}).status_code == 409
    assert admin.patch(path, json={}).json()["name"] == name
    assert admin.patch(path, json={"name": None}).status_code == 422
    assert admin.patch(f"/specialties/{uuid4()}", json={"name": "x"}).status_code == 404


def test_a_visit_type_says_what_to_bring_in_several_languages(admin: httpx.Client, public: httpx.Client) -> None:
    said = {"en": "Come without breakfast.", "es": "Venga sin desayunar."}
    made = admin.post("/visit-types", json={"name": "Blood", "duration_min": 10, "what_to_bring": said}).json()
    path = f"/visit-types/{made['id']}"
    assert public.get(path).json()["what_to_bring"] == said
    assert admin.patch(path, json={"name": "Blood test"}).json()["what_to_bring"] == said
    longest = {"en": "x" * 500}
    assert admin.patch(path, json={"what_to_bring": longest}).json()["what_to_bring"] == longest
    for wrong in ({}, {"en": ""}, {"en": "x" * 501}, {"English": "x"}, {"en": None}, "x", {"en": "a\x00"}):
        assert admin.patch(path, json={"what_to_bring": wrong}).status_code == 422, wrong
    assert public.get(path).json()["what_to_bring"] == longest
    assert admin.patch(path, json={"what_to_bring": None}).json()["what_to_bring"] is None


def test_a_visit_type_steps_by_its_duration_unless_told(admin: httpx.Client, public: httpx.Client) -> None:
    made = admin.post("/visit-types", json={"name": "Check", "duration_min": 40}).json()
    assert (made["slot_step_min"], made["min_notice_min"], made["horizon_days"]) == (40, 120, 90)
    assert public.get(f"/visit-types/{made['id']}").json() == made
    assert made["what_to_bring"] is None
    changed = admin.patch(f"/visit-types/{made['id']}", json={"slot_step_min": 10})
    assert (changed.json()["slot_step_min"], changed.json()["duration_min"], changed.json()["version"]) == (10, 40, 2)
    for body in ({"duration_min": 0}, {"duration_min": 1441}, {"duration_min": None}, {"mode": "by post"}):
        assert admin.patch(f"/visit-types/{made['id']}", json=body).status_code == 422, body


def test_lists_go_on_where_the_page_before_ended(admin: httpx.Client, public: httpx.Client) -> None:
    made = [admin.post("/visit-types", json={"name": f"T{n}", "duration_min": 15}).json()["id"] for n in range(3)]
    seen: list[str] = []
    cursor = None
    while True:
        page = public.get("/visit-types", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [id_ for id_ in seen if id_ in made] == made
    assert len(seen) == len(set(seen))
    assert public.get("/visit-types", params={"cursor": "garbage"}).status_code == 422
    assert public.get("/visit-types", params={"limit": 1001}).status_code == 422


def test_a_repeated_post_has_one_effect(admin: httpx.Client) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    body = {"name": uuid4().hex}
    first = admin.post("/specialties", json=body, headers=key)
    again = admin.post("/specialties", json=body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert admin.post("/specialties", json={"name": "another"}, headers=key).status_code == 422
