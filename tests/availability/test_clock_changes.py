"""Days on which the clocks change: what is offered equals an independent reckoning (ADR-0008)."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontdesk import clock
from tests.availability.clocks import ZONES, change_days, first_instant, starts
from tests.make import Make
from tests.service import Service

NIGHTS = (("00:30", "06:30"), ("01:45", "03:20"), ("02:00", "02:30"), ("22:15", "05:45"), ("00:00", "00:00"))


@pytest.fixture(scope="module")
def conn(service: Service) -> psycopg.Connection:
    with psycopg.connect(service.dsn, autocommit=True, options="-c timezone=UTC") as connection:
        yield connection


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    zone=st.sampled_from((*ZONES, "Europe/Dublin", "Asia/Tehran", "UTC")),
    day=st.dates(date(2021, 1, 1), date(2030, 12, 31)),
    quarter=st.integers(0, 95),
)
def test_local_instant_on_any_day(conn: psycopg.Connection, zone: str, day: date, quarter: int) -> None:
    local = datetime.combine(day, datetime.min.time()) + timedelta(minutes=15 * quarter)
    assert _local_instant(conn, local, zone) == first_instant(local, zone)


@pytest.mark.parametrize("zone", ZONES)
def test_local_instant_around_every_change(conn: psycopg.Connection, zone: str) -> None:
    for day in change_days(zone, date(2026, 1, 1)) or [date(2026, 6, 1)]:
        midnight = datetime.combine(day, datetime.min.time())
        for quarter in range(-96, 192):
            local = midnight + timedelta(minutes=15 * quarter)
            assert _local_instant(conn, local, zone) == first_instant(local, zone), local


def _local_instant(conn: psycopg.Connection, local: datetime, zone: str) -> datetime:
    row = conn.execute("SELECT local_instant(%s::timestamp, %s)", (local, zone)).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("opens", "closes"), NIGHTS)
def test_offered_starts_on_change_days(service: Service, make: Make, zone: str, opens: str, closes: str) -> None:
    """Both change days, the day before and the day after, as the public API offers them."""
    clinic, provider, visit = make.clinic(zone), make.provider(), make.visit_type(30)
    make.every_day(provider, clinic, opens, closes)
    today = clock.now().date()
    days = change_days(zone, today + timedelta(days=3)) or [today + timedelta(days=40)]
    assert len(days) == (1 if zone == "Asia/Kathmandu" else 2)
    for day in days:
        first, last = day - timedelta(days=1), day + timedelta(days=2)
        offered = _offered(service, provider, visit, first, last)
        # The session of the evening before reaches into the first day.
        whole = {
            start
            for n in range(-1, 4)
            for start in starts(first + timedelta(days=n), opens, closes, zone, 30)
            if _midnight(first, zone) <= start < _midnight(last, zone)
        }
        assert offered == sorted(whole)


def test_a_night_has_fourteen_or_ten_starts(service: Service, make: Make) -> None:
    """00:30-06:30 in steps of 30: 12 on an ordinary day, 14 on a fall-back day, 10 on a spring-forward day."""
    counts = set()
    clinic, provider, visit = make.clinic("Europe/Berlin"), make.provider(), make.visit_type(30)
    make.every_day(provider, clinic, "00:30", "06:30")
    for day in change_days("Europe/Berlin", clock.now().date() + timedelta(days=3)):
        counts.add(len(_offered(service, provider, visit, day, day + timedelta(days=1))))
        ordinary = _offered(service, provider, visit, day - timedelta(days=1), day)
        assert len(ordinary) == 12
    assert counts == {14, 10}


def test_nine_o_clock_stays_nine_o_clock(service: Service, make: Make) -> None:
    clinic, provider, visit = make.clinic("America/New_York"), make.provider(), make.visit_type(60)
    make.every_day(provider, clinic, "09:00", "10:00")
    for day in change_days("America/New_York", clock.now().date() + timedelta(days=3)):
        offered = _offered(service, provider, visit, day - timedelta(days=1), day + timedelta(days=2))
        assert len({start.hour for start in offered}) == 2  # in UTC it is another hour after the change
        assert offered == [
            first_instant(
                datetime.combine(day + timedelta(days=n), datetime.min.time()) + timedelta(hours=9), "America/New_York"
            )
            for n in (-1, 0, 1)
        ]


@pytest.mark.parametrize("zone", ZONES)
def test_every_offered_start_books(service: Service, make: Make, zone: str) -> None:
    """On a change night, each offered start is accepted and each between two grid points is refused as off the grid."""
    clinic, provider, visit = make.clinic(zone), make.provider(), make.visit_type(30)
    make.every_day(provider, clinic, "00:30", "06:30")
    day = (change_days(zone, clock.now().date() + timedelta(days=3)) or [clock.now().date() + timedelta(days=40)])[0]
    with service.client(make.token("admin")) as admin:
        body = {"provider_id": str(provider), "visit_type_id": str(visit), "clinic_id": str(clinic)}
        offered = _offered(service, provider, visit, day, day + timedelta(days=1))
        for start in offered:
            between = start + timedelta(minutes=15)
            patient = {"patient_id": str(make.patient())}
            refused = admin.post("/appointments", json={**body, **patient, "start": between.isoformat()})
            assert refused.status_code == 422
            codes = {reason["code"] for reason in refused.json()["reasons"]}
            assert codes & {"off-grid", "outside-working-time"}
            taken = admin.post("/appointments", json={**body, **patient, "start": start.isoformat()})
            assert taken.status_code == 201, taken.text
        assert _offered(service, provider, visit, day, day + timedelta(days=1)) == []


def _midnight(day: date, zone: str) -> datetime:
    return first_instant(datetime.combine(day, datetime.min.time()), zone)


def _offered(service: Service, provider: object, visit: object, first: date, last: date) -> list[datetime]:
    with service.client() as anybody:
        answer = anybody.get(
            f"/providers/{provider}/availability",
            params={"visit_type_id": str(visit), "from": first.isoformat(), "to": last.isoformat()},
        )
    assert answer.status_code == 200, answer.text
    return [datetime.fromisoformat(slot["start"]).astimezone(UTC) for slot in answer.json()["slots"]]
