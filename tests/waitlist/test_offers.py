"""A freed time is kept for whoever waits for it, in order, until they answer."""

from datetime import datetime, timedelta

from frontdesk import clock
from tests.waitlist.conftest import World


def test_a_cancelled_time_is_offered_and_accepted(world: World) -> None:
    visits = world.fill_day()
    patient, me = world.someone()
    entry = world.wait(me)
    assert (entry["status"], entry["offer"], entry["patient_id"]) == ("waiting", None, str(patient))
    world.cancel(visits[1])
    offered = world.entry(me, entry)
    assert offered["status"] == "offered"
    offer = offered["offer"]
    assert datetime.fromisoformat(offer["start"]) == world.at(9.5)
    assert timedelta(minutes=28) < datetime.fromisoformat(offer["expires_at"]) - clock.now() <= timedelta(minutes=30)
    assert world.at(9.5) not in world.free()
    accepted = me.post(f"/offers/{offer['id']}/accept")
    assert accepted.status_code == 201, accepted.text
    assert (accepted.json()["status"], accepted.json()["patient_id"]) == ("scheduled", str(patient))
    assert world.entry(me, entry)["status"] == "booked"
    again = me.post(f"/offers/{offer['id']}/accept")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/offer-gone")


def test_a_stranger_cannot_take_what_is_offered_and_can_when_it_is_public(world: World) -> None:
    visits = world.fill_day()
    _, me = world.someone()
    entry = world.wait(me)
    world.cancel(visits[0])
    _, them = world.someone()
    body = {
        "provider_id": str(world.provider),
        "visit_type_id": str(world.visit),
        "clinic_id": str(world.clinic),
        "start": world.at(9).isoformat(),
    }
    assert them.post("/appointments", json=body).status_code == 409
    offer = world.entry(me, entry)["offer"]
    assert them.post(f"/offers/{offer['id']}/accept").status_code == 404
    declined = me.post(f"/offers/{offer['id']}/decline")
    assert (declined.status_code, declined.json()["status"]) == (200, "waiting")
    assert world.free() == {world.at(9)}
    assert them.post("/appointments", json=body).status_code == 201


def test_a_declined_time_goes_to_the_next_and_urgency_comes_first(world: World) -> None:
    visits = world.fill_day()
    people = [world.someone()[1] for _ in range(4)]
    kinds = ("flexible", "normal", "normal", "urgent")
    entries = [world.wait(me, urgency=kind) for me, kind in zip(people, kinds, strict=True)]
    assert [world.entry(me, entry)["position"] for me, entry in zip(people, entries, strict=True)] == [4, 2, 3, 1]
    assert world.entry(people[2], entries[2])["ahead"] == {"more_urgent": 1, "earlier": 1}
    world.cancel(visits[2])
    for asked in (3, 1, 2, 0):
        now = [world.entry(me, entry) for me, entry in zip(people, entries, strict=True)]
        assert [row["status"] == "offered" for row in now] == [n == asked for n in range(4)]
        assert people[asked].post(f"/offers/{now[asked]['offer']['id']}/decline").status_code == 200
    assert world.free() == {world.at(10)}


def test_someone_with_a_later_visit_is_moved_and_the_later_time_cascades(world: World) -> None:
    first, me = world.someone()
    _, them = world.someone()
    visits = [world.book(9), world.book(9.5), world.book(10), world.book(10.5, first)]
    mine = world.wait(me, appointment_id=visits[3])
    theirs = world.wait(them)
    world.cancel(visits[0])
    offer = world.entry(me, mine)["offer"]
    moved = me.post(f"/offers/{offer['id']}/accept")
    assert moved.status_code == 201, moved.text
    assert (moved.json()["id"], datetime.fromisoformat(moved.json()["start"])) == (visits[3], world.at(9))
    assert world.entry(me, mine)["status"] == "booked"
    assert datetime.fromisoformat(world.entry(them, theirs)["offer"]["start"]) == world.at(10.5)


def test_who_joins_while_a_time_is_free_is_offered_it(world: World) -> None:
    world.fill_day(9, 10.5)
    _, me = world.someone()
    assert datetime.fromisoformat(world.wait(me)["offer"]["start"]) == world.at(10.5)


def test_leaving_passes_the_offer_on(world: World) -> None:
    visits = world.fill_day()
    (_, me), (_, them) = world.someone(), world.someone()
    mine, theirs = world.wait(me), world.wait(them)
    world.cancel(visits[0])
    assert me.delete(f"/waitlist/{mine['id']}").status_code == 204
    assert world.entry(me, mine)["status"] == "removed"
    assert world.entry(them, theirs)["status"] == "offered"
    assert me.delete(f"/waitlist/{mine['id']}").status_code == 204


def test_only_what_was_asked_for_is_offered(world: World) -> None:
    visits = world.fill_day()
    weekday = world.day.isoweekday()
    wishes = [
        {"weekdays": [weekday % 7 + 1]},
        {"time_of_day": "evening"},
        {"clinic_ids": [str(world.make.clinic())]},
        {"visit_type_id": str(world.make.visit_type(45))},
        {"earliest": (world.day + timedelta(days=1)).date().isoformat(), "latest": None},
    ]
    people = [world.someone()[1] for _ in wishes]
    entries = [world.wait(me, **wish) for me, wish in zip(people, wishes, strict=True)]
    world.cancel(visits[1])
    for me, entry in zip(people, entries, strict=True):
        offer = world.entry(me, entry)["offer"]
        assert offer is None or datetime.fromisoformat(offer["start"]) >= world.at(24)
    assert world.free() == {world.at(9.5)}
    world.cancel(visits[2])  # an hour is free now: from its grid of 45 minutes, 09:45 to 10:30
    assert datetime.fromisoformat(world.entry(people[3], entries[3])["offer"]["start"]) == world.at(9.75)
