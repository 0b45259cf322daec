"""The weekly set over HTTP: what it accepts, what stays, who may change it, and the visits it would strand."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from frontdesk import clock
from tests.make import Make
from tests.service import Service


@pytest.fixture
def admin(service: Service, make: Make) -> Iterator[httpx.Client]:
    with service.client(make.token("admin")) as client:
        yield client


FROM, UNTIL, EVERY = "effective_from", "effective_until", "interval_weeks"


def session(clinic_id: UUID, weekday: int, start: str, end: str, **fields: Any) -> dict[str, Any]:
    return {"clinic_id": str(clinic_id), "weekday": weekday, "start_time": start, "end_time": end, **fields}


def put(client: httpx.Client, provider_id: UUID, *items: dict[str, Any], **fields: Any) -> httpx.Response:
    return client.put(f"/providers/{provider_id}/schedules", json={"items": items, **fields})


def test_a_set_is_replaced_and_what_is_equal_stays(admin: httpx.Client, make: Make) -> None:
    provider_id, clinic_id, visit_type_id = make.provider(), make.clinic("Pacific/Auckland"), make.visit_type()
    today = "SELECT ((now() AT TIME ZONE 'Pacific/Auckland')::date)::text"
    (before,) = make.conn.execute(today).fetchone() or ()
    first = put(
        admin,
        provider_id,
        session(clinic_id, 1, "09:00", "12:00"),
        session(clinic_id, 1, "13:00:00", "17:00", effective_from="2026-01-05", effective_until="2027-01-04"),
        session(clinic_id, 2, "22:00", "06:00", interval_weeks=2),
        session(clinic_id, 5, "00:00", "24:00", visit_type_ids=[str(visit_type_id)], release_hours=48),
    )
    assert first.status_code == 200, first.text
    items = first.json()["items"]
    assert [(i["weekday"], i["start_time"], i["end_time"], i["interval_weeks"]) for i in items] == [
        (1, "09:00", "12:00", 1),
        (1, "13:00", "17:00", 1),
        (2, "22:00", "06:00", 2),
        (5, "00:00", "00:00", 1),
    ]
    assert items[0]["effective_from"] in (before, *(make.conn.execute(today).fetchone() or ()))
    assert (items[3]["visit_type_ids"], items[3]["release_hours"]) == ([str(visit_type_id)], 48)
    assert admin.get(f"/providers/{provider_id}/schedules").json() == first.json()
    assert admin.get(f"/providers/{provider_id}").json()["clinic_ids"] == [str(clinic_id)]

    second = put(admin, provider_id, session(clinic_id, 1, "09:00", "12:00"), session(clinic_id, 3, "08:00", "10:00"))
    kept, added = second.json()["items"]
    assert kept == items[0]
    assert added["weekday"] == 3
    assert put(admin, provider_id).json() == {"items": []}


def test_a_session_whose_start_is_left_out_keeps_its_first_day(admin: httpx.Client, make: Make) -> None:
    provider_id, clinic_id = make.provider(), make.clinic()
    schedule_id = make.schedule(provider_id, clinic_id, 1)
    (item,) = put(admin, provider_id, session(clinic_id, 1, "09:00", "17:00")).json()["items"]
    assert (item["id"], item["effective_from"]) == (str(schedule_id), "2000-01-03")


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ((1, "09:00", "12:00", {}), (1, "11:59", "13:00", {}), True),
        ((1, "09:00", "12:00", {}), (1, "12:00", "13:00", {}), False),
        ((1, "22:00", "06:00", {}), (2, "05:00", "09:00", {}), True),
        ((1, "22:00", "06:00", {}), (2, "06:00", "09:00", {}), False),
        ((7, "22:00", "06:00", {}), (1, "05:00", "09:00", {}), True),
        ((1, "05:00", "09:00", {}), (7, "22:00", "06:00", {}), True),
        ((3, "00:00", "00:00", {}), (3, "23:00", "23:30", {}), True),
        ((3, "00:00", "00:00", {}), (4, "00:00", "00:00", {}), False),
        ((1, "09:00", "12:00", {UNTIL: "2031-03-02"}), (1, "09:00", "12:00", {FROM: "2031-03-03"}), False),
        ((1, "09:00", "12:00", {UNTIL: "2031-03-03"}), (1, "09:00", "12:00", {FROM: "2031-03-03"}), True),
        # 9 March 2031 is a Sunday: its night session runs into the Monday that begins the other.
        ((7, "22:00", "06:00", {UNTIL: "2031-03-09"}), (1, "05:00", "09:00", {FROM: "2031-03-10"}), True),
        ((7, "22:00", "06:00", {UNTIL: "2031-03-08"}), (1, "05:00", "09:00", {FROM: "2031-03-10"}), False),
        ((1, "09:00", "12:00", {EVERY: 2}), (1, "09:00", "12:00", {EVERY: 2, FROM: "2031-03-03"}), False),
        ((1, "09:00", "12:00", {"interval_weeks": 2}), (1, "09:00", "12:00", {"effective_from": "2031-03-03"}), True),
    ],
)  # fmt: skip
def test_sessions_of_a_clinic_do_not_overlap(
    admin: httpx.Client, make: Make, one: tuple[Any, ...], other: tuple[Any, ...], overlap: bool
) -> None:
    provider_id, clinic_id = make.provider(), make.clinic()
    items = [session(clinic_id, *s[:3], **{"effective_from": "2030-01-01", **s[3]}) for s in (one, other)]
    answer = put(admin, provider_id, *items)
    assert answer.status_code == (422 if overlap else 200), answer.text
    elsewhere = [items[0], items[1] | {"clinic_id": str(make.clinic())}]
    assert put(admin, provider_id, *elsewhere).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"weekday": 0},
        {"weekday": 8},
        {"start_time": "9"},
        {"start_time": "24:00"},
        {"start_time": "09:00\x00"},
        {"start_time": "٠٩:٠٠"},
        {"end_time": "25:00"},
        {"start_time": "09:00", "end_time": "09:00"},
        {"effective_from": "2031-01-02", "effective_until": "2031-01-01"},
        {"effective_until": "2001-01-01"},
        {"effective_from": "0001-01-01"},
        {"interval_weeks": 0},
        {"release_hours": 4},
        {"visit_type_ids": [str(uuid4())]},
        {"clinic_id": str(uuid4())},
        {"clinic_id": None},
        {"provider_id": str(uuid4())},
    ],
)
def test_garbage_is_422_and_changes_nothing(admin: httpx.Client, make: Make, fields: dict[str, Any]) -> None:
    provider_id, clinic_id = make.provider(), make.clinic()
    make.schedule(provider_id, clinic_id, 4)
    before = admin.get(f"/providers/{provider_id}/schedules").json()
    assert put(admin, provider_id, session(clinic_id, 1, "09:00", "17:00") | fields).status_code == 422
    assert admin.get(f"/providers/{provider_id}/schedules").json() == before


def test_the_desk_changes_only_time_at_its_own_clinics(service: Service, make: Make) -> None:
    own, other, provider_id = make.clinic(), make.clinic(), make.provider()
    theirs = {"effective_from": "2000-01-03"}
    make.schedule(provider_id, other, 1)
    with service.client(make.token("staff", clinic_ids=(own,))) as desk:
        elsewhere = session(other, 1, "09:00", "17:00", **theirs)
        assert put(desk, provider_id, elsewhere, session(own, 2, "09:00", "17:00")).status_code == 200
        assert put(desk, provider_id, session(own, 2, "09:00", "17:00")).status_code == 403
        assert put(desk, provider_id, elsewhere | {"end_time": "18:00"}).status_code == 403
        assert put(desk, provider_id, elsewhere, session(other, 3, "09:00", "17:00")).status_code == 403
        assert put(desk, provider_id, elsewhere).status_code == 200
        assert put(desk, uuid4(), elsewhere).status_code == 404


def test_schedules_are_for_those_concerned(service: Service, make: Make) -> None:
    clinic_id, provider_id = make.clinic(), make.provider()
    make.schedule(provider_id, clinic_id, 1)
    path = f"/providers/{provider_id}/schedules"
    for status, token in (
        (401, None),
        (403, make.token("patient", patient_id=make.patient())),
        (404, make.token("provider", provider_id=make.provider())),
        (200, make.token("provider", provider_id=provider_id)),
        (404, make.token("staff", clinic_ids=(make.clinic(),))),
        (200, make.token("staff", clinic_ids=(clinic_id,))),
        (200, make.token("admin")),
    ):
        with service.client(token) as client:
            assert client.get(path).status_code == status
    with service.client(make.token("provider", provider_id=provider_id)) as client:
        assert put(client, provider_id).status_code == 403


TODAY = clock.now().replace(minute=0, second=0, microsecond=0)
"""The same for all that a test asks, also when midnight comes in the middle of it."""


def ahead(days: int, hour: int) -> datetime:
    return TODAY.replace(hour=hour) + timedelta(days=days)


def test_a_new_set_does_not_strand_visits_in_silence(admin: httpx.Client, make: Make) -> None:
    provider_id, clinic_id, visit_type_id = make.provider(), make.clinic(), make.visit_type()
    make.every_day(provider_id, clinic_id, "08:00", "18:00")
    morning = make.appointment(provider_id, clinic_id, visit_type_id, ahead(4, 9), patient_id=make.patient())
    late = make.appointment(provider_id, clinic_id, visit_type_id, ahead(5, 17), patient_id=make.patient())
    for ignored in (
        {"status": "cancelled", "origin": "imported"},
        {"override_reason": "agreed", "overridden": ["outside-working-time"]},
    ):
        make.appointment(provider_id, clinic_id, visit_type_id, ahead(6, 17), patient_id=make.patient(), **ignored)
    shorter = [session(clinic_id, day, "08:00", "12:00", effective_from="2000-01-03") for day in range(1, 8)]
    refused = put(admin, provider_id, *shorter)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/appointments-stranded")
    (stranded,) = refused.json()["appointments"]
    assert stranded == {
        "id": str(late),
        "start": ahead(5, 17).isoformat(),
        "end": (ahead(5, 17) + timedelta(minutes=30)).isoformat(),
        "clinic_id": str(clinic_id),
        "status": "scheduled",
    }
    assert admin.get(f"/providers/{provider_id}/schedules").json()["items"][0]["end_time"] == "18:00"
    assert put(admin, provider_id, *shorter, override_reason="will stay longer").status_code == 200
    rows = make.conn.execute(
        "SELECT id, override_reason FROM appointment WHERE id = ANY (%s) ORDER BY start_at", ([morning, late],)
    ).fetchall()
    assert rows == [(morning, None), (late, "will stay longer")]
    # What is kept once is not asked about again.
    assert put(admin, provider_id, *shorter[:-1], shorter[-1] | {"end_time": "13:00"}).status_code == 200


@pytest.mark.parametrize("zone", ["UTC", "Australia/Sydney", "America/New_York"])
def test_a_visit_in_a_session_across_midnight_is_not_stranded(admin: httpx.Client, make: Make, zone: str) -> None:
    """Before and after midnight, and over it; also where the session is two that meet at midnight."""
    provider_id, clinic_id = make.provider(), make.clinic(zone)
    make.every_day(provider_id, clinic_id)
    for days, clock_time in ((4, "23:00"), (6, "00:30"), (8, "23:45"), (10, "05:30")):
        start = make.conn.execute(
            "SELECT local_instant((now() AT TIME ZONE %(zone)s)::date + %(days)s + %(at)s::time, %(zone)s)",
            {"zone": zone, "days": days, "at": clock_time},
        ).fetchone()
        assert start is not None
        make.appointment(provider_id, clinic_id, make.visit_type(), start[0], patient_id=make.patient())
    since = {"effective_from": "2000-01-03"}
    nights = [session(clinic_id, day, "22:00", "06:00", **since) for day in range(1, 8)]
    assert put(admin, provider_id, *nights).status_code == 200
    halves = [
        session(clinic_id, day, start, end, **since)
        for day in range(1, 8)
        for start, end in (("00:00", "06:00"), ("22:00", "24:00"))
    ]
    assert put(admin, provider_id, *halves).status_code == 200
    shorter = [session(clinic_id, day, "22:00", "05:00", **since) for day in range(1, 8)]
    refused = put(admin, provider_id, *shorter)
    assert refused.status_code == 409
    assert len(refused.json()["appointments"]) == 1
