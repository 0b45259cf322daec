"""Holds: they block like bookings, belong to who made them, and end."""

from tests.booking.conftest import World


def test_a_hold_blocks_and_becomes_the_appointment(world: World) -> None:
    hold = world.me.post("/holds", json=world.body(9)).json()
    assert world.at(9) not in world.offered()
    stranger = world.service.client(world.make.token("patient", patient_id=world.make.patient()))
    assert stranger.post("/appointments", json=world.body(9)).status_code == 409
    assert stranger.post("/appointments", json={"hold_id": hold["id"]}).status_code == 404
    booked = world.me.post("/appointments", json={"hold_id": hold["id"], "reason": "knee"})
    assert booked.status_code == 201
    assert (booked.json()["id"], booked.json()["status"], booked.json()["hold_expires_at"]) == (
        hold["id"],
        "scheduled",
        None,
    )
    twice = world.me.post("/appointments", json={"hold_id": hold["id"]})
    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/hold-gone")


def test_an_anonymous_hold_needs_its_token(world: World) -> None:
    anybody = world.service.client()
    hold = anybody.post("/holds", json=world.body(9)).json()
    assert anybody.delete(f"/holds/{hold['id']}").status_code == 404
    assert anybody.delete(f"/holds/{hold['id']}", headers={"X-Hold-Token": "wrong"}).status_code == 404
    assert world.me.post("/appointments", json={"hold_id": hold["id"]}).status_code == 404
    done = world.me.post("/appointments", json={"hold_id": hold["id"], "hold_token": hold["token"]})
    assert done.status_code == 201
    assert done.json()["patient_id"] == str(world.patient)
    other = anybody.post("/holds", json=world.body(10)).json()
    assert anybody.delete(f"/holds/{other['id']}", headers={"X-Hold-Token": other["token"]}).status_code == 204
    assert world.at(10) in world.offered()


def test_what_is_held_is_what_is_booked(world: World) -> None:
    """The visit type grows and the next slot is taken: the hold still books, as long as it was held for."""
    short = world.make.visit_type(15)
    hold = world.me.post("/holds", json=world.body(9, visit_type_id=str(short))).json()
    world.make.conn.execute("UPDATE visit_type SET duration_min = 60 WHERE id = %s", [short])
    world.make.appointment(world.provider, world.clinic, world.visit, world.at(9.25), patient_id=world.make.patient())
    booked = world.me.post("/appointments", json={"hold_id": hold["id"]})
    assert (booked.status_code, booked.json()["end"]) == (201, hold["end"])


def test_nobody_holds_a_time_in_anothers_name(world: World) -> None:
    stranger = {"patient_id": str(world.make.patient())}
    assert world.service.client().post("/holds", json=world.body(9, **stranger)).status_code == 401
    assert world.me.post("/holds", json=world.body(9, **stranger)).status_code == 404
    provider = world.service.client(world.make.token("provider", provider_id=world.provider))
    assert provider.post("/holds", json=world.body(9, **stranger)).status_code == 404


def test_a_hold_of_something_else_is_refused(world: World) -> None:
    hold = world.me.post("/holds", json=world.body(9)).json()
    assert world.me.post("/appointments", json=world.body(10, hold_id=hold["id"])).status_code == 422
    assert world.me.post("/appointments", json=world.body(9, hold_id=hold["id"])).status_code == 201


def test_an_overdue_hold_is_free_again_and_says_so_in_its_history(world: World) -> None:
    hold = world.me.post("/holds", json=world.body(9)).json()
    world.make.conn.execute(
        "UPDATE appointment SET hold_expires_at = now() - interval '1 second' WHERE id = %s", [hold["id"]]
    )
    assert world.at(9) in world.offered()
    late = world.me.post("/appointments", json={"hold_id": hold["id"]})
    assert (late.status_code, late.json()["type"]) == (409, "/problems/hold-gone")
    world.book(9)
    row = world.make.conn.execute("SELECT status FROM appointment WHERE id = %s", [hold["id"]]).fetchone()
    assert row == ("expired",)


def test_a_client_keeps_only_so_many_holds(world: World) -> None:
    answers = [world.me.post("/holds", json=world.body(9 + n)) for n in range(4)]
    assert [a.status_code for a in answers] == [201, 201, 201, 429]
    assert answers[-1].json()["type"] == "/problems/too-many-holds"
    assert answers[-1].headers["retry-after"]


def test_a_hold_in_one_name_is_not_booked_in_another(world: World) -> None:
    hold = world.me.post("/holds", json=world.body(9)).json()
    other = world.desk.post("/appointments", json={"hold_id": hold["id"], "patient_id": str(world.make.patient())})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/conflict")
    assert world.me.post("/appointments", json={"hold_id": hold["id"]}).status_code == 201


def test_what_was_only_held_is_in_no_list(world: World) -> None:
    dropped = world.me.post("/holds", json=world.body(9)).json()["id"]
    assert world.me.delete(f"/holds/{dropped}").status_code == 204
    hold = world.me.post("/holds", json=world.body(10)).json()["id"]
    assert world.me.post("/appointments", json={"hold_id": hold}).status_code == 201
    assert world.me.post(f"/appointments/{hold}/cancel", json={"reason": "a cold"}).status_code == 200
    of = f"/patients/{world.patient}/appointments"
    whose = f"/appointments?patient_id={world.patient}"
    for path in (whose, f"{whose}&status=cancelled", of, f"{of}?when=past"):
        for client in (world.me, world.desk):
            answer = client.get(path)
            assert answer.status_code == 200, answer.text
            assert [(row["id"], row["status"]) for row in answer.json()["items"]] == [(hold, "cancelled")]
    steps = world.desk.get(f"/appointments/{dropped}/history").json()["items"]
    assert [step["to_status"] for step in steps] == ["held", "cancelled"], "the trail keeps it"
