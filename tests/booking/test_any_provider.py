"""Any provider of a specialty: the least-loaded one that can, or the first free time of all."""

from dataclasses import dataclass
from uuid import UUID

import pytest

from tests.booking.conftest import World


@dataclass
class Team:
    world: World
    specialty: str
    providers: list[UUID]

    def ask(self, hours: float | None, **more: object) -> dict[str, object]:
        body = self.world.body(hours or 0, specialty_id=self.specialty, **more)
        del body["provider_id"]
        if hours is None:
            del body["start"]
        return body


@pytest.fixture
def team(world: World) -> Team:
    """Three providers of one specialty at the clinic, `world.provider` among them."""
    specialty = world.desk.post("/specialties", json={"name": f"Cardiology {world.provider}"}).json()["id"]
    providers = [world.provider, world.make.provider(), world.make.provider()]
    for provider in providers:
        if provider != world.provider:
            world.make.every_day(provider, world.clinic)
        assert world.desk.patch(f"/providers/{provider}", json={"specialty_ids": [specialty]}).status_code == 200
    return Team(world, specialty, providers)


def test_each_is_booked_once_and_then_nobody_is_left(team: Team) -> None:
    world = team.world
    answers = [
        world.desk.post("/appointments", json=team.ask(9, patient_id=str(world.make.patient()))) for _ in range(4)
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 409]
    assert {answer.json()["provider_id"] for answer in answers[:3]} == {str(provider) for provider in team.providers}
    problem = answers[3].json()
    assert problem["type"] == "/problems/slot-taken"
    assert {slot["provider_id"] for slot in problem["alternatives"]} <= {str(provider) for provider in team.providers}


def test_the_least_loaded_is_asked_first(team: Team) -> None:
    world = team.world
    for provider in team.providers[:2]:
        body = world.body(8, patient_id=str(world.make.patient())) | {"provider_id": str(provider)}
        assert world.desk.post("/appointments", json=body).status_code == 201
    booked = world.me.post("/appointments", json=team.ask(12))
    assert booked.json()["provider_id"] == str(team.providers[2])


def test_without_a_start_the_first_free_time_is_booked(team: Team) -> None:
    world = team.world
    # Else the first free time is within the hour, and may pass between the question and the booking.
    world.make.closure(world.clinic, world.at(-72), world.at(0))
    first = world.me.get(
        "/availability", params={"visit_type_id": str(world.visit), "specialty": team.specialty, "limit": 1}
    ).json()["slots"][0]
    booked = world.me.post("/appointments", json=team.ask(None))
    assert booked.status_code == 201, booked.text
    assert booked.json()["start"] == first["start"].replace("Z", "+00:00")


def test_rules_are_told_when_nobody_can(team: Team) -> None:
    refused = team.world.me.post("/appointments", json=team.ask(9.1))
    assert refused.status_code == 422
    assert [reason["code"] for reason in refused.json()["reasons"]] == ["off-grid"]


def test_a_busy_patient_hears_that_it_is_them(team: Team) -> None:
    team.world.book(9)
    refused = team.world.me.post("/appointments", json=team.ask(9))
    assert refused.status_code == 409
    assert {conflict["resource"] for conflict in refused.json()["conflicts"]} == {"patient"}


def test_what_does_not_exist_or_fit(team: Team) -> None:
    world = team.world
    nothing = team.ask(9) | {"specialty_id": str(world.patient)}
    assert world.me.post("/appointments", json=nothing).status_code == 404
    elsewhere = team.ask(9) | {"clinic_id": str(world.make.clinic())}
    refused = world.me.post("/appointments", json=elsewhere)
    assert refused.status_code == 422
    assert refused.json()["reasons"][0]["code"] == "no-provider"
    both = team.ask(9) | {"provider_id": str(world.provider)}
    assert world.me.post("/appointments", json=both).json()["type"] == "/problems/invalid-request"


def test_availability_across_is_in_order_and_pages(team: Team) -> None:
    world = team.world
    asked = {"visit_type_id": str(world.visit), "specialty": team.specialty, "limit": "7"}
    asked["from"] = world.at(0).date().isoformat()  # of today's times the first may pass between two pages
    seen: list[tuple[str, str]] = []
    cursor = None
    for _ in range(5):
        page = world.me.get("/availability", params=asked | ({"cursor": cursor} if cursor else {})).json()
        seen += [(slot["start"], slot["provider_id"]) for slot in page["slots"]]
        cursor = page["next_cursor"]
        assert cursor
    whole = world.me.get("/availability", params=asked | {"limit": "35"}).json()["slots"]
    assert seen == sorted(seen) == [(slot["start"], slot["provider_id"]) for slot in whole]
    each = world.me.get("/availability", params=asked | {"per_provider": "1"}).json()
    assert sorted(slot["provider_id"] for slot in each["slots"]) == sorted(map(str, team.providers))


def test_a_month_shows_its_free_days(team: Team) -> None:
    world = team.world
    span = {"from": world.at(0).date().isoformat(), "to": world.at(72).date().isoformat()}
    asked = {"visit_type_id": str(world.visit), **span}
    across = world.me.get("/availability/days", params=asked | {"specialty": team.specialty}).json()["days"]
    one = world.me.get(f"/providers/{world.provider}/availability/days", params=asked).json()["days"]
    assert [day["date"] for day in across] == [world.at(24 * n).date().isoformat() for n in range(3)]
    assert [(day["free"], day["providers"]) for day in one] == [(48, 1)] * 3
    assert [(day["free"], day["providers"]) for day in across] == [(144, 3)] * 3
    world.book(9)
    again = world.desk.get(f"/providers/{world.provider}/availability/days", params=asked).json()["days"]
    assert [day["free"] for day in again] == [47, 48, 48]
