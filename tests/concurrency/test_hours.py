"""Invariant 2 while working time changes: a booking is judged by the hours that stand when it commits."""

import threading
import time
from typing import Any

import httpx
import psycopg
import pytest

from tests.concurrency.book import Ask, Scene, slugs, statuses
from tests.concurrency.conftest import MakeScene

AFTERNOON = [240 + 30 * n for n in range(10)]
"""Starts from 13:00 to 17:30, in minutes after 09:00: all of them are taken away."""


def _mornings_only(book: Scene, provider: int) -> Ask:
    hours = {"clinic_id": str(book.clinic), "start_time": "08:00", "end_time": "13:00", "effective_from": "2000-01-03"}
    items = [hours | {"weekday": weekday} for weekday in range(1, 8)]
    return Ask(method="PUT", path=f"/providers/{book.providers[provider]}/schedules", body={"items": items})


def _afternoon_off(book: Scene, provider: int) -> Ask:
    span = {"start": book.at(240).isoformat(), "end": book.at(600).isoformat()}
    return Ask(path=f"/providers/{book.providers[provider]}/exceptions", body={"kind": "time_off"} | span)


def _afternoon_closed(book: Scene, _: int) -> Ask:
    span = {"start": book.at(240).isoformat(), "end": book.at(600).isoformat()}
    return Ask(path=f"/clinics/{book.clinic}/closures", body=span)


def _deactivated(book: Scene, provider: int) -> Ask:
    return Ask(method="DELETE", path=f"/providers/{book.providers[provider]}")


@pytest.mark.parametrize("change", [_mornings_only, _afternoon_off, _afternoon_closed, _deactivated])
def test_a_change_of_hours_against_bookings(scene: MakeScene, change: Any) -> None:
    """Either the change is refused because visits stand in its way, or it is carried out and nobody gets in."""
    for round_ in range(4):
        book = scene(patients=10)
        bookings = [book.booking(start, patient=n) for n, start in enumerate(AFTERNOON)][: 10 if round_ % 2 else 3]
        # Now early, now late among its rivals, so that each has its chance.
        asks = [change(book, 0), *bookings] if round_ < 2 else [*bookings, change(book, 0)]
        answers = book.race(asks)
        changed = answers[asks.index(next(a for a in asks if a.path != "/appointments"))]
        booked = [a for a, ask in zip(answers, asks, strict=True) if ask.path == "/appointments"]
        assert set(statuses(booked)) <= {201, 422}
        assert slugs(booked) <= {"not-bookable"}
        assert changed.status_code in (200, 201, 204, 409), changed.text
        assert (changed.status_code < 300) == (201 not in statuses(booked)), (changed.text, statuses(booked))
        assert len(book.live()) == statuses(booked).get(201, 0)


def test_moves_and_holds_wait_for_a_change_of_hours(scene: MakeScene) -> None:
    """All of them arrive while the change is under way, wait for it, and are judged by the new hours, not the old."""
    book = scene(patients=6)
    mine = [book.booked(30 * n, patient=n) for n in range(3)]
    asks = [book.move(id_, 240 + 30 * n) for n, id_ in enumerate(mine)]
    asks += [book.booking(330 + 30 * n, patient=3 + n) for n in range(3)]
    asks += [Ask(path="/holds", body=book.time(420 + 30 * n)) for n in range(3)]
    answers: list[httpx.Response] = []
    with psycopg.connect(book.service.dsn, autocommit=True) as conn:
        with conn.transaction():
            conn.execute("SELECT FROM provider WHERE id = %s FOR UPDATE", (book.providers[0],))
            rivals = threading.Thread(target=lambda: answers.extend(book.race(asks)))
            rivals.start()
            _wait_for_waiting(book.make.conn, len(asks))
            conn.execute("UPDATE schedule SET end_time = '13:00' WHERE provider_id = %s", (book.providers[0],))
        rivals.join()
    assert statuses(answers) == {422: 9}
    assert slugs(answers) == {"not-bookable"}
    assert all("outside-working-time" in {r["code"] for r in a.json()["reasons"]} for a in answers)
    assert [start for (start,) in book.live("lower(during)")] == [book.at(30 * n) for n in range(3)]


def _wait_for_waiting(conn: psycopg.Connection[Any], sessions: int) -> None:
    # On a connection outside of any transaction: inside of one, pg_stat_activity shows its first answer for ever.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        row = conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
        if row and row[0] >= sessions:
            return
        time.sleep(0.05)
    raise AssertionError(f"{sessions} requests never came to wait for the change of hours")
