"""What the bearer of a link sees and does, from outside, as a program."""

from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from frontdesk import clock
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.conftest import copy_database
from tests.guests.conftest import CLINICAL, SECRETS, House, Link
from tests.service import Service

pytestmark = pytest.mark.postgres("18")


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
        "offer": None,
    }
    assert answer.headers["etag"] == '"1"'
    for header, value in {
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-robots-tag": "noindex, nofollow",
    }.items():
        assert answer.headers[header] == value


def test_confirm_move_and_cancel(house: House) -> None:
    link = house.link(9)
    confirmed = link.post("/confirm")
    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "confirmed")
    assert confirmed.json()["actions"] == ["move", "cancel"]
    moved = link.post("/move", json={"start": house.at(11).isoformat(), "version": 2})
    assert moved.status_code == 200, moved.text
    assert (moved.json()["status"], moved.json()["start"]) == ("scheduled", house.at(11).isoformat())
    cancelled = link.post("/cancel", json={"reason": "better"})
    assert (cancelled.status_code, cancelled.json()["status"], cancelled.json()["actions"]) == (200, "cancelled", [])
    assert link.row()["status_reason"] == "better"
    assert link.get().json()["status"] == "cancelled"
    again = link.post("/cancel")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/status-step")


def test_nothing_else_of_the_patient_is_told(house: House) -> None:
    patient = house.patient()
    other = house.link(5, patient=patient)
    link = house.link(9, patient=patient)
    taken = house.link(14)
    answers = [
        link.get(),
        link.page(),
        link.get("/slots"),
        link.page("/slots"),
        link.post("/move", json={"start": house.at(14).isoformat()}),
        link.send("/move", start=house.at(14).isoformat()),
        link.post("/confirm"),
    ]
    hidden = [*map(str, SECRETS.values()), CLINICAL, str(patient), str(other.visit), str(taken.patient)]
    told = "".join(answer.text + str(answer.headers) for answer in answers)
    assert [value for value in hidden if value in told] == []


def test_a_visit_is_not_in_its_own_way(house: House) -> None:
    link = house.link(9, minutes=60)
    days = {"from": house.at(0).date().isoformat(), "to": (house.at(0) + timedelta(days=1)).date().isoformat()}
    starts = {datetime.fromisoformat(slot["start"]) for slot in link.get("/slots", params=days).json()["slots"]}
    assert [house.at(hour) in starts for hour in (8.5, 9, 9.5)] == [True, False, True]
    assert link.post("/move", json={"start": house.at(9.5).isoformat()}).status_code == 200


def test_every_offered_start_can_be_had_and_keeps_the_patients_own_rules(house: House) -> None:
    patient = house.patient()
    house.link(12, patient=patient)
    link = house.link(9, patient=patient)
    house.link(10)
    days = {"from": house.at(0).date().isoformat(), "to": (house.at(0) + timedelta(days=1)).date().isoformat()}
    slots = link.get("/slots", params=days).json()["slots"]
    starts = [datetime.fromisoformat(slot["start"]) for slot in slots]
    assert house.at(8) in starts
    assert not {house.at(9), house.at(10), house.at(12)} & set(starts)  # their own, somebody's, their other visit
    for start in (starts[0], starts[-1], house.at(11)):
        assert link.post("/move", json={"start": start.isoformat()}).status_code == 200


def test_a_taken_time_is_refused_with_alternatives_and_nothing_is_lost(house: House) -> None:
    link, _ = house.link(9), house.link(11)
    refused = link.post("/move", json={"start": house.at(11).isoformat()})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/slot-taken")
    assert link.row()["version"] == 1
    start = refused.json()["alternatives"][0]["start"]
    assert link.post("/move", json={"start": start}).status_code == 200


def test_the_rules_are_those_of_the_patient(house: House) -> None:
    link = house.link(9)
    house.make.conn.execute(
        "UPDATE visit_type SET min_notice_min = 60000, self_bookable = false WHERE id = %s", [house.visit_type]
    )
    refused = link.post("/move", json={"start": house.at(11.25).isoformat()})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/not-bookable")
    assert {one["code"] for one in refused.json()["reasons"]} == {"staff-only", "short-notice", "off-grid"}
    assert link.get("/slots").json()["slots"] == []
    for field in ("provider_id", "room_id", "override_reason", "patient_id"):
        body = {"start": house.at(11).isoformat(), field: str(uuid4())}
        assert link.post("/move", json=body).status_code == 422


