"""One appointment's life over HTTP, step by step, and every refusal on the way."""

from datetime import datetime, timedelta

import pytest

from tests.booking.conftest import World


def test_book_answers_the_appointment_and_takes_the_slot_off_the_offer(world: World) -> None:
    assert world.at(9) in world.offered()
    answer = world.me.post("/appointments", json=world.body(9, reason="knee"))
    assert answer.status_code == 201
    booked = answer.json()
    assert (booked["status"], booked["version"], booked["reason"]) == ("scheduled", 1, "knee")
    assert booked["patient_id"] == str(world.patient)
    assert datetime.fromisoformat(booked["end"]) - datetime.fromisoformat(booked["start"]) == timedelta(minutes=30)
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"/api/v1/appointments/{booked['id']}"
    assert world.at(9) not in world.offered()
    assert world.me.get(f"/appointments/{booked['id']}").json() == booked


def test_a_taken_time_is_409_with_conflicts_and_alternatives_and_nobodys_identity(world: World) -> None:
    mine = world.book(9)
    other = world.make.patient()
    answer = world.desk.post("/appointments", json=world.body(9, patient_id=str(other)))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "/problems/slot-taken"
    assert [c["resource"] for c in problem["conflicts"]] == ["provider"]
    assert str(world.patient) not in answer.text
    assert str(mine["id"]) not in answer.text
    nearest = [datetime.fromisoformat(slot["start"]) for slot in problem["alternatives"]]
    assert len(nearest) == 5
    assert world.at(8.5) in nearest
    assert world.at(9.5) in nearest
    again = world.desk.post(
        "/appointments", json=world.body(9, patient_id=str(other), start=problem["alternatives"][0]["start"])
    )
    assert again.status_code == 201


def test_every_reason_is_told_at_once(world: World) -> None:
    world.make.conn.execute(
        "UPDATE visit_type SET self_bookable = false, min_notice_min = 60000 WHERE id = %s", [world.visit]
    )
    world.make.conn.execute("UPDATE provider SET accepting_new_patients = false WHERE id = %s", [world.provider])
    answer = world.me.post("/appointments", json=world.body(9.125))
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/not-bookable"
    codes = {reason["code"] for reason in answer.json()["reasons"]}
    assert codes == {"staff-only", "short-notice", "not-accepting-new-patients", "off-grid"}


def test_outside_hours_closure_time_off_and_horizon(world: World) -> None:
    world.make.conn.execute("UPDATE visit_type SET horizon_days = 30 WHERE id = %s", [world.visit])
    world.make.exception(world.provider, world.at(9), world.at(10))
    world.make.closure(world.clinic, world.at(12), world.at(13))
    stranger = world.make.provider()

    def codes(hours: float, **more: object) -> set[str]:
        answer = world.me.post("/appointments", json=world.body(hours, **more))
        assert answer.status_code == 422, answer.text
        return {reason["code"] for reason in answer.json()["reasons"]}

    assert codes(9) == {"time-off-or-closure"}
    assert codes(8.75) >= {"time-off-or-closure"}
    assert codes(12.5) == {"time-off-or-closure"}
    assert codes(9, provider_id=str(stranger)) == {"outside-working-time"}
    assert codes(24 * 40) == {"beyond-horizon"}
    assert codes(-24 * 5) == {"in-the-past"}
    assert not {world.at(9), world.at(9.5), world.at(12), world.at(12.5)} & world.offered()
    assert {world.at(8.5), world.at(10), world.at(13)} <= world.offered()


def test_staff_override_with_a_reason(world: World) -> None:
    patient = str(world.make.patient())
    refused = world.desk.post("/appointments", json=world.body(9.125, patient_id=patient))
    assert refused.status_code == 422
    done = world.desk.post("/appointments", json=world.body(9.125, patient_id=patient, override_reason="walk-in"))
    assert done.status_code == 201
    assert done.json()["override_reason"] == "walk-in"
    forbidden = world.me.post("/appointments", json=world.body(11.125, override_reason="I want to"))
    assert forbidden.status_code == 403
    plain = world.desk.post("/appointments", json=world.body(14, patient_id=patient, override_reason="not needed"))
    assert plain.json()["override_reason"] is None


