"""The sealer: everything that is committed gets one seal, in the order of commit, whatever happens meanwhile."""

import asyncio
import threading
from typing import Any

import psycopg
import pytest

from frontdesk import ids
from frontdesk.audit import seal as sealing
from frontdesk.audit.heads import Head
from frontdesk.audit.seal import seal_all
from tests.audit.trail import Trail, connect
from tests.make import STAMP, Make

UNTOLD = "SELECT e.id FROM audit_entry e LEFT JOIN audit_seal s ON s.audit_id = e.id WHERE s.seq IS NULL"
OUT_OF_ORDER = (
    "SELECT seq FROM (SELECT seq, row_number() OVER (ORDER BY tx, audit_id) AS place FROM audit_seal) s"
    " WHERE seq <> place"
)

AHEAD = 100
"""Transactions that an older server was ahead of this one."""


def test_every_entry_is_sealed_once_and_the_trail_is_whole(trail: Trail) -> None:
    trail.write(57)
    assert trail.seal(most=10) == 57
    assert trail.seal() == 0
    assert trail.rows(UNTOLD) == trail.rows(OUT_OF_ORDER) == []
    faults, check = trail.check()
    assert faults == []
    assert (check.sealed, check.waiting) == (57, 0)


def test_a_large_trail_is_sealed_in_several_rounds(trail: Trail) -> None:
    trail.write(25)
    rounds = [trail.through(lambda conn: seal_all(conn, trail.heads, most=4, at_once=3)) for _ in range(4)]
    assert rounds == [12, 12, 1, 0]
    assert trail.faults() == []


def test_the_newest_entries_wait_for_their_seal_and_are_no_fault(trail: Trail) -> None:
    trail.write(5)
    assert trail.seal() == 5
    trail.write(3)
    faults, check = trail.check()
    assert faults == []
    assert (check.sealed, check.waiting) == (5, 3)
    assert check.waiting_since


def test_an_empty_trail_is_whole(trail: Trail) -> None:
    assert trail.seal() == 0
    assert trail.faults() == []


def test_who_commits_late_is_sealed_later_and_not_skipped(trail: Trail) -> None:
    with psycopg.connect(trail.dsn) as late:
        Make(late).patient()  # has its entry's id, and does not commit
        trail.write(4)
        assert trail.seal() == 0, "whatever is younger than the one under way waits with it"
        late.commit()
    assert trail.seal() == 5
    assert trail.rows(OUT_OF_ORDER) == []
    assert trail.faults() == []


def test_an_older_transaction_does_not_wait_for_a_younger_one(trail: Trail) -> None:
    trail.write(4)
    with psycopg.connect(trail.dsn) as late:
        Make(late).patient()
        assert trail.seal() == 4
        late.rollback()
    trail.write(2)
    assert trail.seal() == 2  # an id was lost with the rollback: no gap in the seals
    assert trail.faults() == []


def test_two_sealers_at_once_seal_everything_once(trail: Trail) -> None:
    trail.write(120)

    async def rivals() -> list[int]:
        conns = [await connect(trail.dsn) for _ in range(4)]
        try:
            counts: list[int] = []
            for _ in range(5):  # one who finds the other at work goes home
                counts += await asyncio.gather(*(seal_all(conn, trail.heads, most=7) for conn in conns))
            return counts
        finally:
            for conn in conns:
                await conn.close()

    assert sum(asyncio.run(rivals())) == 120
    assert trail.rows(UNTOLD) == trail.rows(OUT_OF_ORDER) == []
    assert trail.faults() == []


def test_writers_never_wait_for_the_sealer(trail: Trail) -> None:
    trail.write(3)
    with psycopg.connect(trail.dsn) as sealer:
        sealer.execute("SELECT lock_audit_chain()")
        sealer.execute("LOCK TABLE audit_seal IN ACCESS EXCLUSIVE MODE")
        with trail.conn.transaction():
            trail.conn.execute("SET LOCAL lock_timeout = '1ms'")
            trail.write(10)


