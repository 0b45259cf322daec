"""Who may book for whom; the shared way and the way alone refuse alike."""

from uuid import UUID

import httpx
import pytest

from tests.booking.conftest import World


def registered(world: World, clinic: UUID) -> UUID:
    patient = world.make.patient()
    world.make.conn.execute(
        "INSERT INTO patient_clinic (patient_id, clinic_id, changed_by, request_id) VALUES (%s, %s, %s, %s)",
        [patient, clinic, patient, patient],
    )
    return patient


@pytest.fixture
def staff(world: World) -> httpx.Client:
    return world.service.client(world.make.token("staff", clinic_ids=(world.clinic,)))


def test_staff_book_patients_of_their_clinics_at_their_clinics(world: World, staff: httpx.Client) -> None:
    own, strange = registered(world, world.clinic), world.make.patient()
    assert staff.post("/appointments", json=world.body(9, patient_id=str(own))).status_code == 201
    assert staff.post("/appointments", json=world.body(10, patient_id=str(strange))).status_code == 404
    elsewhere = world.make.clinic()
    world.make.every_day(world.provider, elsewhere)
    there = world.body(34, patient_id=str(own), clinic_id=str(elsewhere))
    assert staff.post("/appointments", json=there).status_code == 403


def test_a_patient_books_for_nobody_else(world: World) -> None:
    other = world.make.patient()
    assert world.me.post("/appointments", json=world.body(9, patient_id=str(other))).status_code == 404
    assert world.me.post("/appointments", json=world.body(9, patient_id=str(world.patient))).status_code == 201


def test_a_provider_books_those_in_their_care(world: World) -> None:
    world.book(9)
    mine = world.service.client(world.make.token("provider", provider_id=world.provider))
    assert mine.post("/appointments", json=world.body(10, patient_id=str(world.patient))).status_code == 201
    assert mine.post("/appointments", json=world.body(11, patient_id=str(world.make.patient()))).status_code == 404


def test_inactive_patients_and_staff_only_types_are_told_the_rule(world: World) -> None:
    world.make.conn.execute("UPDATE patient SET active = false WHERE id = %s", [world.patient])
    refused = world.me.post("/appointments", json=world.body(9))
    assert (refused.status_code, refused.json()["reasons"][0]["code"]) == (422, "patient-inactive")
    world.make.conn.execute("UPDATE patient SET active = true WHERE id = %s", [world.patient])
    world.desk.patch(f"/visit-types/{world.visit}", json={"self_bookable": False})
    refused = world.me.post("/appointments", json=world.body(9))
    assert (refused.status_code, refused.json()["reasons"][0]["code"]) == (422, "staff-only")
    assert world.desk.post("/appointments", json=world.body(9, patient_id=str(world.patient))).status_code == 201


def test_nobody_and_an_unknown_patient(world: World) -> None:
    assert world.service.client().post("/appointments", json=world.body(9)).status_code == 401
    assert world.desk.post("/appointments", json=world.body(9)).status_code == 422
    unknown = world.body(9, patient_id=str(world.provider))
    assert world.desk.post("/appointments", json=unknown).status_code == 404
    assert world.at(9) in world.offered()
