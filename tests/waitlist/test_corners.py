"""Where a freed time could be forgotten, or an answer be told wrongly."""

from datetime import UTC, datetime, time, timedelta

from frontdesk.waitlist import jobs
from tests.availability.clocks import change_days
from tests.waitlist.background import Background
from tests.waitlist.conftest import World


def offered(world: World, me: object, entry: dict) -> datetime | None:
    offer = world.entry(me, entry)["offer"]
    return offer and datetime.fromisoformat(offer["start"])


def test_who_declines_is_offered_what_became_public_meanwhile(world: World) -> None:
    visits = world.fill_day()
    _, me = world.someone()
    entry = world.wait(me)
    world.cancel(visits[0])
    world.cancel(visits[1])
    assert (offered(world, me, entry), world.free()) == (world.at(9), {world.at(9.5)})
    offer = world.entry(me, entry)["offer"]["id"]
    declined = me.post(f"/offers/{offer}/decline")
    assert (declined.status_code, declined.json()["status"]) == (200, "offered")
    assert (offered(world, me, entry), world.free()) == (world.at(9.5), {world.at(9)})


def test_who_oversleeps_is_offered_what_became_public_meanwhile(world: World, background: Background) -> None:
    visits = world.fill_day()
    _, me = world.someone()
    entry = world.wait(me)
    world.cancel(visits[0])
    world.cancel(visits[1])
    world.overslept(world.entry(me, entry)["offer"]["id"])
    background.round()
    assert (offered(world, me, entry), world.free()) == (world.at(9.5), {world.at(9)})
    assert world.entry(me, entry)["missed"] == 1


def test_leaving_with_an_offer_that_is_overdue_passes_it_on(world: World) -> None:
    visits = world.fill_day()
    (_, me), (_, them) = world.someone(), world.someone()
    mine, theirs = world.wait(me), world.wait(them)
    world.cancel(visits[0])
    world.overslept(world.entry(me, mine)["offer"]["id"])
    assert me.delete(f"/waitlist/{mine['id']}").status_code == 204
    assert (world.entry(me, mine)["status"], offered(world, them, theirs)) == ("removed", world.at(9))


def test_an_offer_never_moves_a_visit_to_a_later_time(world: World) -> None:
    patient, me = world.someone()
    visits = [world.book(9), world.book(9.5), world.book(10), world.book(10.5, patient)]
    entry = world.wait(me, appointment_id=visits[3])
    world.cancel(visits[2])
    assert offered(world, me, entry) == world.at(10)
    world.cancel(visits[0])
    moved = me.patch(f"/appointments/{visits[3]}", json={"start": world.at(9).isoformat()})
    assert moved.status_code == 200, moved.text
    refused = me.post(f"/offers/{world.entry(me, entry)['offer']['id']}/accept")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/offer-gone")
    assert datetime.fromisoformat(me.get(f"/appointments/{visits[3]}").json()["start"]) == world.at(9)


def test_an_answer_is_told_once_however_often_the_visit_moves(world: World, background: Background) -> None:
    visits = world.fill_day()
    _, me = world.someone()
    entry = world.wait(me)
    world.cancel(visits[0])
    taken = me.post(f"/offers/{world.entry(me, entry)['offer']['id']}/accept").json()
    world.cancel(visits[1])
    moved = me.patch(f"/appointments/{taken['id']}", json={"start": world.at(9.5).isoformat()})
    assert moved.status_code == 200, moved.text
    assert me.post(f"/appointments/{taken['id']}/cancel", json={}).status_code == 200
    background.hear()
    told = world.make.conn.execute(
        "SELECT payload ->> 'status' FROM outbox WHERE topic = 'waitlist.answered.v1' AND payload ->> 'entry_id' = %s",
        (entry["id"],),
    ).fetchall()
    assert told == [("accepted",)]


def test_what_is_freed_while_somebody_joins_is_theirs(world: World, background: Background) -> None:
    """The cancellation does not see who joins, and they do not see it: whichever event is heard last, does."""
    visits = world.fill_day()
    _, me = world.someone()
    entry = world.wait(me)
    world.make.conn.execute("UPDATE appointment SET status = 'cancelled' WHERE id = %s", (visits[2],))
    assert world.free() == {world.at(10)}
    background.hear()
    assert (offered(world, me, entry), world.free()) == (world.at(10), set())