def test_overbooking_takes_another_lane_and_only_so_many(world: World) -> None:
    world.book(9)
    patients = [str(world.make.patient()) for _ in range(2)]
    bodies = [world.body(9, patient_id=p, overbook=True, override_reason="emergency") for p in patients]
    first, second = (world.desk.post("/appointments", json=body) for body in bodies)
    assert (first.status_code, first.json()["lane"]) == (201, 1)
    assert second.status_code == 409
    without = world.desk.post("/appointments", json=world.body(9, patient_id=patients[1], overbook=True))
    assert without.status_code == 422


def test_move_releases_the_old_time_and_resets_confirmed(world: World) -> None:
    booked = world.book(9)
    path = f"/appointments/{booked['id']}"
    assert world.me.post(f"{path}/confirm").json()["status"] == "confirmed"
    moved = world.me.patch(path, json={"start": world.at(9.5).isoformat()}, headers={"If-Match": '"2"'})
    assert moved.status_code == 200
    assert (moved.json()["status"], moved.json()["version"]) == ("scheduled", 3)
    offered = world.offered()
    assert world.at(9) in offered
    assert world.at(9.5) not in offered


def test_a_move_into_its_own_time_works(world: World) -> None:
    world.make.conn.execute("UPDATE visit_type SET slot_step_min = 15 WHERE id = %s", [world.visit])
    booked = world.book(9)
    moved = world.me.patch(f"/appointments/{booked['id']}", json={"start": world.at(9.25).isoformat()})
    assert moved.status_code == 200, moved.text


def test_a_failed_move_changes_nothing(world: World) -> None:
    booked = world.book(9)
    world.make.appointment(world.provider, world.clinic, world.visit, world.at(10), patient_id=world.make.patient())
    path = f"/appointments/{booked['id']}"
    taken = world.me.patch(path, json={"start": world.at(10).isoformat()})
    assert taken.status_code == 409
    assert taken.json()["alternatives"]
    assert world.me.patch(path, json={"start": world.at(10.1).isoformat()}).status_code == 422
    assert world.me.get(path).json() == booked


