"""A year of one specialist: real consultations where the data folder stands beside the checkout, else made-up ones."""

import csv
import random
import re
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path

import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.conftest import copy_database, drop_database
from tests.docs.pages import ROOT
from tests.imports.conftest import Ended, Import, brought
from tests.system.service import wait_for

REAL = ROOT.parent / "shared" / "data" / "consultations.csv"
REAL_SECONDS = 5_322_283
RECORDS, PATIENTS = 6637, 2429
BEGINNING = 2000


@dataclass(frozen=True)
class Year:
    file: Path
    total: dict[str, int]


def year_in(file: Path) -> Year:
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    seconds = sum(int(row["duration_s"]) for row in rows)
    return Year(file, {"records": len(rows), "patients": len({row["patient_ref"] for row in rows}), "seconds": seconds})


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    file = REAL if REAL.exists() else made_up(tmp_path_factory.mktemp("year") / "consultations.csv")
    found = year_in(file)
    assert (found.total["records"], found.total["patients"]) == (RECORDS, PATIENTS)
    assert found.total["seconds"] == REAL_SECONDS or file != REAL
    return found


@pytest.fixture(scope="module")
def beginning(year: Year, tmp_path_factory: pytest.TempPathFactory) -> Year:
    """The first records of the year: ten batches."""
    file = tmp_path_factory.mktemp("beginning") / "consultations.csv"
    with year.file.open(newline="") as opened, file.open("w", newline="") as target:
        csv.writer(target).writerows(islice(csv.reader(opened), 1 + BEGINNING))
    return year_in(file)


