"""What the bearer of a link sees and does, from outside."""

from tests.guests.conftest import House


def test_the_link_shows_when_where_and_with_whom(house: House) -> None:
    link = house.link(9)
    answer = link.get()
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told == {
        "status": "scheduled",
        "version": 1,
        "start": house.at(9).isoformat(),
        "end": house.at(9.5).isoformat(),
        "time_zone": "Europe/Madrid",
        "mode": "in_person",
        "provider": "Dr Ana Lima",
        "clinic": {"name": told["clinic"]["name"], "address": "Calle Mayor 7\nMadrid", "phone": "+34 91 5550100"},
        "first_name": "Quill",
        "actions": ["confirm", "move", "cancel"],
        "expires_at": house.at(33.5).isoformat(),
    }
    assert answer.headers["etag"] == '"1"'


def test_confirm_move_and_cancel(house: House) -> None:
    link = house.link(9)
    confirmed = link.post("/confirm")
    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "confirmed")
    moved = link.post("/move", json={"start": house.at(11).isoformat(), "version": 2})
    assert moved.status_code == 200, moved.text
    assert (moved.json()["status"], moved.json()["start"]) == ("scheduled", house.at(11).isoformat())
    cancelled = link.post("/cancel", json={"reason": "better"})
    assert (cancelled.status_code, cancelled.json()["status"], cancelled.json()["actions"]) == (200, "cancelled", [])
    assert link.row()["status_reason"] == "better"
    assert link.get().json()["status"] == "cancelled"
