"""Small files through the command, and what SQL finds in the book afterwards."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.range import TimestamptzRange

from frontdesk import clock, ids
from tests.imports.conftest import Ended, Import, command
from tests.make import Make

Bring = Callable[..., Ended]
HEAD = "provider,patient_ref,start,duration_min\n"
DAY = (clock.now() + timedelta(days=30)).replace(hour=9, minute=0, second=0, microsecond=0)


def ahead(hour: int, minute: int = 0) -> str:
    """A time of a day that is ahead."""
    return DAY.replace(hour=hour, minute=minute).isoformat()


def clinic_named(make: Make, name: str, time_zone: str = "UTC") -> UUID:
    return make.row("clinic", name=name, time_zone=time_zone)


def count(db: psycopg.Connection, table: str) -> int:
    (found,) = db.execute(f"SELECT count(*) FROM {table}").fetchone() or (None,)
    assert isinstance(found, int)
    return found


def scalar(db: psycopg.Connection, query: str, *values: Any) -> Any:
    rows = db.execute(query, values).fetchall()
    assert len(rows) == 1
    return rows[0][0]


def test_what_a_row_names_is_made_once(bring: Bring, db: psycopg.Connection) -> None:
    text = HEAD + (
        "Dr. Ana Lima,P1,2016-01-01T08:00:00+08:00,20\n"
        "Dr. Ana Lima,P2,2016-01-01T08:20:00+08:00,20\n"
        "Dr. Ana Lima,P1,2016-01-02T08:00:00+08:00,20\n"
    )
    first = bring(text)
    assert (first.status, first.out.splitlines()) == (
        0,
        [
            "3 records: 3 added, 0 already there, 0 refused.",
            "New: 2 patients, 1 provider, 1 clinic, 1 visit type.",
        ],
    )
    again = bring(text)
    assert (again.status, again.out) == (0, "3 records: 0 added, 3 already there, 0 refused.\n")
    assert db.execute("SELECT title, first_name, last_name, license_number FROM provider").fetchall() == [
        ("Dr.", "Ana", "Lima", "imported: Dr. Ana Lima")
    ]
    assert db.execute("SELECT name, time_zone FROM clinic").fetchall() == [("Imported visits (Etc/GMT-8)", "Etc/GMT-8")]
    assert db.execute("SELECT name, self_bookable FROM visit_type").fetchall() == [("Imported visit", False)]
    assert scalar(db, "SELECT count(*) FROM provider_clinic") == 1
    assert db.execute(
        "SELECT external_ref, first_name, last_name, date_of_birth::text FROM patient ORDER BY 1"
    ).fetchall() == [("P1", "Patient", "P1", "1900-01-01"), ("P2", "Patient", "P2", "1900-01-01")]


def test_every_row_says_who_wrote_it_and_in_which_run(bring: Bring, db: psycopg.Connection) -> None:
    bring(HEAD + "A,P1,2016-01-01T08:00:00Z,20\nA,P2,2016-01-01T08:20:00Z,20\n")
    stamps = db.execute(
        "SELECT DISTINCT actor, request_id FROM audit_entry UNION "
        "SELECT changed_by, request_id FROM appointment_history UNION SELECT changed_by, request_id FROM appointment"
    ).fetchall()
    assert len(stamps) == 1
    assert stamps[0][0] == ids.SYSTEM
    assert count(db, "appointment_history") == 2


def test_past_visits_are_completed_without_an_event_and_coming_ones_scheduled_with_one(
    bring: Bring, db: psycopg.Connection
) -> None:
    ended = bring(
        "provider,patient_ref,start,duration_min,status\n"
        f"A,P1,2016-01-01T08:00:00Z,20,\nA,P2,{ahead(9)},20,\nA,P3,{ahead(10)},20,confirmed\n"
        f"A,P4,{ahead(11)},20,cancelled\nA,P5,2016-01-01T09:00:00Z,20,no_show\nA,P6,{ahead(12)},20,completed\n"
    )
    assert (ended.status, ended.refused) == (1, [(7, "status-ahead")])
    assert db.execute(
        "SELECT external_ref, status, origin FROM appointment JOIN patient p ON p.id = patient_id ORDER BY 1"
    ).fetchall() == [
        ("P1", "completed", "imported"),
        ("P2", "scheduled", "imported"),
        ("P3", "confirmed", "imported"),
        ("P4", "cancelled", "imported"),
        ("P5", "no_show", "imported"),
    ]
    assert db.execute(
        "SELECT topic, external_ref FROM outbox JOIN patient p ON p.id::text = payload ->> 'patient_id' ORDER BY 2"
    ).fetchall() == [("appointments.scheduled.v1", "P2"), ("appointments.scheduled.v1", "P3")]


def test_those_that_are_there_are_used(bring: Bring, db: psycopg.Connection) -> None:
    make = Make(db)
    clinic = clinic_named(make, "North", "Europe/Berlin")
    provider = make.provider(first_name="Ana", last_name="Lima", license_number="L-77")
    other = make.provider(first_name="Bo", last_name="Ek", license_number="L-78")
    visit = make.row("visit_type", name="Check-up", mode="telehealth", duration_min=30, slot_step_min=30)
    patient = make.patient(external_ref="P1")
    ended = bring(
        "provider,clinic,patient_ref,start,duration_s,visit_type,first_name\n"
        f"L-77,North,P1,2016-01-01T08:00,600,Check-up,Eve\nAna Lima,{clinic},P1,2016-01-01T09:00,600,{visit},Eve\n"
        f'{provider},North,P1,2016-01-01T10:00,600,Check-up,Eve\n"Ek, Bo",North,P1,2016-01-01T11:00,600,Check-up,Eve\n'
    )
    assert ended.out == "4 records: 4 added, 0 already there, 0 refused.\n"
    assert db.execute(
        "SELECT DISTINCT provider_id, clinic_id, visit_type_id, patient_id, mode FROM appointment"
    ).fetchall() in (
        [(provider, clinic, visit, patient, "telehealth"), (other, clinic, visit, patient, "telehealth")],
        [(other, clinic, visit, patient, "telehealth"), (provider, clinic, visit, patient, "telehealth")],
    )
    # Local times are those of the clinic; and what was there before is described by others.
    assert scalar(db, "SELECT min(lower(during)) FROM appointment") == datetime(2016, 1, 1, 7, tzinfo=UTC)
    assert scalar(db, "SELECT first_name FROM patient") == "Pat"
    assert count(db, "provider_clinic") == 0


@pytest.mark.postgres("18")
def test_options_go_before_what_rows_name(bring: Bring, db: psycopg.Connection) -> None:
    make = Make(db)
    provider, clinic = make.provider(license_number="L-77"), clinic_named(make, "North")
    ended = bring(HEAD + "Somebody,P1,2016-01-01T08:00:00Z,20\n", "--provider", "L-77", "--clinic", "North")
    assert ended.status == 0
    assert db.execute("SELECT provider_id, clinic_id FROM appointment").fetchall() == [(provider, clinic)]
    assert count(db, "provider") == 1


@pytest.mark.postgres("18")
@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        (HEAD, ["--provider", "Nobody"], "--provider"),
        (HEAD, ["--clinic", "Twice"], "--clinic"),
        (HEAD, ["--time-zone", "Mars/Olympus"], "--time-zone"),
        (HEAD, ["--time-zone", "FOO+3"], "--time-zone"),
        (HEAD, ["--delimiter", "x"], "--delimiter"),
        (HEAD, ["--columns", "/nowhere.yaml"], "mapping"),
        ("patient_ref,start\n", [], "duration_s"),
        ("", [], "empty"),
    ],
)
def test_what_cannot_begin_is_one_line_and_writes_nothing(
    bring: Bring, db: psycopg.Connection, content: str, options: list[str], reason: str
) -> None:
    make = Make(db)
    clinic_named(make, "Twice")
    clinic_named(make, "Twice")
    ended = bring(content + "A,P1,2016-01-01T08:00:00Z,20\n" if content else "", *options)
    assert (ended.status, ended.out) == (1, "")
    (line,) = ended.err.splitlines()
    assert line.startswith("frontdesk: ")
    assert reason in line
    assert count(db, "provider") == 0


@pytest.mark.postgres("18")
def test_broken_lines_are_refused_and_the_rest_goes_on(bring: Bring, db: psycopg.Connection) -> None:
    known = [clinic_named(Make(db), "Twice") for _ in range(2)]
    lines = [
        b"provider,patient_ref,start,duration_min,reason,clinic",
        b'A,P1,2016-01-01T08:00:00Z,20,"two\nlines",',
        b"A,P2,2016-02-30T08:00:00Z,20,,",
        b"A,P2,2016-01-01T08:30:00Z,-20,,",
        b"A,P2",
        b'A,"P2,2016-01-01T08:30:00Z,20,,',
        b"A,P2,2016-01-01T08:30:00Z,20,\x00,",
        b"A,P2,2016-01-01T08:30:00Z,20,\xff,",
        b"A,P2,2016-01-01T08:30:00,20,,",
        b"A,P2,2016-01-01T08:30:00Z,1441,,",
        b"A,P2,2016-01-01T08:30:00+00:20,20,,",
        b"A,P2,2016-01-01T08:30:00Z,20,,Twice",
        b"A,P2,2016-01-01T08:30:00Z,20,,00000000-0000-7000-8000-00000000ffff",
        b",P2,2016-01-01T08:30:00Z,20,,",
        b"A,P2,2016-01-01T08:20:00Z,20,,",
    ]
    ended = bring(b"\xef\xbb\xbf" + b"\r\n".join(lines) + b"\r\n")
    assert ended.status == 1
    assert ended.refused == [
        (4, "bad-start"),
        (5, "bad-length"),
        (6, "too-few-fields"),
        (7, "quoting"),
        (8, "nul-byte"),
        (9, "encoding"),
        (10, "no-offset"),
        (11, "bad-length"),
        (12, "zone-unclear"),
        (13, "ambiguous-name"),
        (14, "unknown-id"),
        (15, "missing"),
    ]
    assert ended.out.startswith("14 records: 2 added, 0 already there, 12 refused.\n")
    assert scalar(db, "SELECT array_agg(reason ORDER BY lower(during)) FROM appointment") == ["two\nlines", None]
    assert count(db, "clinic") == len(known) + 1


@pytest.mark.postgres("18")
def test_local_times_on_days_when_clocks_change(bring: Bring, db: psycopg.Connection) -> None:
    text = (
        "provider,patient_ref,start,end\n"
        "A,P1,2016-03-27 02:30,2016-03-27 03:30\n"  # skipped
        "A,P1,2016-03-27 01:30,2016-03-27 02:30\n"  # ends in the gap
        "A,P1,2016-03-27 01:30,2016-03-27 03:30\n"  # one hour
        "A,P1,2016-10-30 02:30,2016-10-30 02:45\n"  # twice: the first
        "A,P1,2016-10-29 12:00,2016-10-30 12:00\n"  # 25 hours
    )
    ended = bring(text, "--time-zone", "Europe/Berlin")
    assert ended.refused == [(2, "skipped-hour"), (3, "skipped-hour"), (6, "bad-length")]
    assert [detail.partition(":")[0] for detail in ended.details[:2]] == ["start", "end"]
    found = db.execute("SELECT lower(during), upper(during) - lower(during) FROM appointment ORDER BY 1").fetchall()
    assert found == [
        (datetime(2016, 3, 27, 0, 30, tzinfo=UTC), timedelta(hours=1)),
        (datetime(2016, 10, 30, 0, 30, tzinfo=UTC), timedelta(minutes=15)),
    ]
    assert scalar(db, "SELECT time_zone FROM clinic") == "Europe/Berlin"


def test_rows_that_overlap_are_refused_one_by_one_and_leave_no_patient(bring: Bring, db: psycopg.Connection) -> None:
    make = Make(db)
    provider, clinic, visit = make.provider(license_number="L-1"), clinic_named(make, "C"), make.visit_type()
    busy = make.patient(external_ref="BUSY")
    make.appointment(provider, clinic, visit, DAY.replace(hour=12), patient_id=busy)
    ended = bring(
        HEAD + f"L-1,N1,{ahead(11, 45)},20\n"  # in the way of nobody's identity
        f"L-1,N2,{ahead(11, 40)},20\n"
        f"L-1,N3,{ahead(11, 50)},20\n"  # overlaps line 3, which came first
        f"L-2,BUSY,{ahead(12, 29)},20\n"
        f"L-2,BUSY,{ahead(12, 30)},20\n",
        "--clinic",
        "C",
    )
    assert ended.refused == [(2, "provider-busy"), (4, "provider-busy"), (5, "patient-busy")]
    assert ended.details[0] == f"the provider is busy from {ahead(12)} to {ahead(12, 30)}"
    assert ended.details[1].startswith(f"the provider is busy from {ahead(11, 40)} to {ahead(12)}; ")
    assert ended.details[2] == f"the patient is busy from {ahead(12)} to {ahead(12, 30)}"
    assert scalar(db, "SELECT array_agg(external_ref ORDER BY 1) FROM patient") == ["BUSY", "N2"]


def test_holds_block_until_they_are_overdue(bring: Bring, db: psycopg.Connection) -> None:
    make = Make(db)
    provider, clinic, visit = make.provider(license_number="L-1"), clinic_named(make, "C"), make.visit_type()
    for hour, expires in ((9, clock.now() + timedelta(hours=1)), (10, clock.now() - timedelta(seconds=1))):
        start = DAY.replace(hour=hour)
        make.appointment(provider, clinic, visit, start, status="held", hold_expires_at=expires)
    text = HEAD + f"L-1,N1,{ahead(9)},20\nL-1,N2,{ahead(10)},20\n"
    assert bring(text, "--clinic", "C", "--dry-run").refused == [(2, "provider-busy")]
    assert bring(text, "--clinic", "C").refused == [(2, "provider-busy")]
    assert scalar(db, "SELECT array_agg(status ORDER BY lower(during), status) FROM appointment") == [
        "held",
        "expired",
        "scheduled",
    ]


def test_nothing_goes_beside_an_overbooked_visit(bring: Bring, db: psycopg.Connection) -> None:
    make = Make(db)
    provider, clinic, visit = make.provider(license_number="L-1"), clinic_named(make, "C"), make.visit_type()
    make.appointment(
        provider, clinic, visit, DAY.replace(hour=9), lane=1, override_reason="urgent", patient_id=make.patient()
    )
    assert bring(HEAD + f"L-1,N1,{ahead(9)},20\n").refused == [(2, "provider-busy")]


def test_a_visit_cancelled_here_is_not_entered_again_and_two_lives_of_one_time_are_kept(
    bring: Bring, db: psycopg.Connection
) -> None:
    text = (
        "provider,patient_ref,start,duration_min,status\n"
        f"A,P1,{ahead(9)},20,cancelled\nA,P1,{ahead(9)},20,scheduled\nA,P1,{ahead(9)},20,no-show\n"
        "A,P1,2016-01-01T08:00:00Z,20,cancelled\nA,P1,2016-01-01T08:00:00Z,20,cancelled\n"
    )
    first = bring(text)
    assert first.refused == [(4, "status-ahead")]
    assert first.out.startswith("5 records: 3 added, 1 already there, 1 refused.")
    db.execute("UPDATE appointment SET status = 'cancelled' WHERE status = 'scheduled'")
    assert bring(text).out == "5 records: 0 added, 4 already there, 1 refused.\n"
    assert count(db, "appointment") == 3


def test_a_visit_that_was_cancelled_and_agreed_anew_is_two(bring: Bring, db: psycopg.Connection) -> None:
    head = "provider,patient_ref,start,duration_min,status\n"
    for status in ("cancelled", "scheduled"):
        assert bring(head + f"A,P1,{ahead(9)},20,{status}\n").out.startswith("1 record: 1 added")
    assert scalar(db, "SELECT array_agg(status ORDER BY status) FROM appointment") == ["cancelled", "scheduled"]


def test_an_external_id_is_one_visit_wherever_it_moved(bring: Bring, db: psycopg.Connection) -> None:
    head = "provider,patient_ref,start,duration_min,external_id\n"
    assert bring(head + f"A,P1,{ahead(9)},20,7\nA,P2,{ahead(10)},20,8\n").status == 0
    moved = TimestamptzRange(DAY.replace(hour=14), DAY.replace(hour=15))
    db.execute("UPDATE appointment SET during = %s, claims = %s WHERE lower(during) = %s", (moved, moved, DAY))
    again = bring(head + f"A,P1,{ahead(9)},20,7\nA,P2,{ahead(11)},20,8\nA,P3,{ahead(12)},20,8\nA,P4,{ahead(13)},20,9\n")
    assert again.refused == [(4, "external-id-taken")]
    assert again.out.startswith("4 records: 1 added, 2 already there, 1 refused.")
    assert count(db, "appointment") == 3


def test_a_dry_run_judges_alike_and_writes_nothing(bring: Bring, db: psycopg.Connection) -> None:
    make = Make(db)
    provider, clinic, visit = make.provider(license_number="L-1"), clinic_named(make, "C"), make.visit_type()
    patient = make.patient(external_ref="P1")
    make.appointment(provider, clinic, visit, DAY.replace(hour=12), patient_id=patient)
    lines = [f"L-1,N{n},{ahead(n // 60, n % 60)},7\n" for n in range(600, 800, 5)]
    text = HEAD + "".join(lines) + f"L-1,P1,{ahead(12)},30\nL-9,P1,{ahead(12, 10)},30\nL-1,Z,bad,30\n"
    tables = [row[0] for row in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()]
    before = {table: count(db, table) for table in tables}
    dry = bring(text, "--dry-run", "--clinic", "C")
    assert {table: count(db, table) for table in tables} == before
    real = bring(text, "--clinic", "C")
    assert dry.out == f"Dry run, nothing is written. {real.out}"
    assert (dry.refused, dry.details, dry.status) == (real.refused, real.details, 1)
    assert "1 already there" in real.out


@pytest.mark.postgres("18")
def test_unknown_columns_are_named_once_and_nobody_is(bring: Bring) -> None:
    rows = "".join(f"Ana Lima,P{n},2016-01-01T08:00:00Z,20,Miller\n" for n in range(300))
    ended = bring(HEAD.replace("\n", ",surname\n") + rows)
    assert len(ended.refused) == 299
    assert ended.err == "columns not used: surname\n"
    assert not any("P1" in detail or "Miller" in detail or "Lima" in detail for detail in ended.details)


@pytest.mark.postgres("18")
def test_without_a_report_refusals_go_to_standard_error(bring: Bring, tmp_path: Path, database: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(HEAD + "A,P1,bad,20\n")
    process = command(database, tmp_path, file)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "1 record: 0 added, 0 already there, 1 refused.\n")
    assert err.startswith("line 2: bad-start: ")


@pytest.mark.postgres("18")
def test_the_report_is_never_the_file_itself(bring: Bring, tmp_path: Path) -> None:
    file = tmp_path / "errors.csv"  # where the fixture puts the report
    given = tmp_path / "given.csv"
    given.symlink_to(file)
    file.write_text(HEAD + "A,P1,2016-01-01T08:00:00Z,20\n")
    text = file.read_text()
    _, _, err = Import("postgresql://nowhere", tmp_path, given, "--errors", str(file)).ended()
    assert "that is the file to import" in err
    assert file.read_text() == text


@pytest.mark.postgres("18")
def test_lines_with_the_id_of_an_earlier_line_are_counted(bring: Bring, db: psycopg.Connection) -> None:
    head = "provider,patient_ref,start,duration_min,external_id\n"
    first = "Ana Lima,p-1,2024-03-04T09:00:00+00:00,30,visit-1\n"
    other_patient = "Ana Lima,p-2,2024-03-04T11:00:00+00:00,30,visit-1\n"
    ended = bring(head + first + first + other_patient)
    assert ended.out.startswith("3 records: 1 added, 1 already there, 1 refused.\n")
    assert (ended.status, ended.refused) == (1, [(4, "external-id-taken")])
    assert db.execute("SELECT count(*) FROM appointment").fetchone() == (1,)