def test_a_change_of_what_has_changed_meanwhile_is_refused(house: House) -> None:
    link = house.link(9)
    assert link.post("/move", json={"start": house.at(10).isoformat(), "version": 1}).status_code == 200
    for stale in ({"json": {"version": 1}}, {"headers": {"If-Match": '"1"'}}):
        assert link.post("/cancel", **stale).status_code == 412
        assert link.post("/confirm", **stale).status_code == 412
    assert link.post("/cancel", headers={"If-Match": '"2"'}).status_code == 200


def test_a_repeated_request_has_one_effect(house: House) -> None:
    link, key = house.link(9), {"Idempotency-Key": str(uuid4())}
    first, again = (link.post("/cancel", headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    assert link.row()["version"] == 2


@pytest.mark.parametrize("status", ["checked_in", "in_progress", "completed", "no_show", "cancelled"])
def test_what_has_begun_or_is_over_is_shown_and_not_changed(house: House, status: str) -> None:
    link = house.link(9, status=status)
    told = link.get()
    assert (told.status_code, told.json()["actions"]) == (200, [])
    assert link.get("/slots").json() == {"slots": []}
    before = link.row()
    for path, body in (("/confirm", None), ("/cancel", None), ("/move", {"start": house.at(11).isoformat()})):
        assert link.post(path, json=body).status_code == 409
    assert link.row() == before


def test_it_ends_a_day_after_the_visit(house: House) -> None:
    ended = clock.now().replace(microsecond=0) - timedelta(minutes=30)
    just_alive = house.link(ended - timedelta(hours=23, minutes=55))
    assert (just_alive.get().status_code, just_alive.get().json()["actions"]) == (200, [])
    assert house.link(ended - timedelta(hours=24, minutes=30)).get().status_code == 404


def test_a_log_in_beside_the_link_adds_nothing_and_takes_nothing(house: House) -> None:
    link, other = house.link(9), house.link(10)
    for token in (house.make.token("admin"), house.make.token("patient", patient_id=other.patient), "nonsense"):
        beside = {"Authorization": f"Bearer {token}"}
        assert link.get(headers=beside).json()["start"] == house.at(9).isoformat()
        wrong = link.path[:-4] + "AAAA"
        assert house.guest.get(wrong, headers=beside).status_code == 404
    assert link.post("/confirm", headers={"Authorization": f"Bearer {house.make.token('admin')}"}).status_code == 200
    assert _actors(link) == ["guest link"]


def test_what_was_seen_and_done_is_in_the_trail_as_guest_link(house: House) -> None:
    link = house.link(9)
    link.get()
    link.page("/slots")
    link.post("/cancel")
    owner = house.service.client(house.make.token("patient", patient_id=link.patient))
    told = owner.get(f"/patients/{link.patient}/accesses").json()["items"]
    mine = [(one["kind"], one["what"], one["display"]) for one in told if one["role"] == "guest link"]
    bearer = "somebody with the link to the appointment"
    assert mine == [
        ("changed", "appointment:update", bearer),
        ("looked", "appointments:link", bearer),
        ("looked", "appointments:link", bearer),
    ]
    assert link.row()["status_reason"] == "cancelled by the link to it"


def _actors(link: Link) -> list[str]:
    rows = link.make.conn.execute(
        "SELECT DISTINCT actor FROM audit_entry WHERE row_id = %s AND action = 'UPDATE'", [str(link.visit)]
    ).fetchall()
    return ["guest link" if str(row[0]).endswith("0003") else str(row[0]) for row in rows]


def test_events_are_written_as_for_the_patient(house: House) -> None:
    link = house.link(9)
    link.post("/move", json={"start": house.at(10).isoformat()})
    link.post("/cancel")
    rows = house.make.conn.execute(
        "SELECT topic FROM outbox WHERE payload ->> 'appointment_id' = %s ORDER BY id", [str(link.visit)]
    ).fetchall()
    assert [row[0] for row in rows] == ["appointments.moved.v1", "appointments.status-changed.v1"]


def test_the_log_holds_no_token(house: House) -> None:
    link = house.link(9)
    for answer in (link.get(), link.page("/slots"), link.post("/confirm"), link.get("/nowhere")):
        assert answer.status_code < 500
    log = house.service.log_path.read_text()
    assert "/m/{token}/confirm" in log
    assert link.path.removeprefix("/m/") not in log


def test_calls_by_link_are_counted(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    service = Service(
        copy_database(postgres), tmp_path, workers=1, FRONTDESK_RATE_LIMITS="true", FRONTDESK_RATE_ANONYMOUS="5"
    )
    service.start()
    try:
        with httpx.Client(base_url=service.url) as guest:
            statuses = [guest.get(f"/m/{'A' * 44}").status_code for _ in range(7)]
    finally:
        service.stop()
    assert statuses == [404] * 5 + [429] * 2