def test_32_writers_and_a_sealer(trail: Trail) -> None:
    writers, rounds = 32, 12
    start = threading.Barrier(writers + 1)
    wrote = threading.Event()

    def write() -> None:
        with psycopg.connect(trail.dsn, autocommit=True) as conn:
            make = Make(conn)
            start.wait()
            for n in range(rounds):
                with conn.transaction(force_rollback=n % 4 == 3):  # some change their mind
                    patient = make.patient()
                    conn.execute("UPDATE patient SET phone = '1' WHERE id = %s", (patient,))

    threads = [threading.Thread(target=write) for _ in range(writers)]

    async def seal_meanwhile() -> int:
        async with await connect(trail.dsn) as conn:
            sealed = 0
            while not wrote.is_set():
                sealed += await seal_all(conn, trail.heads, most=50)
            return sealed

    def sealer() -> None:
        sealed_meanwhile.append(asyncio.run(seal_meanwhile()))

    sealed_meanwhile: list[int] = []
    sealing_thread = threading.Thread(target=sealer)
    for thread in [*threads, sealing_thread]:
        thread.start()
    start.wait()
    for thread in threads:
        thread.join()
    wrote.set()
    sealing_thread.join()
    committed = writers * rounds * 3 // 4 * 2
    assert trail.rows("SELECT count(*) AS n FROM audit_entry") == [{"n": committed}]
    assert sealed_meanwhile[0] + trail.seal() == committed
    assert trail.rows(UNTOLD) == trail.rows(OUT_OF_ORDER) == []
    assert trail.faults() == []


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_a_sealer_that_dies_in_the_middle_is_made_up_for(trail: Trail, moment: str) -> None:
    trail.write(30)
    before = trail.heads.read().last

    async def die() -> None:
        conn = await connect(trail.dsn)
        if moment == "after the commit":
            assert (await sealing._seal_some(conn, 10))[1] is not None  # committed, its head not yet written down
        else:
            async with conn.transaction():
                await sealing._seal_some(conn, 10)
                with psycopg.connect(trail.dsn, autocommit=True) as killer:
                    # Until it is gone: its lock would send the next sealer home.
                    killer.execute("SELECT pg_terminate_backend(%s, 60000)", (conn.info.backend_pid,))
        await conn.close()

    if moment == "before the commit":
        with pytest.raises(psycopg.OperationalError):
            asyncio.run(die())
    else:
        asyncio.run(die())
    assert trail.heads.read().last == before
    sealed = len(trail.rows("SELECT seq FROM audit_seal"))
    assert sealed == (0 if moment == "before the commit" else 10)
    assert trail.seal() == 30 - sealed
    assert trail.heads.read().last == 30
    assert trail.faults() == []


def test_a_head_that_was_not_written_is_written_though_nothing_is_new(trail: Trail) -> None:
    trail.write(4)
    trail.through(lambda conn: sealing._seal_some(conn, 10))
    assert [fault.what for fault in trail.faults()] == [
        "there is no head outside the database (audit-head.jsonl), so a cut tail would not show"
    ]
    assert trail.seal() == 0
    assert trail.heads.read().last == 4
    assert trail.faults() == []


def test_a_backup_restored_into_a_younger_server_goes_on(owned: Trail) -> None:
    """There the numbers of transactions begin anew, below those of the entries that came with the backup."""
    owned.write(6)
    assert owned.seal() == 6
    owned.write(2)
    _as_from_an_older_server(owned)
    owned.write(3)
    assert owned.faults() == []
    assert owned.seal(most=4) == 5
    owned.write(2 * AHEAD)  # until the numbers of the older server come again
    assert owned.seal() == 2 * AHEAD
    assert owned.rows(UNTOLD) == []
    assert owned.faults() == []


