"""The relay's numbers: causes before effects, no gap, nothing below a number that was given."""

import asyncio
import random
import threading

import psycopg

from frontdesk import db
from frontdesk.events import log
from tests.events.world import settings, write


def number(dsn: str, most: int = log.MOST) -> int:
    async def once() -> int:
        config = settings(dsn)
        async with await db.connect(config, dsn) as conn:
            return await log.number(conn, most)

    return asyncio.run(once())


def numbered(conn: psycopg.Connection) -> list[str]:
    """The words in the order of their numbers, which have no gap."""
    rows = conn.execute(
        "SELECT position, payload ->> 'word' FROM outbox WHERE position IS NOT NULL ORDER BY 1"
    ).fetchall()
    assert [position for position, _ in rows] == list(range(1, len(rows) + 1))
    return [word for _, word in rows]


def test_who_commits_late_comes_late_whatever_its_id(database: str, db: psycopg.Connection) -> None:
    with psycopg.connect(database) as slow:
        write(slow, "first written, last committed")
        write(db, "committed")
        assert number(database) == 1
        slow.commit()
    assert number(database) == 1
    assert number(database) == 0
    assert numbered(db) == ["committed", "first written, last committed"]


def test_an_effect_never_comes_before_its_cause_though_its_transaction_began_first(
    database: str, db: psycopg.Connection
) -> None:
    """As with a cancellation that wrote its Idempotency-Key, and then waited for a move."""
    with psycopg.connect(database) as cancellation, psycopg.connect(database) as move:
        older = cancellation.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        newer = move.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        assert older is not None
        assert newer is not None
        assert older < newer
        write(move, "moved")
        move.commit()
        write(cancellation, "cancelled")
        cancellation.commit()
    assert number(database) == 2
    assert numbered(db) == ["moved", "cancelled"]


def test_a_round_takes_the_oldest_and_the_next_goes_on(database: str, db: psycopg.Connection) -> None:
    for n in range(7):
        write(db, str(n))
    assert [number(database, 3) for _ in range(4)] == [3, 3, 1, 0]
    assert numbered(db) == [str(n) for n in range(7)]


def test_twelve_writers_and_three_relays(database: str, db: psycopg.Connection) -> None:
    """Writers count up four rows: the counts of a row come in their order."""
    db.execute("CREATE TABLE counter (name text PRIMARY KEY, value int NOT NULL)")
    db.execute("INSERT INTO counter SELECT n::text, 0 FROM generate_series(0, 3) AS n")
    over = threading.Event()
    faults: list[BaseException] = []

    def write_many(seed: int) -> None:
        draw = random.Random(seed)
        try:
            with psycopg.connect(database) as conn:
                for _ in range(60):
                    if draw.random() < 0.5:
                        conn.execute(
                            "SELECT pg_current_xact_id()"
                        )  # its transaction id is older than what it waits for
                    name = str(draw.randrange(4))
                    row = conn.execute(
                        "UPDATE counter SET value = value + 1 WHERE name = %s RETURNING value", (name,)
                    ).fetchone()
                    assert row is not None
                    write(conn, f"{name}:{row[0]}", key=name)
                    conn.commit() if draw.random() < 0.9 else conn.rollback()
        except BaseException as error:
            faults.append(error)

    def relay_many() -> None:
        try:
            while not over.is_set():
                number(database, 20)
        except BaseException as error:
            faults.append(error)

    writers = [threading.Thread(target=write_many, args=(seed,)) for seed in range(12)]
    relays = [threading.Thread(target=relay_many) for _ in range(3)]
    for thread in [*writers, *relays]:
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in relays:
        thread.join()
    assert not faults, faults
    while number(database):
        pass
    words = numbered(db)
    for name in map(str, range(4)):
        counts = [int(word.split(":")[1]) for word in words if word.startswith(f"{name}:")]
        assert counts == list(range(1, len(counts) + 1)), f"the events of {name} are out of order"
    assert len(words) == sum(value for (value,) in db.execute("SELECT value FROM counter").fetchall())
