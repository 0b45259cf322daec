"""Limits that depend on the book: visits of a type on a provider's day, one future visit with a provider."""

from uuid import UUID

import psycopg
import pytest

from tests.booking.conftest import World


@pytest.fixture
def daily(world: World) -> World:
    """The visit type allows two a day."""
    answer = world.desk.patch(f"/visit-types/{world.visit}", json={"max_per_day": 2})
    assert answer.status_code == 200, answer.text
    assert answer.json()["max_per_day"] == 2
    return world


@pytest.fixture
def once(world: World) -> World:
    """The visit type allows one future appointment with a provider."""
    answer = world.desk.patch(f"/visit-types/{world.visit}", json={"one_future_per_provider": True})
    assert answer.json()["one_future_per_provider"] is True
    return world


def test_a_full_day_is_refused_and_not_offered(daily: World) -> None:
    daily.book(9)
    assert daily.at(10) in daily.offered()
    second = daily.book(10)
    day = {daily.at(hours / 2) for hours in range(48)}
    assert not daily.offered() & day
    refused = daily.me.post("/appointments", json=daily.body(11))
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["type"] == "/problems/slot-taken"
    assert [conflict["resource"] for conflict in problem["conflicts"]] == ["day"]
    assert problem["alternatives"]
    assert all(slot["start"][:10] != daily.at(11).isoformat()[:10] for slot in problem["alternatives"])
    told = daily.me.get(
        f"/providers/{daily.provider}/availability/explain",
        params={"visit_type_id": str(daily.visit), "clinic_id": str(daily.clinic), "start": daily.at(11).isoformat()},
    )
    assert [reason["code"] for reason in told.json()["reasons"]] == ["daily-limit"]
    # Given back, the day is open again at once; the next day never was closed.
    daily.me.post(f"/appointments/{second['id']}/cancel", json={})
    assert daily.at(11) in daily.offered()
    daily.book(11)
    daily.book(24 + 11)


def test_a_hold_counts_towards_the_day_and_becomes_its_visit(daily: World) -> None:
    daily.book(9)
    hold = daily.me.post("/holds", json=daily.body(10))
    assert hold.status_code == 201, hold.text
    assert daily.me.post("/holds", json=daily.body(11)).status_code == 409
    assert daily.me.post("/appointments", json=daily.body(11)).status_code == 409
    assert daily.me.post("/appointments", json={"hold_id": hold.json()["id"]}).status_code == 201


def test_a_visit_moves_within_its_full_day_but_not_into_another(daily: World) -> None:
    for hours in (9, 10, 33, 34):
        booked = daily.book(hours)
    within = daily.me.patch(f"/appointments/{booked['id']}", json={"start": daily.at(36).isoformat()})
    assert within.status_code == 200, within.text
    into = daily.me.patch(f"/appointments/{booked['id']}", json={"start": daily.at(12).isoformat()})
    assert into.status_code == 409
    assert into.json()["conflicts"][0]["resource"] == "day"


def test_the_desk_exceeds_a_limit_with_a_reason_that_is_kept(daily: World) -> None:
    daily.book(9)
    daily.book(10)
    more = daily.body(11, patient_id=str(daily.make.patient()))
    assert daily.desk.post("/appointments", json=more).status_code == 409
    booked = daily.desk.post("/appointments", json=more | {"override_reason": "an emergency"})
    assert booked.status_code == 201, booked.text
    assert booked.json()["override_reason"] == "an emergency"


def test_the_database_counts_too(daily: World) -> None:
    """Whoever writes past the service is refused by the trigger."""
    daily.book(9)
    one = daily.book(10)["id"]
    copy = """
        INSERT INTO appointment (id, provider_id, patient_id, clinic_id, visit_type_id, during, claims, status,
                                 changed_by, request_id)
        SELECT gen_random_uuid(), provider_id, %s, clinic_id, visit_type_id, later.during, later.during, 'scheduled',
               changed_by, request_id
        FROM appointment a,
             LATERAL (SELECT tstzrange(upper(a.during), upper(a.during) + interval '30 min')) AS later (during)
        WHERE id = %s"""
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        daily.make.conn.execute(copy, [daily.make.patient(), one])
    assert refused.value.diag.constraint_name == "appointment_within_limits"


def test_one_future_visit_with_a_provider(once: World) -> None:
    first = once.book(9)
    assert once.offered() == set()
    refused = once.me.post("/appointments", json=once.body(12))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/already-booked")
    # Moving it is no second one, and another patient is not concerned.
    assert once.me.patch(f"/appointments/{first['id']}", json={"start": once.at(14).isoformat()}).status_code == 200
    other = once.body(12, patient_id=str(once.make.patient()))
    assert once.desk.post("/appointments", json=other).status_code == 201
    once.me.post(f"/appointments/{first['id']}/cancel", json={})
    assert once.at(16) in once.offered()
    once.book(16)


def test_an_anonymous_hold_becomes_no_second_future_visit(once: World) -> None:
    once.book(9)
    hold = once.service.client().post("/holds", json=once.body(12)).json()
    taken = once.me.post("/appointments", json={"hold_id": hold["id"], "hold_token": hold["token"]})
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/already-booked")


def test_so_many_exceptions_on_a_providers_day(world: World) -> None:
    """`overrides_per_day` is 20 by default."""
    off_grid = [world.at(9 + n).replace(minute=7) for n in range(10)] + [
        world.at(10 + n).replace(minute=41) for n in range(11)
    ]
    answers = [
        world.desk.post(
            "/appointments",
            json=world.body(0, patient_id=str(world.make.patient()), override_reason="rounds")
            | {"start": start.isoformat(), "visit_type_id": str(short(world))},
        )
        for start in off_grid
    ]
    assert [answer.status_code for answer in answers] == [201] * 20 + [409], [a.text for a in answers if a.is_error]
    assert answers[-1].json()["type"] == "/problems/override-limit"


def short(world: World) -> UUID:
    return world.make.visit_type(10)
