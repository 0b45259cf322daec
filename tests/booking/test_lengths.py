"""A visit with a length of its own: the desk makes it longer or shorter where it stands, and it stays so."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from psycopg.types.range import TimestamptzRange

from frontdesk import clock
from tests.booking.conftest import World

MINUTE = timedelta(minutes=1)


def path(visit: dict[str, object]) -> str:
    return f"/appointments/{visit['id']}"


def until(world: World, visit: dict[str, object], hours: float, **more: object) -> httpx.Response:
    """The desk asks for another end."""
    return world.desk.patch(path(visit), json={"end": world.at(hours).isoformat(), **more})


def slug(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def row(world: World, visit: dict[str, object]) -> dict[str, Any]:
    found = world.make.conn.execute("SELECT to_jsonb(a) FROM appointment a WHERE id = %s", [visit["id"]]).fetchone()
    assert found is not None
    told: dict[str, Any] = found[0]
    return told


def beside(world: World, hours: float, **columns: Any) -> UUID:
    """Another patient's visit with the provider, half an hour."""
    place = (world.provider, world.clinic, world.visit, world.at(hours))
    return world.make.appointment(*place, patient_id=world.make.patient(), **columns)


def test_longer_and_shorter(world: World) -> None:
    visit = world.book(9)
    longer = until(world, visit, 10)
    assert longer.status_code == 200, longer.text
    kept = ("start", "provider_id", "clinic_id", "room_id", "lane", "override_reason", "status", "reason")
    assert {name: longer.json()[name] for name in kept} == {name: visit[name] for name in kept}
    assert (datetime.fromisoformat(longer.json()["end"]), longer.json()["version"]) == (world.at(10), 2)
    assert not {world.at(9), world.at(9.5)} & world.offered()
    assert world.at(10) in world.offered()
    shorter = until(world, visit, 9.25)
    assert (datetime.fromisoformat(shorter.json()["end"]), shorter.json()["version"]) == (world.at(9.25), 3)
    assert world.at(9.5) in world.offered()
    ends = [one["end"] for one in world.desk.get(f"{path(visit)}/history").json()["items"]]
    assert [datetime.fromisoformat(end) for end in ends] == [world.at(9.5), world.at(10), world.at(9.25)]
    told = world.make.conn.execute(
        "SELECT payload ->> 'old_end', payload ->> 'end' FROM outbox"
        " WHERE topic = 'appointments.moved.v1' AND payload ->> 'appointment_id' = %s ORDER BY payload ->> 'version'",
        [visit["id"]],
    ).fetchall()
    assert [tuple(map(datetime.fromisoformat, ends)) for ends in told] == [
        (world.at(9.5), world.at(10)),
        (world.at(10), world.at(9.25)),
    ]


def test_the_same_end_changes_nothing_and_a_reason_comes_along(world: World) -> None:
    visit = world.book(9)
    assert until(world, visit, 9.5).json() == visit
    assert until(world, visit, 10, reason="an interpreter").json()["reason"] == "an interpreter"
    assert until(world, visit, 9.5, version=1).status_code == 412
    assert row(world, visit)["version"] == 2


def test_only_by_the_desk(world: World) -> None:
    visit = world.book(9)
    asked = {"end": world.at(10).isoformat()}
    staff = world.service.client(world.make.token("staff", clinic_ids=(world.clinic,)))
    other = world.service.client(world.make.token("staff", clinic_ids=(world.make.clinic(),)))
    provider = world.service.client(world.make.token("provider", provider_id=world.provider))
    assert slug(world.me.patch(path(visit), json=asked)) == (403, "forbidden")
    assert slug(world.me.patch(path(visit), json=asked | {"start": world.at(11).isoformat()})) == (403, "forbidden")
    assert provider.patch(path(visit), json=asked).status_code == 403
    assert other.patch(path(visit), json=asked).status_code == 404
    assert row(world, visit)["version"] == 1
    assert staff.patch(path(visit), json=asked).status_code == 200


@pytest.mark.parametrize(
    "end",
    [
        timedelta(0),
        -30 * MINUTE,
        4 * MINUTE,
        45 * MINUTE + timedelta(seconds=30),
        timedelta(hours=24, minutes=1),
        timedelta(days=400),
    ],
)
def test_what_is_no_length(world: World, end: timedelta) -> None:
    visit = world.book(9)
    refused = world.desk.patch(path(visit), json={"end": (world.at(9) + end).isoformat()})
    assert slug(refused) == (422, "invalid-request")
    assert row(world, visit)["version"] == 1