def test_stale_versions_are_412_and_say_todays(world: World) -> None:
    booked = world.book(9)
    path = f"/appointments/{booked['id']}"
    assert world.me.post(f"{path}/confirm", headers={"If-Match": '"1"'}).status_code == 200
    stale = world.me.patch(path, json={"reason": "other"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["version"]) == (412, 2)
    assert world.me.patch(path, json={"reason": "other", "version": 1}).status_code == 412
    assert world.me.patch(path, json={"reason": "other"}, headers={"If-Match": "garbage"}).status_code == 412
    edited = world.me.patch(path, json={"reason": "other", "version": 2})
    assert (edited.status_code, edited.json()["status"], edited.json()["reason"]) == (200, "confirmed", "other")


def test_the_day_from_check_in_to_completion_and_its_history(world: World) -> None:
    booked = world.book(9)
    path = f"/appointments/{booked['id']}"
    assert world.me.post(f"{path}/check-in").status_code == 403
    for call, status in (("check-in", "checked_in"), ("start", "in_progress"), ("complete", "completed")):
        answer = world.desk.post(f"{path}/{call}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    refused = world.desk.post(f"{path}/cancel", json={"reason": "too late"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/status-step")
    history = world.desk.get(f"{path}/history").json()["items"]
    assert [h["to_status"] for h in history] == ["scheduled", "checked_in", "in_progress", "completed"]
    assert all(h["changed_by"] and h["at"] for h in history)
    seen_by_patient = world.me.get(f"{path}/history").json()["items"]
    assert [h["changed_by"] is not None for h in seen_by_patient] == [True, False, False, False]


@pytest.mark.parametrize("how", ["cancel", "delete"])
def test_cancel_frees_the_time_at_once(world: World, how: str) -> None:
    path = f"/appointments/{world.book(9)['id']}"
    if how == "cancel":
        assert world.me.post(f"{path}/cancel", json={"reason": "better"}).json()["status_reason"] == "better"
    else:
        assert world.me.delete(path).status_code == 204
        assert world.me.get(path).json()["status_reason"] == "cancelled by patient"
    assert world.at(9) in world.offered()
    world.book(9)
    again = world.me.post(f"{path}/cancel")
    assert again.status_code == 409


def test_the_reason_of_a_cancelled_visit_can_be_corrected_after_its_time_was_given_away(world: World) -> None:
    path = f"/appointments/{world.book(9)['id']}"
    world.me.delete(path)
    world.book(9)
    assert world.me.patch(path, json={"reason": "knee"}).status_code == 409
    edited = world.desk.patch(path, json={"reason": "knee"})
    assert (edited.status_code, edited.json()["reason"], edited.json()["status"]) == (200, "knee", "cancelled")
    assert world.desk.patch(path, json={}).json()["version"] == edited.json()["version"]
    assert world.desk.patch(path, json={"start": world.at(12).isoformat()}).status_code == 409


def test_a_visit_that_has_begun_is_the_desks(world: World) -> None:
    path = f"/appointments/{world.book(9)['id']}"
    assert world.desk.post(f"{path}/check-in").status_code == 200
    for answer in (
        world.me.post(f"{path}/cancel"),
        world.me.post(f"{path}/confirm"),
        world.me.patch(path, json={"start": world.at(12).isoformat()}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/status-step")
    past = world.make.appointment(
        world.provider, world.clinic, world.visit, world.at(-24 * 4), patient_id=world.patient
    )
    assert world.me.post(f"/appointments/{past}/confirm").status_code == 409
    assert world.desk.post(f"/appointments/{past}/no-show").status_code == 200


def test_an_overbooked_visit_lends_nobody_its_lane(world: World) -> None:
    """Beside an overbooked visit no time is free, and moving one never makes a second overbooking."""
    first, other = world.book(9), world.book(11)
    patient = world.make.patient()
    overbooked = world.body(9, patient_id=str(patient), overbook=True, override_reason="emergency")
    beside = world.desk.post("/appointments", json=overbooked).json()
    assert beside["lane"] == 1
    world.me.delete(f"/appointments/{first['id']}")
    assert world.at(9) not in world.offered()
    taken = world.me.post("/appointments", json=world.body(9))
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/slot-taken")
    theirs = world.service.client(world.make.token("patient", patient_id=patient))
    path = f"/appointments/{beside['id']}"
    assert theirs.patch(path, json={"start": str(other["start"])}).status_code == 409
    moved = theirs.patch(path, json={"start": world.at(13).isoformat()})
    assert (moved.status_code, moved.json()["lane"], moved.json()["override_reason"]) == (200, 0, None)
    assert world.at(13) not in world.offered()
    assert world.at(9) in world.offered()


def test_an_override_exempts_from_what_it_overrode_and_nothing_else(world: World) -> None:
    patient = str(world.make.patient())
    walk_in = world.body(9.125, patient_id=patient, override_reason="walk-in")
    assert world.desk.post("/appointments", json=walk_in).status_code == 201
    away = {"kind": "time_off", "start": world.at(8).isoformat(), "end": world.at(10).isoformat()}
    stranded = world.desk.post(f"/providers/{world.provider}/exceptions", json=away)
    assert (stranded.status_code, stranded.json()["type"]) == (409, "/problems/appointments-stranded")


def test_the_desk_assigns_rooms_that_are_in_use_and_fit(world: World) -> None:
    visit = world.make.visit_type(30, room_kind="procedure")
    rooms = [world.make.room(world.clinic, "procedure") for _ in range(2)]
    wrong = [
        world.make.room(world.clinic, "consultation"),
        world.make.room(world.clinic, "procedure", active=False),
        world.make.room(world.make.clinic(), "procedure"),
    ]
    booked = world.book(9, visit_type_id=str(visit))
    path = f"/appointments/{booked['id']}"
    for room in wrong:
        assert world.desk.patch(path, json={"room_id": str(room)}).status_code == 422
    (free,) = {str(room) for room in rooms} - {booked["room_id"]}
    assert world.me.patch(path, json={"room_id": free}).status_code == 403
    moved = world.desk.patch(path, json={"room_id": free})
    assert (moved.status_code, moved.json()["room_id"], moved.json()["start"]) == (200, free, booked["start"])
    other = world.desk.patch(path, json={"room_id": str(wrong[0]), "override_reason": "flood in the other"})
    assert other.json()["room_id"] == str(wrong[0])


def test_a_late_arrival_comes_back_only_if_the_time_is_free(world: World) -> None:
    paths = [f"/appointments/{world.book(hours)['id']}" for hours in (9, 10)]
    for path in paths:
        assert world.desk.post(f"{path}/no-show").status_code == 200
    world.make.appointment(world.provider, world.clinic, world.visit, world.at(10), patient_id=world.make.patient())
    assert world.desk.post(f"{paths[0]}/check-in").status_code == 200
    taken = world.desk.post(f"{paths[1]}/check-in")
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/slot-taken")


def test_buffers_keep_the_provider_free_but_not_the_patient(world: World) -> None:
    buffered = world.make.visit_type(30, buffer_before_min=15, buffer_after_min=15)
    world.book(9, visit_type_id=str(buffered))
    offered = world.offered()
    assert not {world.at(8.5), world.at(9.5)} & offered
    assert {world.at(8), world.at(10)} <= offered
    elsewhere = world.make.provider()
    world.make.every_day(elsewhere, world.clinic)
    world.book(9.5, provider_id=str(elsewhere))


def test_time_of_day_and_clinic_filter(world: World) -> None:
    parts = ("night", "morning", "afternoon", "evening")
    hours = {part: {start.hour for start in world.offered(time_of_day=part)} for part in parts}
    assert hours == {
        "night": set(range(6)),
        "morning": set(range(6, 12)),
        "afternoon": set(range(12, 17)),
        "evening": set(range(17, 24)),
    }
    assert world.offered(clinic_id=str(world.make.clinic())) == set()


def test_a_carve_out_is_offered_to_its_types_only_until_released(world: World) -> None:
    special, provider = world.make.visit_type(30), world.make.provider()
    for weekday in range(1, 8):
        world.make.schedule(provider, world.clinic, weekday, visit_type_ids=[special], release_hours=30)

    def offered(visit: object) -> set[str]:
        path = f"/providers/{provider}/availability"
        return {slot["start"] for slot in world.me.get(path, params={"visit_type_id": str(visit)}).json()["slots"]}

    reserved, public = offered(special), offered(world.visit)
    assert public < reserved
    assert public, "the sessions of the next 30 hours are open to all"
    answer = world.me.post("/appointments", json=world.body(9 + 24 * 5, provider_id=str(provider)))
    assert {r["code"] for r in answer.json()["reasons"]} == {"reserved-session"}


def test_explain_lists_rules_and_what_is_booked(world: World) -> None:
    world.book(9)
    params = {"visit_type_id": str(world.visit), "clinic_id": str(world.clinic)}
    path = f"/providers/{world.provider}/availability/explain"
    off = world.me.get(path, params={**params, "start": world.at(9.125).isoformat()}).json()
    assert {r["code"] for r in off["reasons"]} == {"off-grid", "patient-taken", "provider-taken"}
    free = world.me.get(path, params={**params, "start": world.at(10).isoformat()}).json()
    assert free["bookable"] is True
    assert free["reasons"] == []


def test_what_the_patient_has_elsewhere_is_explained_and_not_offered(world: World) -> None:
    other = world.make.provider()
    world.make.every_day(other, world.clinic)
    world.book(9, provider_id=str(other))
    assert world.at(9) not in world.offered()
    assert world.at(9.5) in world.offered()
    params = {"visit_type_id": str(world.visit), "clinic_id": str(world.clinic), "start": world.at(9).isoformat()}
    path = f"/providers/{world.provider}/availability"
    told = world.me.get(f"{path}/explain", params=params).json()
    assert (told["bookable"], [r["code"] for r in told["reasons"]]) == (False, ["patient-taken"])
    refused = world.me.post("/appointments", json=world.body(9))
    assert refused.status_code == 409
    assert [c["resource"] for c in refused.json()["conflicts"]] == ["patient"]
    nearest = {datetime.fromisoformat(slot["start"]) for slot in refused.json()["alternatives"]}
    assert world.at(9) not in nearest
    assert world.at(9.5) in nearest
    anybody = world.service.client().get(path, params={"visit_type_id": str(world.visit)}).json()["slots"]
    assert world.at(9) in {datetime.fromisoformat(slot["start"]) for slot in anybody}


def test_a_provider_without_room_for_new_patients_is_offered_to_known_ones(world: World) -> None:
    world.make.conn.execute("UPDATE provider SET accepting_new_patients = false WHERE id = %s", [world.provider])
    assert not world.offered()
    params = {"visit_type_id": str(world.visit)}
    assert world.desk.get(f"/providers/{world.provider}/availability", params=params).json()["slots"]
    world.make.appointment(world.provider, world.clinic, world.visit, world.at(9), patient_id=world.patient)
    world.make.conn.execute("UPDATE appointment SET status = 'checked_in' WHERE patient_id = %s", [world.patient])
    assert world.at(10) in world.offered()
