"""Whoever opens a link, scans it or fetches it ahead changes nothing."""

import pytest
from psycopg import sql

from tests.guests.conftest import PAGE, House
from tests.make import Make

pytestmark = pytest.mark.postgres("18")


def _database(make: Make) -> dict[str, str]:
    """A digest of each table; of the trail without its looks."""
    tables = make.conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    digests = {}
    for (table,) in tables:
        where = " WHERE t.action <> 'READ'" if table == "audit_entry" else ""
        statement = sql.SQL("SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM {} t" + where)
        row = make.conn.execute(statement.format(sql.Identifier(table))).fetchone()
        assert row is not None
        digests[table] = row[0]
    return digests


def test_reading_changes_nothing(house: House) -> None:
    link = house.link(9)
    paths = ["", "/slots", "/confirm", "/cancel", "/move", "?done=moved", "/slots?from=2026-01-01&to=2026-01-02"]
    before = _database(house.make)
    statuses = set()
    for number in range(50):
        path, accept = paths[number % len(paths)], PAGE if number % 2 else {}
        prefetch = {"Sec-Purpose": "prefetch", "Purpose": "prefetch"}
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = house.guest.request(method, link.path + path, headers=accept | prefetch)
            statuses.add((method, answer.status_code))
    assert _database(house.make) == before
    led = ("GET", 303)  # a browser that opens the address of a form is led to the page
    assert statuses == {("GET", 200), ("GET", 405), led, ("HEAD", 405), ("OPTIONS", 405)}
    looks = house.make.conn.execute(
        "SELECT count(*) FROM audit_entry WHERE row_id = %s AND action = 'READ'", [str(link.patient)]
    ).fetchone()
    assert looks is not None
    assert looks[0] == sum(number % len(paths) in (0, 1, 5, 6) for number in range(50))


def test_the_comparison_would_show_a_change(house: House) -> None:
    link = house.link(9)
    before = _database(house.make)
    assert link.post("/confirm").status_code == 200
    after = _database(house.make)
    changed = {table for table in before if before[table] != after[table]}
    assert changed >= {"appointment", "appointment_history", "audit_entry", "outbox"}
