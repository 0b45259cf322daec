"""New working time is offered before it is anybody's, and what the worker hears afterwards fills the rest."""

from datetime import datetime

from tests.waitlist.conftest import World


def test_a_new_session_goes_to_those_who_wait(world: World) -> None:
    (_, me), (_, them) = world.someone(), world.someone()
    world.fill_day()
    mine, theirs = world.wait(me, urgency="flexible"), world.wait(them)
    extra = {"kind": "extra_session", "clinic_id": str(world.clinic)}
    span = {"start": world.at(14).isoformat(), "end": world.at(15).isoformat()}
    answer = world.desk.post(f"/providers/{world.provider}/exceptions", json=extra | span)
    assert answer.status_code == 201, answer.text
    assert datetime.fromisoformat(world.entry(them, theirs)["offer"]["start"]) == world.at(14)
    assert datetime.fromisoformat(world.entry(me, mine)["offer"]["start"]) in (world.at(14.25), world.at(14.5))


def test_a_refused_change_of_hours_offers_nothing_and_poisons_no_plan(world: World) -> None:
    """The session would be offered, but then the transaction fails: later working time is not that of the failure."""
    visits = world.fill_day()
    _, me = world.someone()
    entry = world.wait(me)
    world.cancel(visits[0])
    offer = world.entry(me, entry)["offer"]
    assert me.post(f"/offers/{offer['id']}/decline").status_code == 200
    week = [
        {"clinic_id": str(world.clinic), "weekday": n, "start_time": "12:00", "end_time": "13:00"} for n in range(1, 8)
    ]
    refused = world.desk.put(f"/providers/{world.provider}/schedules", json={"items": week})
    assert refused.status_code == 409
    assert world.entry(me, entry)["status"] == "waiting"
    assert world.free() == {world.at(9)}


def test_a_reopened_day_is_offered(world: World) -> None:
    _, me = world.someone()
    closed = world.desk.post(
        f"/clinics/{world.clinic}/closures", json={"start": world.at(0).isoformat(), "end": world.at(24).isoformat()}
    ).json()
    entry = world.wait(me)
    assert entry["offer"] is None
    assert world.desk.delete(f"/clinics/{world.clinic}/closures/{closed['id']}").status_code == 204
    assert datetime.fromisoformat(world.entry(me, entry)["offer"]["start"]) == world.at(9)
