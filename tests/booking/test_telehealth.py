"""A telehealth visit has a join link of its own, as long as it is ahead."""

from tests.booking.conftest import World


def test_each_telehealth_visit_has_its_own_link_while_it_is_ahead(world: World) -> None:
    world.desk.patch(f"/visit-types/{world.visit}", json={"mode": "telehealth"})
    first, second = world.book(9), world.book(10)
    links = {str(first["join_url"]), str(second["join_url"])}
    assert len(links) == 2
    assert all(link.startswith("https://") and str(world.patient) not in link for link in links)
    moved = world.me.patch(f"/appointments/{first['id']}", json={"start": world.at(12).isoformat()})
    assert moved.json()["join_url"] == first["join_url"]
    listed = world.me.get("/appointments", params={"patient_id": str(world.patient)}).json()["items"]
    assert {item["join_url"] for item in listed} == links
    cancelled = world.me.post(f"/appointments/{first['id']}/cancel", json={}).json()
    assert cancelled["join_url"] is None


def test_a_visit_in_person_has_none_unless_it_is_booked_as_telehealth(world: World) -> None:
    assert world.book(9)["join_url"] is None
    assert world.book(10, mode="telehealth")["join_url"]


def test_the_secret_of_the_link_is_nowhere_else(world: World) -> None:
    booked = world.book(9, mode="telehealth")
    assert "meeting" not in booked
    secret = str(booked["join_url"]).rsplit("/", 1)[1]
    seen = world.make.conn.execute(
        "SELECT string_agg(new::text, ' ') FROM audit_entry WHERE row_id = %s", [booked["id"]]
    )
    row = seen.fetchone()
    assert row is not None
    assert row[0]
    assert secret not in row[0].replace("-", "")