def test_an_imported_visit_keeps_its_seconds(world: World) -> None:
    start = world.at(9) + timedelta(seconds=30)
    place = (world.provider, world.clinic, world.visit, start)
    visit = {"id": world.make.appointment(*place, patient_id=world.patient, origin="imported")}
    longer = world.desk.patch(path(visit), json={"end": (start + 45 * MINUTE).isoformat(), "override_reason": "x"})
    assert longer.status_code == 200, longer.text
    assert datetime.fromisoformat(longer.json()["start"]) == start


def test_the_least_and_the_most(world: World) -> None:
    visit = world.book(9)
    for length in (5 * MINUTE, timedelta(hours=24)):
        answer = world.desk.patch(path(visit), json={"end": (world.at(9) + length).isoformat()})
        assert answer.status_code == 200, answer.text
        assert datetime.fromisoformat(answer.json()["end"]) == world.at(9) + length
    assert world.desk.patch(path(visit), json={"end": None}).status_code == 422
    both = {"end": world.at(11).isoformat(), "room_id": str(world.make.room(world.clinic))}
    assert slug(world.desk.patch(path(visit), json=both)) == (422, "invalid-request")


def test_what_is_taken_is_told_and_nothing_changes(world: World) -> None:
    visit = world.book(9)
    beside(world, 9.75)
    refused = until(world, visit, 10)
    assert slug(refused) == (409, "slot-taken")
    assert [(one["resource"], one["start"][11:16]) for one in refused.json()["conflicts"]] == [("provider", "09:45")]
    # What is offered in its place is as long as was asked for.
    for slot in refused.json()["alternatives"]:
        opens, closes = (datetime.fromisoformat(slot[edge]) for edge in ("start", "end"))
        assert closes - opens == timedelta(hours=1)
        assert closes <= world.at(9.75) or opens >= world.at(10.25)
    assert row(world, visit)["version"] == 1
    assert until(world, visit, 9.75).status_code == 200, "up to the next it is free"


def test_the_patients_other_visit_is_in_the_way(world: World) -> None:
    elsewhere = world.make.provider()
    world.make.every_day(elsewhere, world.clinic)
    visit = world.book(9)
    world.book(9.5, provider_id=str(elsewhere))
    refused = until(world, visit, 9.75)
    assert [one["resource"] for one in refused.json()["conflicts"]] == ["patient"]


def test_a_live_hold_is_in_the_way_and_an_overdue_one_is_not(world: World) -> None:
    visit = world.book(9)
    hold = world.service.client().post("/holds", json=world.body(9.5))
    assert hold.status_code == 201
    assert slug(until(world, visit, 10)) == (409, "slot-taken")
    world.make.conn.execute(
        "UPDATE appointment SET hold_expires_at = now() - interval '1 second' WHERE id = %s", [hold.json()["id"]]
    )
    assert until(world, visit, 10).status_code == 200


def test_buffers_stay_what_they_were(world: World) -> None:
    buffered = world.make.visit_type(30, buffer_before_min=10, buffer_after_min=20)
    visit = world.book(9, visit_type_id=str(buffered))
    world.make.conn.execute(
        "UPDATE visit_type SET buffer_before_min = 0, buffer_after_min = 0 WHERE id = %s", [buffered]
    )
    assert until(world, visit, 10).status_code == 200
    found = world.make.conn.execute("SELECT claims FROM appointment WHERE id = %s", [visit["id"]]).fetchone()
    assert found == (TimestamptzRange(world.at(9) - 10 * MINUTE, world.at(10) + 20 * MINUTE),)


def test_a_room_that_is_taken_gives_way_to_another_of_its_kind(world: World) -> None:
    kind = world.make.visit_type(30, room_kind="procedure")
    rooms = [world.make.room(world.clinic, "procedure") for _ in range(2)]
    visit = world.book(9, visit_type_id=str(kind))
    (other,) = {str(room) for room in rooms} - {str(visit["room_id"])}
    colleague = world.make.provider()

    def takes(room: object, hours: float) -> None:
        place = (colleague, world.clinic, kind, world.at(hours))
        world.make.appointment(*place, patient_id=world.make.patient(), room_id=room)

    takes(other, 8.5)
    takes(visit["room_id"], 10)
    assert until(world, visit, 10).json()["room_id"] == visit["room_id"], "it stays while it can"
    longer = until(world, visit, 10.25)
    assert (longer.status_code, longer.json()["room_id"]) == (200, other)
    takes(other, 10.5)
    refused = until(world, visit, 10.75)
    assert (slug(refused), refused.json()["conflicts"][0]["resource"]) == ((409, "slot-taken"), "room")


def test_a_room_that_the_desk_chose_stays(world: World) -> None:
    visit = world.book(9)
    room = str(world.make.room(world.clinic, "large"))
    assert world.desk.patch(path(visit), json={"room_id": room}).status_code == 200
    assert until(world, visit, 10).json()["room_id"] == room