def _as_from_an_older_server(trail: Trail) -> None:
    """Numbers of transactions beyond this server's, in entries and seals."""
    with trail.conn.transaction():
        trail.conn.execute("SET LOCAL session_replication_role = replica")
        trail.conn.execute(f"UPDATE audit_entry SET tx = (tx::text::bigint + {AHEAD})::text::xid8".encode())
        trail.conn.execute("TRUNCATE audit_seal")
    trail.heads.file.unlink()
    # The first six are sealed again as the older server would have, the last two are not.
    params: dict[str, Any] = {"tx": "0", "audit_id": 0, "seq": 0, "digest": bytes(32), "restored": True, "most": 6}
    row = psycopg.ClientCursor(trail.conn).execute(sealing.q.seal.encode(), params).fetchone()
    assert row is not None
    trail.heads.anchor(Head(*row))


def test_values_can_be_erased_and_the_chain_stays(trail: Trail) -> None:
    erased, kept = trail.make.patient(last_name="Erasable"), trail.make.patient(last_name="Keeper")
    for patient in (erased, kept):
        trail.change(patient, phone="+49 1")
    assert trail.seal() == 4
    trail.change(erased, phone="+49 2")  # not sealed yet
    by = ids.new_id()
    emptied = trail.conn.execute(
        "SELECT erase_audit_values(ARRAY[%s], %s, 'asked for by the patient', %s, %s)", (str(erased), erased, by, by)
    ).fetchone()
    assert emptied == (3,)
    assert trail.seal() == 2
    faults, check = trail.check()
    assert faults == []
    assert (check.sealed, check.erased) == (6, 3)
    left = trail.rows("SELECT row_id, action, old, new FROM audit_entry ORDER BY id")
    assert "Erasable" not in str(left)
    assert "Keeper" in str(left)
    assert left[-1]["new"] == {"reason": "asked for by the patient", "entries": [1, 3, 5]}
    assert trail.rows("SELECT salt FROM audit_seal WHERE audit_id IN (1, 3)") == [{"salt": None}] * 2
    again = "SELECT erase_audit_values(ARRAY[%s], %s, 'again', %s, %s)"
    assert trail.conn.execute(again, (str(erased), erased, by, by)).fetchone() == (0,)
    also = "SELECT erase_audit_values('{}', %s, 'of another row', %s, %s, ARRAY[2])"
    assert trail.conn.execute(also, (erased, by, by)).fetchone() == (1,)
    trail.seal()
    faults, check = trail.check()
    assert (faults, check.erased) == ([], 4)
    assert [row["old"] for row in trail.rows("SELECT old FROM audit_entry WHERE id IN (2, 4) ORDER BY id")][1]


def test_an_erasure_waits_for_the_sealer(trail: Trail) -> None:
    """Else it would empty what the sealer is taking the digest of."""
    patient = trail.make.patient()
    with psycopg.connect(trail.dsn) as sealer:
        sealer.execute("SELECT lock_audit_chain()")
        trail.conn.execute("SET lock_timeout = '50ms'")
        erase = "SELECT erase_audit_values(ARRAY[%s], %s, '', %s, %s)"
        with pytest.raises(psycopg.errors.LockNotAvailable):
            trail.conn.execute(erase, (str(patient), patient, *STAMP.values()))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET old = NULL, new = NULL",
        "UPDATE audit_entry SET actor = NULL",
        "UPDATE audit_seal SET salt = NULL",
        "UPDATE audit_seal SET digest = ''",
        "DELETE FROM audit_seal",
        "TRUNCATE audit_seal",
    ],
)
def test_only_an_erasure_takes_values_away(trail: Trail, statement: str) -> None:
    trail.write(3)
    trail.seal()
    with pytest.raises(psycopg.errors.RestrictViolation, match="is append-only"):
        trail.conn.execute(statement.encode())
    by = ids.new_id()
    with trail.conn.transaction(force_rollback=True):
        trail.conn.execute("SELECT erase_audit_values(ARRAY['nobody'], %s, '', %s, %s)", (by, by, by))
        with pytest.raises(psycopg.errors.RestrictViolation):
            trail.conn.execute(statement.encode())


def test_erasing_is_nobodys_right_by_default(trail: Trail) -> None:
    allowed = "SELECT has_function_privilege('public', oid, 'EXECUTE') AS yes FROM pg_proc"
    assert trail.rows(f"{allowed} WHERE proname = 'erase_audit_values'") == [{"yes": False}]
