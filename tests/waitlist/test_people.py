"""Those who wait and what they wait for come and go; the trail says who did what."""

from uuid import UUID

import httpx

from frontdesk import ids
from tests.guests.conftest import Link
from tests.service import TRUST
from tests.waitlist.background import Background
from tests.waitlist.conftest import World
from tests.waitlist.test_rivals import Person, held_for, sound


def test_a_guest_who_cancels_by_the_link_frees_the_time_for_whoever_waits(world: World) -> None:
    patient = world.make.patient()
    visits = [world.book(9, patient), world.book(9.5), world.book(10), world.book(10.5)]
    one = Person(world)
    with httpx.Client(base_url=world.service.url, timeout=30, verify=TRUST) as guest:
        answer = Link(world.make, guest, UUID(visits[0]), patient).post("/cancel", json={})
    assert answer.status_code == 200, answer.text
    offer = world.make.conn.execute(
        "SELECT o.changed_by, o.request_id = c.request_id FROM waitlist_offer o, appointment c"
        " WHERE o.id = %s AND c.id = %s",
        (one.offer, visits[0]),
    ).fetchone()
    assert offer == (ids.SYSTEM, True)


def test_a_guest_who_declines_by_the_link_passes_the_time_on_at_once(world: World) -> None:
    visits = world.fill_day()
    first, second = Person(world), Person(world)
    world.cancel(visits[0])
    with httpx.Client(base_url=world.service.url, timeout=30, verify=TRUST) as guest:
        hold = UUID(held_for(world, first.offer))
        answer = Link(world.make, guest, hold, first.patient).post("/decline", json={})
    assert answer.status_code == 200, answer.text
    assert (first.now()["status"], second.now()["status"]) == ("waiting", "offered")
    sound(world.make.conn)


def test_who_is_gone_is_not_asked_and_waits_no_more(world: World, background: Background) -> None:
    visits = world.fill_day()
    gone, here = Person(world), Person(world)
    world.make.conn.execute("UPDATE patient SET active = false WHERE id = %s", (gone.patient,))
    world.cancel(visits[0])
    assert (gone.now()["status"], here.now()["status"]) == ("waiting", "offered")
    background.round()
    assert gone.now()["status"] == "expired"
    sound(world.make.conn)


def test_who_goes_while_a_time_is_kept_for_them_keeps_it_from_nobody(world: World) -> None:
    visits = world.fill_day()
    gone, here = Person(world), Person(world)
    world.cancel(visits[0])
    world.make.conn.execute("UPDATE patient SET active = false WHERE id = %s", (gone.patient,))
    refused = world.desk.post(f"/offers/{gone.offer}/accept")
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/not-bookable")
    erased = world.desk.post(f"/patients/{gone.patient}/erasures", json={"reason": "asked for it"})
    assert (erased.status_code, erased.json()["type"]) == (409, "/problems/visits-ahead")
    assert world.desk.post(f"/offers/{gone.offer}/decline").status_code == 200
    assert here.now()["status"] == "offered"
    erased = world.desk.post(f"/patients/{gone.patient}/erasures", json={"reason": "asked for it"})
    assert erased.status_code == 201, erased.text
    assert world.entry(world.desk, gone.entry)["status"] == "removed"
    sound(world.make.conn)


def test_what_nobody_can_book_is_not_offered(world: World) -> None:
    visits = world.fill_day()
    one = Person(world)
    world.make.conn.execute("UPDATE visit_type SET active = false WHERE id = %s", (world.visit,))
    world.cancel(visits[0])
    assert one.now()["status"] == "waiting"
    world.make.conn.execute("UPDATE visit_type SET active = true WHERE id = %s", (world.visit,))
    world.make.conn.execute("UPDATE provider SET active = false WHERE id = %s", (world.provider,))
    world.cancel(visits[1])
    assert (one.now()["status"], world.free()) == ("waiting", set())


def test_what_is_taken_in_another_lane_is_not_free(world: World) -> None:
    visits = world.fill_day()
    beside = world.make.appointment(
        world.provider,
        world.clinic,
        world.visit,
        world.at(9),
        patient_id=world.make.patient(),
        lane=1,
        override_reason="an emergency",
    )
    one = Person(world)
    world.cancel(visits[0])
    assert one.now()["status"] == "waiting"
    world.cancel(str(beside))
    assert one.now()["offer"]["start"] == world.at(9).isoformat()


def test_a_seat_that_becomes_free_leaves_the_session_where_it_is(world: World) -> None:
    world.fill_day(9.5, 11)
    group = world.make.visit_type(30, capacity=5)
    session = world.make.appointment(world.provider, world.clinic, group, world.at(9), capacity=5)
    of = {"session_id": session, "seat": 1, "patient_id": world.make.patient()}
    seat = world.make.appointment(world.provider, world.clinic, group, world.at(9), **of)
    one = Person(world)
    world.cancel(str(seat))
    assert one.now()["status"] == "waiting"


def test_the_trail_names_who_answered_and_the_system_for_what_nobody_did(world: World, background: Background) -> None:
    visits = world.fill_day()
    people = [Person(world) for _ in range(3)]
    world.cancel(visits[0])
    assert people[0].client.post(f"/offers/{people[0].offer}/decline").status_code == 200
    world.overslept(people[1].offer)
    background.round()
    kept = held_for(world, people[2].offer)
    assert people[2].client.post(f"/offers/{people[2].offer}/accept").status_code == 201
    users = [_user(world, one) for one in people]
    named = [
        [
            actor
            for (actor,) in world.make.conn.execute(
                "SELECT actor FROM audit_entry WHERE table_name = 'waitlist_entry' AND row_id = %s"
                " AND action <> 'READ' ORDER BY id",
                (one.entry["id"],),
            )
        ]
        for one in people
    ]
    assert named == [
        [users[0], ids.SYSTEM, users[0]],
        [users[1], ids.SYSTEM, ids.SYSTEM],
        [users[2], ids.SYSTEM, users[2]],
    ]
    changes = world.make.conn.execute(
        "SELECT actor, new ->> 'status' FROM audit_entry WHERE table_name = 'appointment' AND row_id = %s ORDER BY id",
        (kept,),
    ).fetchall()
    assert changes == [(ids.SYSTEM, "held"), (users[2], "scheduled")]


def _user(world: World, one: Person) -> object:
    row = world.make.conn.execute("SELECT id FROM user_account WHERE patient_id = %s", (one.patient,)).fetchone()
    assert row is not None
    return row[0]
