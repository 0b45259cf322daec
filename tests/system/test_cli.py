"""The other commands, beside a running service and against its database."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest

from frontdesk.supervisor.postgres import running_dsn
from tests.system.service import Service, clean_environment, free_port, service, wait_for


@pytest.fixture(scope="module")
def running(home: Callable[[], Path]) -> Iterator[Service]:
    with service(home()) as started:
        started.wait_until_ready()
        yield started


def frontdesk(running: Service, *arguments: str, given: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    base = {"FRONTDESK_DATA_DIR": str(running.data_dir), "FRONTDESK_PORT": str(free_port()), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "frontdesk", *arguments],
        env=clean_environment() | base | settings,
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_doctor_finds_nothing_wrong(running: Service) -> None:
    ended = frontdesk(running, "doctor")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "✗" not in ended.stdout
    assert "the embedded Valkey answers" in ended.stdout
    for subject in ("settings", "data folder", "time zones", "database", "clock", "migrations", "cache"):
        assert subject in ended.stdout


def test_doctor_names_a_misspelt_setting(running: Service) -> None:
    ended = frontdesk(running, "doctor", FRONTDESK_PROT="8000")
    assert ended.returncode == 1
    assert "FRONTDESK_PROT is no setting" in ended.stdout


def test_doctor_names_what_is_wrong_and_no_password(running: Service) -> None:
    ended = frontdesk(
        running,
        "doctor",
        FRONTDESK_DATABASE_URL="postgresql://someone:hunter2@127.0.0.1:1/x",
        FRONTDESK_REDIS_URL="redis://:hunter2@127.0.0.1:1",
    )
    assert ended.returncode == 1
    assert ended.stdout.count("✗") == 2
    assert "cannot be reached" in ended.stdout
    assert "Redis does not answer" in ended.stdout
    assert "hunter2" not in ended.stdout + ended.stderr


def test_migrate_finds_nothing_to_do(running: Service) -> None:
    ended = frontdesk(running, "migrate")
    assert (ended.returncode, ended.stdout) == (0, "The database is current.\n")


def test_a_user_is_made_with_a_password_from_standard_input(running: Service) -> None:
    ended = frontdesk(
        running, "user", "create", "--email", "boss@clinic.test", "--role", "admin", given="correct horse battery\n"
    )
    assert ended.returncode == 0, ended.stderr
    with running.database() as conn:
        row = conn.execute(
            "SELECT id::text, role, password_hash FROM user_account WHERE email = 'boss@clinic.test'"
        ).fetchone()
    assert row is not None
    assert ended.stdout.strip() == row[0]
    assert row[1] == "admin"
    assert "correct horse" not in row[2]


@pytest.mark.parametrize(
    ("arguments", "given", "expected"),
    [
        (["--email", "a@clinic.test", "--role", "patient"], "correct horse battery\n", "patient"),
        (["--email", "a@clinic.test", "--role", "surgeon"], "correct horse battery\n", "role"),
        (["--email", "nobody", "--role", "admin"], "correct horse battery\n", "email"),
        (["--email", "a@clinic.test", "--role", "admin"], "short\n", "password"),
        (["--email", "a@clinic.test", "--role", "admin"], "", "no password"),
    ],
)
def test_a_user_that_cannot_be_made_is_one_line(
    running: Service, arguments: list[str], given: str, expected: str
) -> None:
    ended = frontdesk(running, "user", "create", *arguments, given=given)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert expected in line


def test_serve_refuses_a_port_that_is_served(running: Service) -> None:
    ended = frontdesk(running, "serve", FRONTDESK_PORT=str(running.port))
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert f"port {running.port}" in line


def test_the_demo_leaves_a_database_that_is_used_alone(running: Service) -> None:
    # The user made above is use enough.
    frontdesk(
        running, "user", "create", "--email", "first@clinic.test", "--role", "admin", given="correct horse battery\n"
    )
    ended = frontdesk(running, "demo")
    assert ended.returncode == 1
    assert "not empty" in ended.stderr
    with running.database() as conn:
        assert conn.execute("SELECT count(*) FROM clinic").fetchone() == (0,)


def test_the_demo_fills_an_empty_database(running: Service) -> None:
    with running.database() as conn:
        conn.execute("CREATE DATABASE fresh")
    url = f"postgresql://frontdesk@/fresh?{urlencode({'host': running.socket_folder(), 'port': 5432})}"
    ended = frontdesk(running, "demo", "--seed", "7", FRONTDESK_DATABASE_URL=url)
    assert ended.returncode == 0, ended.stderr
    assert frontdesk(running, "migrate", FRONTDESK_DATABASE_URL=url).stdout == "The database is current.\n"
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM clinic").fetchone() == (8,)


def test_audit_verify_finds_the_trail_whole_and_names_what_was_tampered_with(running: Service) -> None:
    created = frontdesk(
        running, "user", "create", "--email", "audited@frontdesk.test", "--role", "admin", given="correct horse\n"
    )
    assert created.returncode == 0, created.stderr
    wait_for("a head of the chain", (running.data_dir / "audit-head.jsonl").exists)
    whole = frontdesk(running, "audit", "verify")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "\nThe trail is whole.\n" in whole.stdout
    dsn = running_dsn(running.data_dir / "postgres")
    assert dsn is not None
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER")  # its owner may
        altered = conn.execute(
            "UPDATE audit_entry SET actor = gen_random_uuid()"
            " WHERE id = (SELECT audit_id FROM audit_seal WHERE seq = 1) RETURNING id, table_name, row_id"
        ).fetchone()
    assert altered is not None
    ended = frontdesk(running, "audit", "verify")
    assert ended.returncode == 1
    assert ended.stdout.startswith("entry {}, {} {}, seal 1: it was altered or moved".format(*altered))
    assert "\nFaults: 1.\n" in ended.stdout