def evening(world: World) -> dict[str, object]:
    """The last half hour of somebody who works until 17:00."""
    hours = "UPDATE schedule SET start_time = '09:00', end_time = '17:00' WHERE provider_id = %s"
    world.make.conn.execute(hours, [world.provider])
    return world.book(16.5)


def test_beyond_working_time_with_a_reason_only(world: World) -> None:
    visit = evening(world)
    refused = until(world, visit, 17.25)
    assert slug(refused) == (422, "not-bookable")
    assert [reason["code"] for reason in refused.json()["reasons"]] == ["outside-working-time"]
    done = until(world, visit, 17.25, override_reason="they need it")
    assert (done.status_code, done.json()["override_reason"]) == (200, "they need it")
    assert row(world, visit)["overridden"] == ["outside-working-time"]
    assert until(world, visit, 17.5).status_code == 422, "longer still needs a reason of its own"
    assert until(world, visit, 16.75).status_code == 200, "what is shorter breaks nothing"
    assert (row(world, visit)["overridden"], row(world, visit)["override_reason"]) == ([], "they need it")


def test_only_rules_about_the_end_count(world: World) -> None:
    patient = str(world.make.patient())
    body = world.body(9.25, patient_id=patient, override_reason="walk-in")
    visit = world.desk.post("/appointments", json=body).json()
    assert row(world, visit)["overridden"] == ["off-grid"]
    world.make.conn.execute("UPDATE provider SET accepting_new_patients = false WHERE id = %s", [world.provider])
    world.make.conn.execute("UPDATE visit_type SET horizon_days = 1 WHERE id = %s", [world.visit])
    assert until(world, visit, 10).status_code == 200
    assert (row(world, visit)["overridden"], row(world, visit)["override_reason"]) == (["off-grid"], "walk-in")
    world.make.closure(world.clinic, world.at(11), world.at(12))
    assert [one["code"] for one in until(world, visit, 11.5).json()["reasons"]] == ["time-off-or-closure"]


def test_so_many_exceptions_a_day_and_no_more(world: World) -> None:
    visit = evening(world)
    for n in range(20):
        world.make.appointment(
            world.provider,
            world.clinic,
            world.visit,
            world.at(9) + n * 10 * MINUTE,
            minutes=10,
            patient_id=world.make.patient(),
            override_reason="x",
            overridden=["off-grid"],
        )
    assert slug(until(world, visit, 17.25, override_reason="they need it")) == (409, "override-limit")


def test_a_visit_that_runs_late_may_still_be_made_longer(world: World) -> None:
    start = clock.now().replace(second=0, microsecond=0) - 10 * MINUTE
    visit = world.make.appointment(
        world.provider,
        world.clinic,
        world.visit,
        start,
        patient_id=world.patient,
        status="confirmed",
        origin="imported",
    )
    longer = world.desk.patch(f"/appointments/{visit}", json={"end": (start + 45 * MINUTE).isoformat()})
    assert longer.status_code == 200, longer.text


@pytest.mark.parametrize("end", [9.25, 10])
def test_who_will_come_still_will(world: World, end: float) -> None:
    """The patient has said that they come at nine, and comes at nine."""
    visit = world.desk.post("/appointments", json=world.body(9, patient_id=str(world.patient))).json()
    assert world.desk.post(f"/appointments/{visit['id']}/confirm").status_code == 200
    assert until(world, visit, end).json()["status"] == "confirmed"
    moved = world.desk.patch(f"/appointments/{visit['id']}", json={"start": world.at(13).isoformat()})
    assert moved.json()["status"] == "scheduled"


@pytest.mark.parametrize("status", ["checked_in", "in_progress", "completed", "cancelled", "no_show"])
def test_not_once_it_has_begun_or_is_over(world: World, status: str) -> None:
    place = (world.provider, world.clinic, world.visit, world.at(9))
    visit = world.make.appointment(*place, patient_id=world.patient, status=status, origin="imported")
    assert slug(until(world, {"id": visit}, 10)) == (409, "status-step")
    assert slug(until(world, {"id": visit}, 9.25)) == (409, "status-step")


def test_not_a_hold_and_not_a_group(world: World) -> None:
    hold = world.desk.post("/holds", json=world.body(9, patient_id=str(world.patient))).json()
    assert slug(until(world, hold, 10)) == (409, "status-step")
    kind = world.make.visit_type(60, capacity=3)
    place = (world.provider, world.clinic, kind, world.at(12), 60)
    session = world.make.appointment(*place, capacity=3)
    seat = world.make.appointment(*place, patient_id=world.patient, session_id=session, seat=1)
    for id_ in (session, seat):
        for end in (12.5, 13.5):
            refused = until(world, {"id": id_}, end, override_reason="why not")
            assert slug(refused) == (422, "not-bookable")
            assert "group-visit" in {reason["code"] for reason in refused.json()["reasons"]}


