"""Real servers for every test: PostgreSQL 18 (the wheel) and 15 (Debian), and the service on top as real processes.

Each test runs once on each version, or on those that its mark `postgres` names (CONTRIBUTING says which). With `-n 3`
two workers have 18, one has 15, and whoever is done first takes of the rest. Where a version cannot be had, its tests
are skipped by name, with the reason in the closing summary; FRONTDESK_TEST_NO_SKIPS=1, which CI sets, turns every skip
into a failure, save those of Apache Kafka where Maven Central is out of reach.
"""

import os
import re
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import hypothesis
import psycopg
import pytest
from xdist.scheduler import LoadScopeScheduling

from frontdesk import fields
from frontdesk.schema.migrate import migrate
from frontdesk.secrets import Keys
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests import canaries
from tests.brokers.kafka import NOT_TESTED
from tests.debian import postgres_15
from tests.make import Make
from tests.service import SECRET, Service

# On a busy machine an example takes longer than the 200 ms that Hypothesis allows; no time is asserted here.
hypothesis.settings.register_profile(
    "suite",
    hypothesis.settings(),
    deadline=None,
    suppress_health_check=[*hypothesis.settings().suppress_health_check, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("suite")

# What tests write in process opens in the services under test, whose secret this is.
fields.keys = lambda: Keys(SECRET)

BOTH = ("18", "15")
NO_SKIPS = os.environ.get("FRONTDESK_TEST_NO_SKIPS") == "1"
_numbers = count(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "postgres" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("postgres")
        versions = [pytest.param(version, id=f"pg{version}") for version in (mark.args if mark else BOTH)]
        metafunc.parametrize("postgres", versions, indirect=True, scope="session")


APART = {
    **dict.fromkeys(("concurrency", "crash", "imports", "proof"), "storms"),
    **dict.fromkeys(("access", "sickday", "waitlist"), "people"),
    "portal": "pages",
}
"""Folders that take two thirds of the time on PostgreSQL 18: other workers have them, with servers of their own."""

FIRST = ["pg18 storms", "pg15", "pg18 pages", "pg18 people", "pg18", "fuzz", "system", "ports"]
"""What takes longest begins first; the rest follows where somebody is free."""


def share(nodeid: str) -> str:
    """What one worker does in one go: so it starts that PostgreSQL, and the service on it, once."""
    folder, version = nodeid.split("/")[1].split("::")[0], re.search(r"\[(pg\d+)", nodeid)
    if version is None:
        return folder
    return f"pg18 {APART[folder]}" if version[1] == "pg18" and folder in APART else version[1]


class Shares(LoadScopeScheduling):
    """Tests go to the workers share by share, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    config.option.loadscopereorder = False  # by the number of tests: the minutes of fuzzing would begin last
    return Shares(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(share(item.nodeid), len(FIRST)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail") and NOT_TESTED not in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"skipped although FRONTDESK_TEST_NO_SKIPS=1: {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def no_patient_in_any_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """At the very end, when all has been stopped: nothing that tests planted as patient data was written down."""
    yield
    found = canaries.leaks(tmp_path_factory.getbasetemp())
    assert not found, "\n".join(found[:50])


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of one version. fsync is off: what is under test here survives a killed process without it."""
    bin_dir: Path | None = None
    if request.param == "15":
        found = postgres_15()
        if isinstance(found, str):
            pytest.skip(found)
        bin_dir = found
    server = EmbeddedPostgres(
        tmp_path_factory.mktemp(f"pg{request.param}"), bin_dir, options={"fsync": "off", "deadlock_timeout": "200ms"}
    )
    server.start()
    try:
        migrate(server.dsn("frontdesk"))
        yield server
    finally:
        server.stop()


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The dsn of a migrated database of this test's own, copied from a template."""
    dsn = copy_database(postgres)
    yield dsn
    drop_database(postgres, dsn)


def copy_database(postgres: EmbeddedPostgres, template: str | None = None) -> str:
    """The dsn of a new database, migrated and empty, or like the one with the dsn `template`."""
    name = f"test_{next(_numbers)}"
    like = psycopg.conninfo.conninfo_to_dict(template)["dbname"] if template else "frontdesk"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as conn:
        # Copied as files, not through the write-ahead log: 20 ms of CPU against 40, DROP included.
        conn.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}" STRATEGY FILE_COPY')
    return postgres.dsn(name)


def drop_database(postgres: EmbeddedPostgres, dsn: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    # As superuser: an autovacuum worker that looks into it just now is nobody else's to end.
    with psycopg.connect(postgres.dsn("postgres", user="postgres"), autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def db(database: str) -> Iterator[psycopg.Connection]:
    """A connection to this test's own database, autocommit, UTC."""
    with psycopg.connect(database, autocommit=True, options="-c timezone=UTC") as conn:
        yield conn


@pytest.fixture(scope="session")
def service(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with two workers on a database of its own, shared by tests that do not count rows."""
    running = Service(copy_database(postgres), tmp_path_factory.mktemp("service"))
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def make(service: Service) -> Iterator[Make]:
    """Makes test data in the service's database, and log-ins for it."""
    with psycopg.connect(service.dsn, autocommit=True, options="-c timezone=UTC") as conn:
        yield Make(conn)
