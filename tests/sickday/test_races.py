"""Sick days beside rivals, beside each other, and killed in the middle: all of one or nothing of it."""

import asyncio
import random
from collections import Counter
from itertools import combinations
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.concurrency.proof import prove
from tests.conftest import copy_database, drop_database
from tests.make import Make
from tests.service import Service
from tests.sickday.conftest import Group, Row, group_of

ROUNDS = 3


def offers_of(group: Group, exceptions: list[Row]) -> list[Row]:
    return [offer for one in exceptions for row in group.call_list(one)["items"] for offer in row["offers"]]


def colliding(offers: list[Row]) -> list[tuple[Row, Row]]:
    return [
        (one, other)
        for one, other in combinations(offers, 2)
        if one["provider_id"] == other["provider_id"] and one["start"] < other["end"] and other["start"] < one["end"]
    ]


async def _enter(client: httpx.AsyncClient, group: Group, provider: Any) -> httpx.Response:
    body = group.off(offer_alternatives=True)
    return await client.post(f"/providers/{provider}/exceptions", json=body)


def test_several_sick_days_at_once(service: Service, make: Make) -> None:
    """Each of them is a colleague of the others, so each looks at schedules that another is about to change."""
    for _ in range(ROUNDS):
        group = group_of(service, make)
        away = [group.provider, *group.colleagues[:2]]
        for provider in away:
            group.fill(8, provider)

        async def all_at_once(group: Group = group, away: list[Any] = away) -> list[httpx.Response]:
            async with service.rivals(group.make.token("admin")) as client:
                return await asyncio.gather(*(_enter(client, group, provider) for provider in away))

        answers = asyncio.run(all_at_once())
        assert [answer.status_code for answer in answers] == [201] * len(away), [answer.text for answer in answers]
        exceptions = [answer.json() for answer in answers]
        offers = offers_of(group, exceptions)
        assert not colliding(offers)
        # Those who were first may have been offered times of those who came later, who are away then: these were given
        # back, and nothing stands in anybody's time off.
        assert not [o for o in offers if o["provider_id"] in map(str, away) and o["start"] < group.at(24).isoformat()]
        for one in exceptions:
            assert group.call_list(one)["counts"]["offered"] == 8
        prove(group.conn, [group.clinic, group.other_clinic])


def test_beside_rivals_who_book_the_same_times(service: Service, make: Make) -> None:
    for n in range(ROUNDS):
        group = group_of(service, make)
        group.fill(10)
        wanted = [a for row in group.preview() for a in row["alternatives"]]
        random.Random(n).shuffle(wanted)
        rivals = [group.wish(alternative, patient_id=str(make.patient())) for alternative in wanted[:12]]

        async def race(group: Group = group, rivals: list[Row] = rivals) -> list[httpx.Response]:
            async with service.rivals(group.make.token("admin")) as client:
                books = [client.post("/appointments", json=body) for body in rivals]
                return await asyncio.gather(_enter(client, group, group.provider), *books)

        entered, *booked = asyncio.run(race())
        assert entered.status_code == 201, entered.text
        assert set(Counter(answer.status_code for answer in booked)) <= {201, 409}
        taken = [answer.json() for answer in booked if answer.status_code == 201]
        offers = offers_of(group, [entered.json()])
        assert len(offers) == 30
        assert not colliding(offers + taken)
        prove(group.conn, [group.clinic, group.other_clinic])


TABLES = ("schedule_exception", "waitlist_entry", "waitlist_offer")
"""That a sick day writes, in this order."""


def test_killed_in_the_middle_leaves_nothing(postgres: Any, tmp_path: Any) -> None:
    """The transaction is stopped by a lock at a certain table, where it has written much, and the service is killed."""
    dsn = copy_database(postgres)
    service = Service(dsn, tmp_path, workers=1, FRONTDESK_LOCK_TIMEOUT="PT30S")
    service.start()
    try:
        with psycopg.connect(dsn, autocommit=True) as conn, psycopg.connect(dsn) as gate:
            for table in TABLES:
                group = group_of(service, Make(conn))
                visits = group.fill(5)
                before = _all(conn)
                gate.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.Identifier(table)))
                asyncio.run(_enter_and_die(service, group, conn))
                gate.rollback()
                _until_alone(conn)
                assert _all(conn) == before, table
                service.start()
                exception = group.enter(service.client(group.make.token("admin")))
                assert [row["appointment_id"] for row in group.call_list(exception)["items"]] == visits
    finally:
        service.stop()
        drop_database(postgres, dsn)


async def _enter_and_die(service: Service, group: Group, conn: psycopg.Connection) -> None:
    async with service.rivals(group.make.token("admin")) as client:
        asked = asyncio.create_task(_enter(client, group, group.provider))
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(_somebody_waits, conn):
                await asyncio.sleep(0.01)
        await asyncio.to_thread(service.kill)
        with pytest.raises(httpx.TransportError):
            await asked


def _somebody_waits(conn: psycopg.Connection) -> bool:
    row = conn.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'").fetchone()
    return row is not None and row[0] > 0


def _until_alone(conn: psycopg.Connection) -> None:
    """Until the sessions of the killed service have noticed, and rolled back."""
    conn.execute(
        "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'frontdesk'"
    )


def _all(conn: psycopg.Connection) -> Any:
    return conn.execute(
        "SELECT (SELECT count(*) FROM schedule_exception), (SELECT count(*) FROM waitlist_entry),"
        " (SELECT count(*) FROM waitlist_offer), (SELECT (count(*), sum(version))::text FROM appointment),"
        " (SELECT count(*) FROM outbox)"
    ).fetchone()


def test_the_same_sick_day_at_once_is_entered_once(service: Service, make: Make) -> None:
    group = group_of(service, make)
    group.fill(5)

    async def all_at_once() -> list[httpx.Response]:
        async with service.rivals(make.token("admin")) as client:
            return await asyncio.gather(*(_enter(client, group, group.provider) for _ in range(8)))

    answers = asyncio.run(all_at_once())
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    (entered,) = [answer.json() for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(one["type"], one["exception_id"]) for one in refused} == {("/problems/conflict", entered["id"])}
    assert group.call_list(entered)["counts"]["offered"] == 5
    assert len(group.admin.get(f"/providers/{group.provider}/exceptions").json()["items"]) == 1
