"""Visits with a length of their own, and those who wait."""

from datetime import datetime, timedelta

from tests.waitlist.conftest import World


def test_what_a_shorter_visit_leaves_is_offered(world: World) -> None:
    visits = world.fill_day()
    world.cancel(visits[2])
    resized = world.desk.patch(f"/appointments/{visits[1]}", json={"end": world.at(10.5).isoformat()})
    assert resized.status_code == 200, resized.text
    _, me = world.someone()
    entry = world.wait(me)
    assert entry["status"] == "waiting", "all is taken"
    assert world.desk.patch(f"/appointments/{visits[1]}", json={"end": world.at(10).isoformat()}).status_code == 200
    offer = world.entry(me, entry)["offer"]
    assert datetime.fromisoformat(offer["start"]) == world.at(10)


def test_an_earlier_time_is_as_long_as_it_was_offered(world: World) -> None:
    """Only half an hour became free: the visit that moves there is no longer than that."""
    visits = world.fill_day(9, 10)
    patient, me = world.someone()
    mine = world.book(10, patient)
    assert world.desk.patch(f"/appointments/{mine}", json={"end": world.at(11).isoformat()}).status_code == 200
    entry = world.wait(me, appointment_id=mine)
    world.cancel(visits[0])
    offer = world.entry(me, entry)["offer"]
    accepted = me.post(f"/offers/{offer['id']}/accept")
    assert accepted.status_code == 201, accepted.text
    start, end = (datetime.fromisoformat(accepted.json()[edge]) for edge in ("start", "end"))
    assert (accepted.json()["id"], start, end - start) == (mine, world.at(9), timedelta(minutes=30))
    assert world.free() == {world.at(10), world.at(10.5)}