@pytest.fixture(scope="module")
def filled(postgres: EmbeddedPostgres, year: Year, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with the year in it, to be copied."""
    dsn = copy_database(postgres)
    status, _, err = Import(dsn, tmp_path_factory.mktemp("filled"), year.file).ended()
    assert status == 0, err
    yield dsn
    drop_database(postgres, dsn)


def made_up(file: Path) -> Path:
    """Half-day sessions of back-to-back consultations with a pause now and then; none overlap."""
    chance = random.Random(2016)
    patients = [f"P{n:05}" for n in range(PATIENTS)]
    seen = [*patients, *(chance.choice(patients) for _ in range(RECORDS - PATIENTS))]
    chance.shuffle(seen)
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(
            ["provider", "patient_ref", "gender", "start", "duration_s", "session", "session_part", "visit_no", "home"]
        )
        for day, session in enumerate(range(0, RECORDS, 18)):
            start = datetime(2016, 1, 1, 8, 30, chance.randrange(60), tzinfo=timezone(timedelta(hours=8)))
            start += timedelta(days=day)
            for patient in seen[session : session + 18]:
                length = chance.randint(120, 1500)
                writer.writerow(
                    ["Made-up specialist 1", patient, "NA", start.isoformat(), length, day, "morning", 1, "NA"]
                )
                start += timedelta(seconds=length + chance.choice((0, 0, 0, 0, 0, 0, 0, 0, 0, chance.randrange(2400))))
    return file


Bring = Callable[..., Ended]


def in_the_book(db: psycopg.Connection) -> dict[str, int]:
    row = db.execute(
        "SELECT count(*), count(DISTINCT patient_id), "
        "coalesce(sum(extract(epoch FROM upper(during) - lower(during))), 0)::bigint FROM appointment "
        "WHERE status = 'completed'"
    ).fetchone()
    assert row is not None
    assert db.execute("SELECT count(*) FROM patient").fetchone() == (row[1],)
    assert db.execute("SELECT count(*) FROM appointment").fetchone() == (row[0],)
    return dict(zip(("records", "patients", "seconds"), row, strict=True))


@pytest.mark.postgres("18")  # what rests on SQL is asked of 15 by the beginning
def test_all_of_them_come_in_once(bring: Bring, db: psycopg.Connection, year: Year) -> None:
    first = bring(year.file)
    assert first.status == 0, first.err
    assert first.out == (
        "6637 records: 6637 added, 0 already there, 0 refused.\n"
        "New: 2429 patients, 1 provider, 1 clinic, 1 visit type.\n"
    )
    assert first.err == "columns not used: session, session_part, visit_no, home\n"
    assert in_the_book(db) == year.total
    with year.file.open(newline="") as file:
        truth = {
            (row["patient_ref"], datetime.fromisoformat(row["start"]), int(row["duration_s"]))
            for row in csv.DictReader(file)
        }
    entered = db.execute(
        "SELECT p.external_ref, lower(a.during), extract(epoch FROM upper(a.during) - lower(a.during))::integer "
        "FROM appointment a JOIN patient p ON p.id = a.patient_id"
    ).fetchall()
    assert set(entered) == truth
    again = bring(year.file)
    assert (again.status, again.out) == (0, "6637 records: 0 added, 6637 already there, 0 refused.\n")
    assert in_the_book(db) == year.total


def shifted(source: Path, target: Path, minutes: int) -> tuple[list[int], int]:
    """Write the file with later starts and other patients; the lines that do not fit, and how many do.

    Judged here by plain intervals: sorted, disjoint, so only the two neighbours can overlap.
    """
    with source.open(newline="") as file:
        rows = list(csv.DictReader(file))
    taken: list[tuple[datetime, datetime]] = []
    for row in rows:
        start = datetime.fromisoformat(row["start"])
        insort(taken, (start, start + timedelta(seconds=int(row["duration_s"]))))
    refused, fits = [], 0
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for line, row in enumerate(rows, start=2):
            start = datetime.fromisoformat(row["start"]) + timedelta(minutes=minutes)
            end = start + timedelta(seconds=int(row["duration_s"]))
            writer.writerow(row | {"start": start.isoformat(), "patient_ref": f"other-{row['patient_ref']}"})
            at = bisect_left(taken, (start, end))
            if (at > 0 and taken[at - 1][1] > start) or (at < len(taken) and taken[at][0] < end):
                refused.append(line)
            else:
                taken.insert(at, (start, end))
                fits += 1
    return refused, fits


@pytest.mark.postgres("18")  # that overlapping rows are refused on 15 too: test_appointments
@pytest.mark.parametrize("minutes", [5, 150])
def test_later_starts_go_in_where_they_fit(
    postgres: EmbeddedPostgres, filled: str, tmp_path: Path, year: Year, minutes: int
) -> None:
    later = tmp_path / "later.csv"
    refused, fits = shifted(year.file, later, minutes)
    assert fits > 0
    dsn = copy_database(postgres, template=filled)
    ended = brought(dsn, tmp_path, later)
    assert ended.status == 1
    assert ended.refused == [(line, "provider-busy") for line in refused]
    assert all(re.search(r"from \S+\+08:00 to \S+\+08:00", detail) for detail in ended.details)
    assert ended.out.startswith(f"6637 records: {fits} added, 0 already there, {len(refused)} refused.\n")
    with psycopg.connect(dsn) as conn:
        assert conn.execute("SELECT count(*) FROM appointment").fetchone() == (year.total["records"] + fits,)
    drop_database(postgres, dsn)


def test_killed_in_the_middle_and_started_again(
    bring: Bring, db: psycopg.Connection, database: str, tmp_path: Path, beginning: Year
) -> None:
    with beginning.file.open(newline="") as file:
        references = [row["patient_ref"] for row in csv.DictReader(file)]
    late = max(set(references[:1200]), key=references.index)
    assert references.index(late) > 1000
    with psycopg.connect(database) as rival:
        # Somebody registers a patient whom only the middle of the file names: there the import has to wait.
        rival.execute(
            "INSERT INTO patient (id, first_name, last_name, date_of_birth, external_ref, changed_by, request_id) "
            "VALUES (gen_random_uuid(), 'A', 'B', '1980-01-01', %s, gen_random_uuid(), gen_random_uuid())",
            (late,),
        )
        process = Import(database, tmp_path, beginning.file)
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        wait_for("the import waits", lambda: db.execute(waits).fetchone() == (1,))
        process.kill()
        rival.rollback()
    entered = in_the_book(db)["records"]
    assert 1000 <= entered <= 1200
    again = bring(beginning.file)
    assert (again.status, again.refused) == (0, [])
    assert again.out.startswith(
        f"{BEGINNING} records: {BEGINNING - entered} added, {entered} already there, 0 refused.\n"
    )
    assert in_the_book(db) == beginning.total


def test_two_at_once_add_each_row_once(db: psycopg.Connection, database: str, tmp_path: Path, beginning: Year) -> None:
    before = deadlocks(db)
    both = [Import(database, tmp_path, beginning.file) for _ in range(2)]
    added = 0
    for process in both:
        status, out, err = process.ended()
        assert status == 0, err
        found = re.match(rf"{BEGINNING} records: (\d+) added, (\d+) already there, 0 refused\.", out)
        assert found, out
        added += int(found[1])
    assert added == beginning.total["records"]
    assert in_the_book(db) == beginning.total
    assert db.execute("SELECT (SELECT count(*) FROM provider), (SELECT count(*) FROM clinic)").fetchone() == (1, 1)
    assert deadlocks(db) == before


def deadlocks(db: psycopg.Connection) -> int:
    row = db.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])
