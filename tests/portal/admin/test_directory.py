"""The directory by pages: added, changed by the form that shows it, and what visits ahead forbid."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from frontdesk import clock
from tests.html import Page
from tests.portal.admin.conftest import Admin, filled

pytestmark = pytest.mark.postgres("18")

CLINIC = {"name": "Clinic by page", "time_zone": "Europe/Madrid", "remind_day_min": "1440", "remind_hours_min": ""}


def made(admin: Admin, path: str, **form: Any) -> str:
    """The address of what the form adds."""
    answer = admin.send(path, **form)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


def id_of(path: str) -> UUID:
    return UUID(path.rsplit("/", 1)[1])


def busy(admin: Admin) -> tuple[UUID, UUID]:
    """A clinic and a provider with a visit ahead, at noon in a week (UTC)."""
    clinic, provider = admin.make.clinic("UTC"), admin.make.provider()
    admin.make.every_day(provider, clinic)
    noon = clock.now().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=7)
    of = {"patient_id": admin.make.patient(), "origin": "imported"}
    admin.make.appointment(provider, clinic, admin.make.visit_type(), noon, **of)
    return clinic, provider


def test_a_clinic(admin: Admin) -> None:
    path = made(admin, "/admin/clinics", **CLINIC, address="Calle Mayor 7\r\nMadrid", latitude="40.4")
    columns = "name, time_zone, address, latitude, remind_day_min, remind_hours_min, phone, active"
    row = f"SELECT {columns} FROM clinic WHERE id = %s"
    assert admin.rows(row, id_of(path)) == [
        (CLINIC["name"], "Europe/Madrid", "Calle Mayor 7\nMadrid", 40.4, 1440, None, None, True)
    ]
    assert filled(admin.page(path))["remind_hours_min"] == ""
    assert admin.change(path, phone="+34 91 5550100", latitude="", address="Otra 1", active=None).status_code == 303
    assert admin.rows(row, id_of(path)) == [
        (CLINIC["name"], "Europe/Madrid", "Otra 1", None, 1440, None, "+34 91 5550100", False)
    ]


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/admin/clinics", {**CLINIC, "time_zone": "Mars/Olympus"}),
        ("/admin/clinics", {**CLINIC, "latitude": "nan"}),
        ("/admin/clinics", {**CLINIC, "remind_day_min": "9" * 5000}),
        ("/admin/clinics", {**CLINIC, "name": ""}),
        ("/admin/visit-types", {"name": "x", "duration_min": "1.5"}),
        ("/admin/providers", {"first_name": "Ana", "last_name": "Lima"}),
        ("/admin/providers", {"first_name": "A", "last_name": "L", "license_number": "1", "date_of_birth": "soon"}),
    ],
)
def test_what_cannot_be_is_told_in_the_form(admin: Admin, path: str, wrong: dict[str, str]) -> None:
    page = Page(admin.send(path, **wrong))
    assert (page.status, "Please look at the marked fields." in page.text) == (422, True)
    kept = {name: value for name, value in wrong.items() if value}
    assert kept.items() <= filled(page).items()


def test_a_visit_type(admin: Admin) -> None:
    form = filled(admin.page("/admin/visit-types/new")) | {"name": f"Type {uuid4()}", "mode": "telehealth"}
    path = made(admin, "/admin/visit-types", **form)
    row = "SELECT duration_min, mode, self_bookable, max_per_day FROM visit_type WHERE id = %s"
    assert admin.rows(row, id_of(path)) == [(30, "telehealth", True, None)]
    assert admin.change(path, duration_min="45", self_bookable=None, max_per_day="3").status_code == 303
    assert admin.rows(row, id_of(path)) == [(45, "telehealth", False, 3)]
    told = filled(admin.page(path))
    stale = Page(admin.change(path, version=str(int(told["version"]) - 1), duration_min="50"))
    assert (stale.status, "Somebody else changed this" in stale.text) == (412, True)
    assert admin.rows(row, id_of(path))[0][0] == 45


def test_a_provider(admin: Admin) -> None:
    here, there, licence = admin.make.clinic(), admin.make.clinic(), f"L-{uuid4()}"
    named = {"first_name": "Nour", "last_name": "Haddad", "license_number": licence}
    path = made(admin, "/admin/providers", **named, languages="es, ar", clinic_ids=[here, there])
    row = "SELECT languages, accepting_new_patients, active FROM provider WHERE id = %s"
    assert admin.rows(row, id_of(path)) == [(["es", "ar"], False, True)]
    assert admin.change(path, clinic_ids=[there], accepting_new_patients="on", bio="Two\nlines").status_code == 303
    assert admin.rows(row, id_of(path)) == [(["es", "ar"], True, True)]
    assert admin.rows("SELECT clinic_id FROM provider_clinic WHERE provider_id = %s", id_of(path)) == [(there,)]
    page = Page(admin.send("/admin/providers", **named))
    assert (page.status, "There is a provider with this license number." in page.text) == (409, True)


def test_what_visits_ahead_forbid(admin: Admin) -> None:
    clinic, provider = busy(admin)
    for path, told in ((f"clinics/{clinic}", "ahead at this clinic"), (f"providers/{provider}", "of this provider")):
        page = Page(admin.change(f"/admin/{path}", active=None))
        assert (page.status, told in page.text) == (409, True)


def test_rooms(admin: Admin) -> None:
    clinic = admin.make.clinic()
    path = f"/admin/clinics/{clinic}/rooms"
    assert admin.send(path, name="Blue", kind="consultation").status_code == 303
    again = Page(admin.send(path, name="Blue", kind="surgery"))
    assert (again.status, "has a room of this name" in again.text) == (409, True)
    room = admin.rows("SELECT id FROM room WHERE clinic_id = %s", clinic)[0][0]
    assert admin.change(f"{path}/{room}", kind="surgery", active=None).status_code == 303
    assert admin.rows("SELECT kind, active FROM room WHERE id = %s", room) == [("surgery", False)]
    assert "no longer in use" in admin.page(path).text
    assert admin.page(f"/admin/clinics/{admin.make.clinic()}/rooms/{room}").status == 404


def test_a_closure_tells_what_it_would_strand(admin: Admin) -> None:
    clinic, _ = busy(admin)
    visit, on = admin.rows("SELECT id, lower(during)::date FROM appointment WHERE clinic_id = %s", clinic)[0]
    path, closed = f"/admin/clinics/{clinic}/closures", "SELECT id, reason FROM closure WHERE clinic_id = %s"
    refused = Page(admin.send(path, on=on, reason="Painters"))
    assert (refused.status, "12:00" in refused.text) == (409, True)
    assert f"/desk/visits/{visit}" in [a.get("href") for a in refused.all("a")]
    assert filled(refused)["reason"] == "Painters"
    assert admin.rows(closed, clinic) == []
    assert admin.send(path, on=on, reason="Painters", override_reason="They come in by the back").status_code == 303
    (closure, reason), *more = admin.rows(closed, clinic)
    assert (reason, more) == ("Painters", [])
    assert "Painters" in admin.page(path).text
    assert admin.send(f"{path}/{closure}/remove").status_code == 303
    assert admin.rows(closed, clinic) == []
    assert "No closure stands ahead." in admin.page(path).text


@pytest.mark.parametrize("kind", ["clinics", "visit-types", "providers"])
def test_lists(admin: Admin, kind: str) -> None:
    assert admin.page(f"/admin/{kind}").status == 200
    assert admin.page(f"/admin/{kind}/{uuid4()}").status == 404
    token = admin.make.token("staff")
    assert admin.service.client(token).get(f"{admin.service.url}/admin/{kind}").status_code == 403


def test_capitals_in_the_kind_of_a_room_do_not_count(admin: Admin) -> None:
    make = admin.make
    clinic, provider, patient = make.clinic("UTC"), make.provider(), make.patient()
    make.every_day(provider, clinic)
    kind = make.visit_type(30, room_kind="quiet Room")
    made(admin, f"/admin/clinics/{clinic}/rooms", name="1", kind="Quiet room")
    desk = admin.service.client(make.token("admin"))
    of = {"visit_type_id": str(kind), "clinic_id": str(clinic)}
    free = desk.get(f"/providers/{provider}/availability", params=of).json()["slots"]
    assert free
    taken = {**of, "provider_id": str(provider), "patient_id": str(patient), "start": free[0]["start"]}
    assert desk.post("/appointments", json=taken).status_code == 201
    assert free[0] not in desk.get(f"/providers/{provider}/availability", params=of).json()["slots"]
    for path in (f"/admin/clinics/{clinic}/rooms", f"/admin/visit-types/{kind}"):
        known = [one.get("value") for one in admin.page(path).all("option")]
        assert {"Quiet room", "quiet Room"} <= set(known)


def test_a_second_kind_of_visit_of_the_same_name(admin: Admin) -> None:
    name = f"Type {uuid4()}"
    form = filled(admin.page("/admin/visit-types/new")) | {"name": name}
    first = made(admin, "/admin/visit-types", **form)
    refused = Page(admin.send("/admin/visit-types", **form | {"name": name.upper(), "duration_min": "45"}))
    assert (refused.status, "There is a kind of visit of this name." in refused.text) == (422, True)
    assert [one["name"] for one in refused.all("input") if "aria-invalid" in one] == ["name"]
    assert filled(refused)["duration_min"] == "45"
    other = made(admin, "/admin/visit-types", **form | {"name": f"{name} else"})
    assert admin.change(other, name=name).status_code == 422
    assert admin.change(first, name=name.lower()).status_code == 303, "its own name"
    assert admin.change(first, active=None).status_code == 303
    assert admin.change(other, name=name).status_code == 303, "the other is out of use"