def test_a_seat_stays_where_its_group_is(world: World) -> None:
    """Also one of a kind of visit of which no groups are made any more."""
    place = (world.provider, world.clinic, world.visit, world.at(12))
    session = world.make.appointment(*place, capacity=3)
    seat = world.make.appointment(*place, patient_id=world.patient, session_id=session, seat=1)
    moved = world.desk.patch(f"/appointments/{seat}", json={"start": world.at(14).isoformat()})
    assert slug(moved) == (409, "status-step")


def test_the_time_it_gains_is_not_beside_an_overbooked_visit(world: World) -> None:
    visit = world.book(9)
    beside(world, 9, lane=1, override_reason="an emergency")
    beside(world, 10, lane=1, override_reason="another")
    assert until(world, visit, 10).status_code == 200, "what stands beside it already is not in the way"
    assert slug(until(world, visit, 10.25)) == (409, "slot-taken")


def test_an_overbooked_visit_grows_into_free_time_only(world: World) -> None:
    world.book(9)
    beside(world, 10)
    over = {"id": beside(world, 9, lane=1, override_reason="an emergency")}
    assert until(world, over, 10).status_code == 200
    assert (row(world, over)["lane"], row(world, over)["override_reason"]) == (1, "an emergency")
    assert slug(until(world, over, 10.25)) == (409, "slot-taken")


def test_a_move_keeps_the_length_and_is_judged_by_it(world: World) -> None:
    visit = world.book(9)
    assert until(world, visit, 10.5).status_code == 200
    beside(world, 13)
    refused = world.me.patch(path(visit), json={"start": world.at(12).isoformat()})
    assert slug(refused) == (409, "slot-taken")
    moved = world.me.patch(path(visit), json={"start": world.at(11.5).isoformat()})
    assert (moved.status_code, datetime.fromisoformat(moved.json()["end"])) == (200, world.at(13))
    both = {"start": world.at(14).isoformat(), "end": world.at(14.75).isoformat()}
    assert datetime.fromisoformat(world.desk.patch(path(visit), json=both).json()["end"]) == world.at(14.75)


def test_another_length_of_the_type_is_not_that_of_visits_booked_before(world: World) -> None:
    visit = world.book(9)
    world.make.conn.execute("UPDATE visit_type SET duration_min = 60 WHERE id = %s", [world.visit])
    moved = world.me.patch(path(visit), json={"start": world.at(11).isoformat()})
    assert datetime.fromisoformat(moved.json()["end"]) == world.at(11.5)


def test_on_the_night_when_clocks_change_a_minute_is_a_minute(world: World) -> None:
    """01:30 in Madrid, before the hour that is skipped, and two hours on: 04:30 by the clocks."""
    start = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    clinic = world.make.clinic("Europe/Madrid")
    provider = world.make.provider()
    world.make.every_day(provider, clinic)
    visit = world.make.appointment(provider, clinic, world.visit, start, patient_id=world.patient)
    end = (start + timedelta(hours=2)).astimezone(ZoneInfo("Europe/Madrid"))
    assert f"{end:%H:%M}" == "04:30"
    longer = world.desk.patch(f"/appointments/{visit}", json={"end": end.isoformat()})
    assert (longer.status_code, datetime.fromisoformat(longer.json()["end"]) - start) == (200, timedelta(hours=2))
    day = world.desk.patch(f"/appointments/{visit}", json={"end": (start + timedelta(hours=24)).isoformat()})
    assert day.status_code == 200, "around the clock, over a day of 23 hours"


def test_across_the_midnight_of_the_clinic(world: World) -> None:
    """Working time of the next day counts, and where there is none it does not."""
    night, clinic = world.make.provider(), world.make.clinic("America/New_York")
    world.make.every_day(night, clinic, "00:00", "01:00")
    world.make.every_day(night, clinic, "20:00", "00:00")
    start = datetime(2027, 6, 2, 3, 30, tzinfo=UTC)  # 23:30 in New York
    visit = world.make.appointment(night, clinic, world.visit, start, patient_id=world.patient)
    longer = world.desk.patch(f"/appointments/{visit}", json={"end": (start + 90 * MINUTE).isoformat()})
    assert longer.status_code == 200, longer.text
    assert slug(world.desk.patch(f"/appointments/{visit}", json={"end": (start + 95 * MINUTE).isoformat()})) == (
        422,
        "not-bookable",
    )
