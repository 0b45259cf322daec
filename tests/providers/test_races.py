"""Bookings race with changes of working time: whoever comes second sees the first (invariant 2)."""

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from frontdesk import clock
from tests.make import Make
from tests.service import Service

ROUNDS = 8
RIVALS = 12

OUTSIDE = """
    SELECT count(*) FROM appointment a
    WHERE a.provider_id = %s AND a.status = 'scheduled' AND a.override_reason IS NULL
      AND NOT coalesce(a.during <@ (
          (SELECT range_agg(s.during)
           FROM working_session(a.provider_id, lower(a.during)::date - 1, lower(a.during)::date + 1, a.clinic_id) s)
          - closed_time(a.provider_id, a.clinic_id, a.during)), false)
"""


def change(way: str, clinic_id: UUID, provider_id: UUID, opens: datetime) -> tuple[str, str, dict[str, Any]]:
    """A request that takes the two hours from `opens` away from the working time."""
    span = {"start": opens.isoformat(), "end": (opens + timedelta(hours=2)).isoformat()}
    if way == "closure":
        return "POST", f"/clinics/{clinic_id}/closures", span
    if way == "time off":
        return "POST", f"/providers/{provider_id}/exceptions", {"kind": "time_off", **span}
    item = {"clinic_id": str(clinic_id), "start_time": "14:00", "end_time": "18:00", "effective_from": "2000-01-03"}
    return "PUT", f"/providers/{provider_id}/schedules", {"items": [item | {"weekday": day} for day in range(1, 8)]}


async def race(service: Service, token: str, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
    async with service.rivals(token) as client:
        return await asyncio.gather(*(client.request(method, path, json=body) for method, path, body in requests))


def wait_until_blocked(conn: psycopg.Connection, holder: int, answer: Future[httpx.Response]) -> bool:
    """Whether the request comes to wait for the backend `holder`; False when it is answered instead."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
    while not answer.done():
        if conn.execute(query, (holder,)).fetchone() != (0,):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("way", ["schedule", "closure", "time off"])
def test_a_change_waits_for_a_booking_under_way(service: Service, make: Make, way: str) -> None:
    clinic_id, provider_id = make.clinic(), make.provider()
    make.every_day(provider_id, clinic_id, "12:00", "18:00")
    opens = (clock.now() + timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)
    visit_type_id, patient_id = make.visit_type(10), make.patient()
    method, path, body = change(way, clinic_id, provider_id, opens)
    with (
        service.client(make.token("admin")) as admin,
        psycopg.connect(service.dsn) as booking,
        ThreadPoolExecutor(1) as pool,
    ):
        booking.execute("SELECT FROM provider WHERE id = %s FOR SHARE", (provider_id,))
        booking.execute("SELECT FROM clinic WHERE id = %s FOR SHARE", (clinic_id,))
        visit = Make(booking).appointment(provider_id, clinic_id, visit_type_id, opens, 10, patient_id=patient_id)
        answer = pool.submit(admin.request, method, path, json=body)
        waited = wait_until_blocked(make.conn, booking.info.backend_pid, answer)
        booking.commit()
        refused = answer.result(30)
    assert waited, refused.text
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/appointments-stranded")
    assert [item["id"] for item in refused.json()["appointments"]] == [str(visit)]


@pytest.mark.parametrize("way", ["schedule", "closure", "time off"])
def test_a_booking_never_slips_past_a_change(service: Service, make: Make, way: str) -> None:
    token, visit_type_id = make.token("admin"), make.visit_type(10)
    booked_first = 0
    for round_ in range(ROUNDS):
        clinic_id, provider_id = make.clinic(), make.provider()
        make.every_day(provider_id, clinic_id, "12:00", "18:00")
        opens = (clock.now() + timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)
        requests = [
            (
                "POST",
                "/appointments",
                {
                    "provider_id": str(provider_id),
                    "clinic_id": str(clinic_id),
                    "visit_type_id": str(visit_type_id),
                    "patient_id": str(make.patient()),
                    "start": (opens + timedelta(minutes=10 * n)).isoformat(),
                },
            )
            for n in range(RIVALS)
        ]
        requests.insert(round_ * RIVALS // (ROUNDS - 1), change(way, clinic_id, provider_id, opens))
        answers = asyncio.run(race(service, token, requests))
        changed = answers[round_ * RIVALS // (ROUNDS - 1)]
        bookings = [answer.status_code for answer in answers if answer is not changed]
        assert set(bookings) <= {201, 422}, [a.text for a in answers if a.status_code not in (201, 422)]
        if changed.status_code == 409:
            assert changed.json()["type"] == "/problems/appointments-stranded"
            assert 201 in bookings
            booked_first += 1
        else:
            assert changed.status_code in (200, 201), changed.text
            assert set(bookings) == {422}
        assert make.conn.execute(OUTSIDE, (provider_id,)).fetchone() == (0,)
    assert booked_first, "the change always won: this was no race"


def test_an_override_and_moves_of_the_same_visits_end_without_a_deadlock_shown(service: Service, make: Make) -> None:
    token, visit_type_id = make.token("admin"), make.visit_type(10)
    for _ in range(4):
        clinic_id, provider_id = make.clinic(), make.provider()
        make.every_day(provider_id, clinic_id, "12:00", "18:00")
        opens = (clock.now() + timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)
        visits = [
            make.appointment(
                provider_id, clinic_id, visit_type_id, opens + timedelta(minutes=10 * n), 10, patient_id=make.patient()
            )
            for n in range(6)
        ]
        moves = [
            ("PATCH", f"/appointments/{visit}", {"start": (opens + timedelta(hours=3, minutes=10 * n)).isoformat()})
            for n, visit in enumerate(visits)
        ]
        method, path, body = change("schedule", clinic_id, provider_id, opens)
        moves.insert(3, (method, path, body | {"override_reason": "agreed by telephone"}))
        answers = asyncio.run(race(service, token, moves))
        assert {answer.status_code for answer in answers} == {200}, [a.text for a in answers]
        assert make.conn.execute(OUTSIDE, (provider_id,)).fetchone() == (0,)