def test_a_part_of_the_day_is_where_the_visit_begins(world: World) -> None:
    """Before the visit come 15 minutes to prepare: who leaves at noon frees a time that begins in the afternoon."""
    make = world.make
    clinic, provider = make.clinic(), make.provider()
    kind = make.visit_type(30, buffer_before_min=15, slot_step_min=15)
    make.every_day(provider, clinic, "11:00", "12:30")
    plain = make.visit_type(30)
    visit = make.appointment(provider, clinic, plain, world.at(11.5), patient_id=make.patient())
    make.appointment(provider, clinic, plain, world.at(11), patient_id=make.patient())
    _, me = world.someone()
    of = {"visit_type_id": str(kind), "provider_id": str(provider)}
    entry = world.wait(me, **of, time_of_day="afternoon")
    assert entry["offer"] is None
    world.cancel(str(visit))
    assert offered(world, me, entry) == world.at(12)


def test_a_time_far_ahead_is_offered_too(world: World) -> None:
    far = (world.day + timedelta(days=200)).date().isoformat()
    _, me = world.someone()
    for hours in (9, 9.5, 10, 10.5):
        last = world.book(200 * 24 + hours)
    entry = world.wait(me, earliest=far, latest=far)
    assert entry["offer"] is None
    world.cancel(last)
    assert offered(world, me, entry) == world.at(200 * 24 + 10.5)
    _, them = world.someone()
    assert me.post(f"/offers/{world.entry(me, entry)['offer']['id']}/decline").status_code == 200
    theirs = world.wait(them, earliest=far, latest=far)
    assert datetime.fromisoformat(theirs["offer"]["start"]) == world.at(200 * 24 + 10.5)


def test_days_and_parts_of_the_day_are_those_of_the_clinic(world: World) -> None:
    """The night on which clocks go forward in New York."""
    make = world.make
    nights = change_days("America/New_York", (world.day + timedelta(days=1)).date())
    day = next(night for night in nights if night.month == 3)
    sunday = datetime.combine(day, time(), UTC)
    clinic, provider, kind = make.clinic("America/New_York"), make.provider(), make.visit_type(30)
    make.schedule(provider, clinic, 7, "00:30", "06:30")
    first = sunday + timedelta(hours=5, minutes=30)  # 00:30 EST; at 02:00 it is 03:00, so 10 starts
    visits = [
        make.appointment(provider, clinic, kind, first + timedelta(minutes=30 * n), patient_id=make.patient())
        for n in range(10)
    ]
    of = {"visit_type_id": str(kind), "provider_id": str(provider), "earliest": str(day), "latest": str(day)}
    people = [world.someone()[1] for _ in range(3)]
    monday = world.wait(people[0], **of, weekdays=[1])
    morning = world.wait(people[1], **of, time_of_day="morning", weekdays=[7])
    night = world.wait(people[2], **of, time_of_day="night")
    world.cancel(str(visits[9]))  # 06:00 EDT
    world.cancel(str(visits[3]))  # 03:00 EDT
    assert [offered(world, me, e) for me, e in zip(people, (monday, morning, night), strict=True)] == [
        None,
        first + timedelta(minutes=270),
        first + timedelta(minutes=90),
    ]


def test_what_a_room_frees_elsewhere_is_found_when_the_worker_looks_again(world: World, background: Background) -> None:
    """A visit with one provider kept the only room; with it goes what kept the other provider's time from all."""
    make = world.make
    clinic, mine, other = make.clinic(), make.provider(), make.provider()
    room, kind = make.room(clinic), make.visit_type(30, room_kind="consultation")
    for provider in (mine, other):
        make.every_day(provider, clinic, "09:00", "09:30")
    visit = make.appointment(other, clinic, kind, world.at(9), patient_id=make.patient(), room_id=room)
    _, me = world.someone()
    entry = world.wait(me, provider_id=str(mine), visit_type_id=str(kind))
    assert entry["offer"] is None
    world.cancel(str(visit))
    assert world.entry(me, entry)["status"] == "waiting"
    look = jobs.LookAgain()
    row = make.conn.execute("SELECT count(*) FROM waitlist_entry WHERE status = 'waiting'").fetchone()
    for _ in range((row[0] if row else 0) // jobs.AT_ONCE + 1):
        background.run(look)
    assert offered(world, me, entry) == world.at(9)
