"""The demo on a real server: as much as promised, nothing double-booked, everything inside working time."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from frontdesk import db, demo, ids
from frontdesk.auth.passwords import verify_password
from frontdesk.demo.draw import Draw
from frontdesk.demo.people import patients, providers
from frontdesk.settings import Settings
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.conftest import copy_database, drop_database
from tests.service import Service

SEED = 20_260
AT = datetime(2026, 11, 20, 16, 5, tzinfo=UTC)  # a Friday: 11:05 in New York, 03:05 on Saturday in Sydney

Written = psycopg.Connection[DictRow]


def fill(dsn: str, *, seed: int = SEED, at: datetime | None = AT) -> demo.Summary:
    async def run() -> demo.Summary:
        async with await db.connect(Settings(), dsn) as conn:
            return await demo.fill(conn, seed=seed, at=at)

    return asyncio.run(run())


@pytest.fixture(scope="module")
def filled(postgres: EmbeddedPostgres) -> Iterator[tuple[str, demo.Summary]]:
    """A database with the demo as of AT, shared by tests that only read."""
    dsn = copy_database(postgres)
    yield dsn, fill(dsn)
    drop_database(postgres, dsn)


@pytest.fixture
def book(filled: tuple[str, demo.Summary]) -> Iterator[Written]:
    with psycopg.connect(filled[0], autocommit=True, row_factory=dict_row, options="-c timezone=UTC") as conn:
        yield conn


def rows(conn: Written, query: str, *values: object) -> list[DictRow]:
    return conn.execute(query.encode(), values).fetchall()


def value(conn: Written, query: str, *values: object) -> Any:
    (row,) = rows(conn, query, *values)
    (only,) = row.values()
    return only


def test_it_is_as_large_as_promised(book: Written, filled: tuple[str, demo.Summary]) -> None:
    summary = filled[1]
    assert (summary.clinics, summary.specialties, summary.providers, summary.patients) == (8, 16, 60, 2000)
    assert 11_000 <= summary.appointments <= 18_000
    for table, count in (
        ("clinic", 8),
        ("specialty", 16),
        ("provider", 60),
        ("patient", 2000),
        ("appointment", summary.appointments),
        ("visit", summary.visits),
    ):
        assert value(book, f"SELECT count(*) FROM {table}") == count
    assert value(book, "SELECT count(DISTINCT time_zone) FROM clinic") == 5
    assert value(book, "SELECT count(*) FROM clinic WHERE latitude < 0") == 1
    assert value(book, "SELECT count(DISTINCT provider_id) FROM appointment") == 60
    span = rows(book, "SELECT min(lower(during)) AS first, max(upper(during)) AS last FROM appointment")[0]
    assert AT - timedelta(days=47) < span["first"] < AT - timedelta(days=40)
    assert AT + timedelta(days=40) < span["last"] < AT + timedelta(days=47)


@pytest.mark.parametrize(
    ("whose", "what"), [("provider_id", "claims"), ("room_id", "claims"), ("patient_id", "during")]
)
def test_nobody_is_double_booked(book: Written, whose: str, what: str) -> None:
    # Neighbours in time, by window instead of by range operator: an oracle apart from the exclusion constraints.
    compared, overlapping = (
        rows(
            book,
            f"""
            SELECT count(*) AS compared, count(*) FILTER (WHERE opens < reached) AS overlapping
            FROM (SELECT lower({what}) AS opens,
                         max(upper({what})) OVER (PARTITION BY {whose} ORDER BY lower({what}), id
                                                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
                  FROM appointment WHERE status <> 'cancelled' AND {whose} IS NOT NULL) AS ordered
            """,
        )[0]
    ).values()
    assert compared > 5_000
    assert overlapping == 0


def test_every_visit_lies_inside_working_time(book: Written) -> None:
    outside = value(
        book,
        """
        WITH open AS MATERIALIZED (
            SELECT p.id AS provider_id, s.clinic_id,
                   range_agg(tstzmultirange(s.during) - closed_time(p.id, s.clinic_id, s.during)) AS during
            FROM provider p
            CROSS JOIN LATERAL working_session(p.id, %s::date, %s::date) AS s
            GROUP BY 1, 2)
        SELECT count(*) FROM appointment a
        WHERE NOT EXISTS (SELECT FROM open o WHERE o.provider_id = a.provider_id AND o.clinic_id = a.clinic_id
                                               AND o.during @> a.during)
        """,
        AT - timedelta(days=50),
        AT + timedelta(days=50),
    )
    assert outside == 0


def test_every_visit_is_one_that_could_have_been_booked(book: Written) -> None:
    broken = value(
        book,
        """
        SELECT count(*) FROM appointment a
        JOIN visit_type v ON v.id = a.visit_type_id
        JOIN patient p ON p.id = a.patient_id
        LEFT JOIN room r ON r.id = a.room_id
        WHERE upper(a.during) - lower(a.during) <> make_interval(mins => v.duration_min)
           OR lower(a.during) - lower(a.claims) <> make_interval(mins => v.buffer_before_min)
           OR upper(a.claims) - upper(a.during) <> make_interval(mins => v.buffer_after_min)
           OR a.mode <> v.mode
           OR r.kind IS DISTINCT FROM v.room_kind AND a.status <> 'cancelled'
           OR lower(a.during) > %s + make_interval(days => v.horizon_days)
           OR a.created_at > lower(a.during) OR a.changed_at < a.created_at OR a.changed_at > %s
           OR a.created_at < p.created_at
           OR NOT EXISTS (SELECT FROM provider_visit_type o
                          WHERE o.provider_id = a.provider_id AND o.visit_type_id = v.id)
        """,
        AT,
        AT,
    )
    assert broken == 0


def test_the_past_is_over_today_is_under_way_and_the_future_is_open(book: Written) -> None:
    by_time = {
        row["era"]: set(row["found"])
        for row in rows(
            book,
            """
            SELECT CASE WHEN upper(during) <= %s THEN 'past'
                        WHEN lower(during) <= %s THEN 'now' ELSE 'future' END AS era,
                   array_agg(DISTINCT status) AS found
            FROM appointment GROUP BY 1
            """,
            AT,
            AT,
        )
    }
    assert by_time["past"] == {"completed", "no_show", "cancelled"}
    assert "in_progress" in by_time["now"]
    assert by_time["now"] <= {"in_progress", "scheduled", "confirmed", "cancelled"}
    assert by_time["future"] == {"scheduled", "confirmed", "checked_in", "cancelled"}
    assert value(book, "SELECT count(*) FROM visit v JOIN appointment a ON a.id = v.appointment_id") > 1_000
    assert value(book, "SELECT count(*) FROM visit v JOIN appointment a ON a.id = v.appointment_id "
                       "WHERE a.status <> 'completed'") == 0  # fmt: skip


def test_the_schedules_show_what_schedules_can_do(book: Written) -> None:
    assert value(book, "SELECT count(*) FROM schedule WHERE end_time < start_time") == 3  # one provider, three nights
    assert value(book, "SELECT count(*) FROM schedule WHERE interval_weeks = 2") > 0
    assert value(book, "SELECT count(*) FROM schedule WHERE visit_type_ids IS NOT NULL AND release_hours = 48") == 1
    assert value(book, "SELECT count(*) FROM schedule WHERE effective_until IS NOT NULL") > 0
    split = "SELECT 1 FROM schedule GROUP BY provider_id, weekday, effective_from HAVING count(*) > 1"
    assert value(book, f"SELECT count(*) FROM ({split}) AS s") > 20
    zones = (
        "SELECT 1 FROM schedule s JOIN clinic c ON c.id = s.clinic_id "
        "GROUP BY provider_id HAVING count(DISTINCT time_zone) > 1"
    )
    assert value(book, f"SELECT count(*) FROM ({zones}) AS s") == 1
    nights = """
        SELECT count(*) FROM appointment a JOIN clinic c ON c.id = a.clinic_id
        WHERE (lower(during) AT TIME ZONE c.time_zone)::time NOT BETWEEN '06:00' AND '21:59'
    """
    assert value(book, nights) > 50
    closed = "SELECT count(*) FROM closure WHERE during @> '2026-12-25 20:00Z'::timestamptz "
    closed += "AND reason = 'Christmas Day'"
    assert value(book, closed) == 7  # Christmas Day is over in Sydney by then
    kinds = {(row["kind"], row["status"]) for row in rows(book, "SELECT kind, status FROM schedule_exception")}
    assert {("time_off", "approved"), ("time_off", "requested"), ("extra_session", "approved")} <= kinds


def test_every_row_says_who_wrote_it_and_none_escaped_the_trail(book: Written) -> None:
    audited = {row["table_name"]: row["n"] for row in rows(
        book, "SELECT table_name, count(*) AS n FROM audit_entry GROUP BY 1")}  # fmt: skip
    for table, count in audited.items():
        assert value(book, f"SELECT count(*) FROM {table}") == count
    assert audited["appointment"] > 11_000
    assert value(book, "SELECT count(*) FROM appointment_history") == audited["appointment"]
    stamps = rows(book, "SELECT DISTINCT actor, request_id FROM audit_entry")
    assert len(stamps) == 1
    assert stamps[0]["actor"] == ids.SYSTEM


def test_the_log_ins_are_linked_to_people_with_something_to_see(book: Written) -> None:
    accounts = {row["email"]: row for row in rows(book, "SELECT * FROM user_account")}
    assert {email: row["role"] for email, row in accounts.items()} == demo.LOGINS
    assert all(verify_password(row["password_hash"], demo.PASSWORD) for row in accounts.values())
    staff = accounts["staff@frontdesk.test"]["id"]
    assert value(book, "SELECT count(*) FROM user_clinic WHERE user_id = %s", staff) == 2
    today = "lower(during) BETWEEN '2026-11-20 00:00-05' AND '2026-11-21 00:00-05'"
    provider = accounts["provider@frontdesk.test"]["provider_id"]
    assert value(book, f"SELECT count(*) FROM appointment WHERE provider_id = %s AND {today}", provider) >= 8
    patient = accounts["patient@frontdesk.test"]["patient_id"]
    for era in (f"upper(during) < '{AT}'", f"lower(during) > '{AT}' AND status <> 'cancelled'"):
        assert value(book, f"SELECT count(*) FROM appointment WHERE patient_id = %s AND {era}", patient) >= 1


BOOK = """
    SELECT a.id, p.license_number, t.first_name, t.last_name, t.date_of_birth, a.during, v.name, r.name AS room,
           a.status = 'cancelled' AS cancelled, a.created_at
    FROM appointment a JOIN provider p ON p.id = a.provider_id JOIN patient t ON t.id = a.patient_id
    JOIN visit_type v ON v.id = a.visit_type_id LEFT JOIN room r ON r.id = a.room_id
    ORDER BY a.id
"""


@pytest.mark.postgres("18")
def test_the_same_seed_on_the_same_day_is_the_same_book(book: Written, database: str) -> None:
    late = datetime(2026, 11, 20, 23, 58, 31, tzinfo=UTC)
    fill(database, at=late)
    with psycopg.connect(database, row_factory=dict_row, options="-c timezone=UTC") as other:
        assert rows(other, BOOK) == rows(book, BOOK)
        finished = "SELECT id, status FROM appointment WHERE upper(during) <= %s ORDER BY id"
        assert rows(other, finished, AT) == rows(book, finished, AT)


def test_another_seed_is_another_group() -> None:
    def names(seed: int) -> list[tuple[str, str]]:
        people = [*providers(Draw(seed, "providers"), AT), *patients(Draw(seed, "patients"), AT)]
        return [(person.first_name, person.last_name) for person in people]

    assert names(1) == names(1)
    assert names(1) != names(2)


@pytest.mark.postgres("18")
def test_a_weekend_and_a_holiday_still_show_a_day_at_work(database: str) -> None:
    christmas = datetime(2027, 12, 25, 15, 0, tzinfo=UTC)  # a Saturday
    fill(database, seed=3, at=christmas)
    with psycopg.connect(database, row_factory=dict_row, options="-c timezone=UTC") as conn:
        busy = """
            SELECT count(*) FROM appointment a JOIN user_account u ON u.provider_id = a.provider_id
            WHERE lower(during) BETWEEN '2027-12-25 00:00-05' AND '2027-12-26 00:00-05'
        """
        assert value(conn, busy) >= 8


def test_a_database_in_use_is_left_alone(database: str) -> None:
    with psycopg.connect(database, autocommit=True, row_factory=dict_row) as conn:
        conn.execute(
            "INSERT INTO clinic (id, name, time_zone, changed_by, request_id) VALUES (%s, 'Ours', 'UTC', %s, %s)",
            (ids.new_id(), ids.SYSTEM, ids.new_id()),
        )
        with pytest.raises(demo.NotEmpty):
            fill(database)
        assert value(conn, "SELECT count(*) FROM clinic") == 1
        assert value(conn, "SELECT count(*) FROM patient") == 0


@pytest.mark.postgres("18")
def test_a_fill_that_fails_leaves_nothing(database: str) -> None:
    with psycopg.connect(database, autocommit=True, row_factory=dict_row) as conn:
        # The last table that is written refuses.
        conn.execute("ALTER TABLE user_clinic ADD CONSTRAINT never CHECK (false)")
        with pytest.raises(psycopg.errors.CheckViolation):
            fill(database)
        assert value(conn, "SELECT count(*) FROM clinic") == 0
        assert value(conn, "SELECT count(*) FROM audit_entry") == 0


@pytest.mark.postgres("18")
def test_the_log_ins_work_and_the_book_is_served(filled: tuple[str, demo.Summary], tmp_path: Path) -> None:
    service = Service(filled[0], tmp_path, workers=1)
    service.start()
    try:
        with service.client() as client:
            for email, role in demo.LOGINS.items():
                answer = client.post("/auth/token", data={"username": email, "password": demo.PASSWORD})
                assert answer.status_code == 200, answer.text
                bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
                me = client.get("/auth/me", headers=bearer)
                assert me.json()["role"] == role
                seen = client.get("/appointments", headers=bearer)
                assert seen.status_code == 200, seen.text
                assert seen.json()["items"]
    finally:
        service.stop()


def test_the_patient_has_two_children_with_visits_ahead(book: Written) -> None:
    family = rows(
        book,
        """
        SELECT g.relation, g.until_on = (p.date_of_birth + interval '18 years')::date AS until_of_age,
               p.date_of_birth > %s::date - interval '18 years' AS child,
               p.date_of_birth > o.date_of_birth + interval '17 years' AS believable,
               EXISTS (SELECT FROM appointment a WHERE a.patient_id = p.id AND a.start_at > %s) AS ahead
        FROM guardianship g JOIN patient p ON p.id = g.patient_id JOIN patient o ON o.id = g.guardian_id
        JOIN user_account u ON u.patient_id = g.guardian_id AND u.email = 'patient@frontdesk.test'
        """,
        AT.date(),
        AT,
    )
    assert len(family) == 2
    for child in family:
        assert child.pop("relation") in ("mother", "father", "grandmother", "grandfather")
        assert set(child.values()) == {True}, child
