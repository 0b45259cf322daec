"""Who may, and which visits a time off displaces."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg.rows import dict_row

from frontdesk import db
from frontdesk.envelope import Envelope
from frontdesk.settings import Settings
from frontdesk.waitlist import jobs
from frontdesk.waitlist.handler import MindTheWaitlist
from tests.sickday.conftest import Group, group_of


def starts(rows: list[dict[str, Any]]) -> list[datetime]:
    return [datetime.fromisoformat(row["start"]) for row in rows]


def test_the_desk_of_the_clinic_enters_and_providers_only_look_at_their_own(group: Group) -> None:
    group.fill(2)
    path = f"/providers/{group.provider}/exceptions"
    own = group.service.client(group.make.token("provider", provider_id=group.provider))
    colleague = group.service.client(group.make.token("provider", provider_id=group.colleagues[0]))
    desk = group.service.client(group.make.token("staff", clinic_ids=(group.clinic,)))
    elsewhere = group.service.client(group.make.token("staff", clinic_ids=(group.other_clinic,)))
    patient = group.service.client(group.make.token("patient", patient_id=group.make.patient()))
    assert group.preview(own) == group.preview(desk) == group.preview()
    for client, status in ((colleague, 404), (elsewhere, 404), (patient, 403)):
        assert client.post(path, params={"preview": True}, json=group.off()).status_code == status
    assert own.post(path, json=group.off(offer_alternatives=True)).status_code == 403
    exception = group.enter(desk)
    listed = group.call_list(exception, desk)
    assert listed["counts"]["offered"] == 2
    assert all(row["patient_id"] for row in listed["items"])
    assert group.call_list(exception, own)["items"] == listed["items"]
    displaced = f"{path}/{exception['id']}/displaced"
    assert [client.get(displaced).status_code for client in (colleague, elsewhere, patient)] == [404, 404, 403]
    # On the telephone: the desk accepts for the patient what lies at its own clinic.
    here = [offer for offer in listed["items"][0]["offers"] if offer["clinic_id"] == str(group.clinic)]
    assert desk.post(f"/offers/{here[0]['id']}/accept").status_code == 201
    assert group.call_list(exception, desk)["counts"] == {"offered": 1, "accepted": 1, "needs_call": 0, "cancelled": 0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "extra_session", "offer_alternatives": True},
        {"status": "requested", "offer_alternatives": True},
        {"status": "declined", "offer_alternatives": True},
    ],
)
def test_only_approved_time_off_displaces(group: Group, wrong: dict[str, Any]) -> None:
    body = group.off(clinic_id=str(group.clinic), end=group.at(10).isoformat(), **wrong)
    assert group.admin.post(f"/providers/{group.provider}/exceptions", json=body).status_code == 422


def test_a_partial_day_takes_only_what_overlaps_it(group: Group) -> None:
    visits = group.fill(6)  # 08:00 to 10:00
    span = {"start": group.at(8.5).isoformat(), "end": group.at(9).isoformat()}
    found = group.preview(**span)
    assert [row["id"] for row in found] == visits[1:3]
    of_provider = [a for row in found for a in row["alternatives"] if a["kind"] == "same_provider"]
    assert of_provider
    for start in starts(of_provider):
        assert not group.at(8.5) - timedelta(minutes=20) < start < group.at(9)
    # The rest of the day is as near as can be.
    assert group.at(10) in starts(of_provider)


def test_who_is_away_anyway_is_no_alternative(group: Group) -> None:
    group.fill(1)
    group.make.exception(group.provider, group.at(24), group.at(48))
    for colleague in group.colleagues[:2]:
        group.make.exception(colleague, group.at(0), group.at(24 * 30))
    (row,) = group.preview()
    for alternative in row["alternatives"]:
        assert alternative["provider_id"] not in map(str, group.colleagues[:2])
        if alternative["kind"] == "same_provider":
            assert group.at(48) <= datetime.fromisoformat(alternative["start"])


def test_parts_and_seats_are_called_and_what_has_begun_is_left_alone(group: Group) -> None:
    make, patient = group.make, group.make.patient()
    with make.conn.transaction():
        whole = make.row("appointment_group", part_count=2)
        parts = [
            make.appointment(
                group.provider,
                group.clinic,
                group.visit,
                group.at(9 + n),
                20,
                patient_id=patient,
                group_id=whole,
                part=n + 1,
            )
            for n in range(2)
        ]
    of = (group.provider, group.clinic, make.visit_type(20, capacity=3), group.at(12))
    session = make.appointment(*of, 20, capacity=3)
    seat = make.appointment(*of, 20, patient_id=make.patient(), session_id=session, seat=1)
    begun, done = group.fill(2)
    for step in ("check-in", "start"):
        assert group.admin.post(f"/appointments/{begun}/{step}", json={}).status_code == 200
    assert group.admin.post(f"/appointments/{done}/cancel", json={}).status_code == 200
    found = group.preview()
    assert [row["id"] for row in found] == [str(id_) for id_ in (*parts, seat)]
    assert not [alternative for row in found for alternative in row["alternatives"]]
    assert group.call_list(group.enter())["counts"] == {"offered": 0, "accepted": 0, "needs_call": 3, "cancelled": 0}


def test_what_is_held_of_the_day_is_given_back(group: Group) -> None:
    holder = group.service.client(group.make.token("patient", patient_id=group.make.patient()))
    body = {"provider_id": str(group.provider), "clinic_id": str(group.clinic), "start": group.at(10).isoformat()}
    hold = holder.post("/holds", json={**body, "visit_type_id": str(group.visit)}).json()
    group.fill(1)
    assert len(group.preview()) == 1
    group.enter()
    answer = holder.post("/appointments", json={"hold_id": hold["id"]})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/hold-gone")


@pytest.mark.parametrize(("mode", "kind", "day"), [("in_person", "same_clinic", 1), ("telehealth", "other_clinic", 0)])
def test_by_telehealth_another_clinic_is_no_worse(group: Group, mode: str, kind: str, day: int) -> None:
    group.fill(1, mode=mode)
    group.make.exception(group.provider, group.at(24), group.at(24 * 30))
    for provider in group.colleagues[:3]:
        group.make.exception(provider, group.at(0), group.at(24))
    (row,) = group.preview()
    assert {alternative["kind"] for alternative in row["alternatives"]} == {kind}
    assert {start.date() for start in starts(row["alternatives"])} == {group.at(24 * day).date()}


def test_rooms_are_enough_for_all_at_once(service: Any, make: Any) -> None:
    group = group_of(service, make, room_kind="consultation", buffer_after_min=10)
    rooms = [make.room(clinic) for clinic in (group.clinic, group.clinic, group.other_clinic)]
    group.fill(25, room_id=rooms[0])
    found = group.preview()
    assert all(len(row["alternatives"]) == 3 for row in found)
    for row in found:
        for alternative in row["alternatives"]:
            answer = group.admin.post("/appointments", json=group.wish(alternative, patient_id=row["patient_id"]))
            assert answer.status_code == 201, answer.text


def test_limits_are_kept_by_all_together(service: Any, make: Any) -> None:
    group = group_of(service, make, max_per_day=2, one_future_per_provider=True)
    visits = group.fill(2)
    group.make.conn.execute("UPDATE provider SET accepting_new_patients = false WHERE id = %s", (group.colleagues[0],))
    exception = group.enter()
    listed = group.call_list(exception)["items"]
    offers = [offer for row in listed for offer in row["offers"]]
    assert len(offers) == 6
    assert str(group.colleagues[0]) not in {offer["provider_id"] for offer in offers}
    for row in listed:
        assert len({offer["provider_id"] for offer in row["offers"]}) == 3
    of_provider = [row["offers"][n] for row, n in zip(listed, (0, 0), strict=True)]
    for visit, offer in zip(visits, of_provider, strict=True):
        assert group.patient(visit).post(f"/offers/{offer['id']}/accept").status_code == 201


def test_patients_accept_what_only_the_desk_books(service: Any, make: Any) -> None:
    group = group_of(service, make, self_bookable=False)
    (visit,) = group.fill(1)
    (row,) = group.call_list(group.enter())["items"]
    answer = group.patient(visit).post(f"/offers/{row['offers'][0]['id']}/accept")
    assert (answer.status_code, answer.json()["start"]) == (201, row["offers"][0]["start"])


def test_two_visits_of_one_patient(group: Group) -> None:
    visits = group.fill(2)
    patient = group.make.patient()
    for hour in (12, 13):
        visit = group.make.appointment(
            group.provider, group.clinic, group.visit, group.at(hour), 20, patient_id=patient
        )
        visits.append(str(visit))
        group.patients[visits[-1]] = patient
    listed = group.call_list(group.enter())["items"]
    assert [row["appointment_id"] for row in listed] == visits
    assert all(len(row["offers"]) == 3 for row in listed)
    for row in listed[2:]:
        answer = group.patient(visits[-1]).post(f"/offers/{row['offers'][0]['id']}/accept")
        assert answer.status_code == 201, answer.text


def test_nobody_answers(group: Group) -> None:
    group.fill(2)
    exception = group.enter()
    ids = [offer["id"] for row in group.call_list(exception)["items"] for offer in row["offers"]]
    group.conn.execute(
        "UPDATE waitlist_offer SET expires_at = now() - interval '1 second' WHERE id = ANY (%s::uuid[])", (ids,)
    )
    assert group.call_list(exception)["counts"]["needs_call"] == 2  # whether the worker has come by or not

    async def work() -> None:
        async with await db.connect(Settings(), group.service.dsn) as conn:
            await jobs.expire_offers(conn)

    asyncio.run(work())
    assert group.call_list(exception)["counts"]["needs_call"] == 2
    free = group.conn.execute(
        "SELECT count(*) FROM waitlist_offer o JOIN appointment a ON a.id = o.appointment_id"
        " WHERE o.id = ANY (%s::uuid[]) AND (o.status, a.status) = ('expired', 'expired')",
        (ids,),
    ).fetchone()
    assert free == (len(ids),)
    entries = group.conn.execute(
        "SELECT DISTINCT status FROM waitlist_entry WHERE exception_id = %s", (exception["id"],)
    )
    assert entries.fetchall() == [("expired",)]


@pytest.mark.parametrize("by_hand", ["move", "cancel", "another room"])
def test_what_the_desk_settles_by_hand_needs_no_choice_any_more(group: Group, by_hand: str) -> None:
    (visit,) = group.fill(1)
    exception = group.enter()
    path = f"/appointments/{visit}"
    if by_hand == "move":
        answer = group.admin.patch(path, json={"start": group.at(24 + 12).isoformat()})
    elif by_hand == "cancel":
        answer = group.admin.post(f"{path}/cancel", json={})
    else:
        answer = group.admin.patch(
            path, json={"room_id": str(group.make.room(group.clinic)), "override_reason": "quiet"}
        )
    assert answer.status_code == 200, answer.text
    hear(group, "payload ->> 'appointment_id' = %s", visit)
    (row,) = group.call_list(exception)["items"]
    state = {"move": "accepted", "cancel": "cancelled", "another room": "offered"}[by_hand]
    assert (row["state"], len(row["offers"])) == (state, 3 if state == "offered" else 0)


def hear(group: Group, which: str, value: str) -> None:
    """Have the waitlist hear, as in the worker, the last of these events."""
    columns = "coalesce(position, 1) AS position, event_id, topic, key, occurred_at, payload"
    rows = group.conn.cursor(row_factory=dict_row).execute(
        f"SELECT {columns} FROM outbox WHERE {which} ORDER BY id DESC LIMIT 1", (value,)
    )
    envelope = Envelope(**(rows.fetchone() or {}))

    async def work() -> None:
        async with await db.connect(Settings(), group.service.dsn) as conn, conn.transaction():
            await MindTheWaitlist().handle(conn, envelope)

    asyncio.run(work())


def test_who_was_displaced_is_offered_nothing_else(group: Group) -> None:
    (visit,) = group.fill(1)
    exception = group.enter()
    (row,) = group.call_list(exception)["items"]
    for offer in row["offers"]:
        assert group.patient(visit).post(f"/offers/{offer['id']}/decline").status_code == 200
    booked = group.make.appointment(
        group.provider, group.clinic, group.visit, group.at(24 + 9), 20, patient_id=group.make.patient()
    )
    assert group.admin.post(f"/appointments/{booked}/cancel", json={}).status_code == 200
    assert group.call_list(exception)["items"][0]["offers"] == []


def test_time_off_with_displaced_visits_stays(group: Group) -> None:
    group.fill(1)
    exception = group.enter()
    path = f"/providers/{group.provider}/exceptions/{exception['id']}"
    refused = group.admin.delete(path)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")


def test_time_off_that_is_declined_after_all_ends_the_choices(group: Group) -> None:
    first, second = group.fill(2)
    exception = group.enter()
    offer = group.call_list(exception)["items"][0]["offers"][0]
    assert group.patient(first).post(f"/offers/{offer['id']}/accept").status_code == 201
    path = f"/providers/{group.provider}/exceptions/{exception['id']}"
    assert group.admin.patch(path, json={"status": "declined"}).status_code == 200
    hear(group, "topic LIKE 'hours.%%' AND key = %s", str(group.provider))
    (row,) = group.call_list(exception)["items"]
    assert (row["appointment_id"], row["state"]) == (first, "accepted")
    held = "SELECT count(*) FROM appointment WHERE patient_id = %s AND status = 'held'"
    assert group.conn.execute(held, (group.patients[second],)).fetchone() == (0,)


@pytest.mark.parametrize(
    ("columns", "mode", "offered"),
    [
        ({"time_zone": "Europe/Madrid"}, "in_person", False),
        ({"time_zone": "Europe/Madrid", "country": "FR"}, "in_person", False),
        ({"time_zone": "Europe/Madrid", "country": "IS"}, "in_person", True),
        ({}, "in_person", True),
        ({"time_zone": "Europe/Madrid"}, "telehealth", True),
    ],
)
def test_nobody_is_sent_to_a_clinic_of_another_zone_and_country(
    group: Group, columns: dict[str, Any], mode: str, offered: bool
) -> None:
    """Nobody at the clinic has time, and everybody at the other one has."""
    group.fill(1, mode=mode)
    for provider in (group.provider, *group.colleagues[:3]):
        group.make.exception(provider, group.at(0), group.at(24 * 100))
    group.conn.execute("UPDATE clinic SET country = 'IS' WHERE id = %s", [group.clinic])
    place = {"time_zone": "UTC", "country": None, **columns, "id": group.other_clinic}
    group.conn.execute("UPDATE clinic SET time_zone = %(time_zone)s, country = %(country)s WHERE id = %(id)s", place)
    (row,) = group.preview()
    assert {one["kind"] for one in row["alternatives"]} == ({"other_clinic"} if offered else set())
