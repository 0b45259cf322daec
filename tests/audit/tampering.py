"""What somebody who owns the database can do to the trail, with every trigger off.

Each way takes dice, does it once at random, and answers what the check has to name: an entry's id, a seal's number, or
nothing in particular.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from frontdesk.audit.seal import q

PATIENT = "00000000-0000-7000-8000-00000000beef"

FORGED: dict[str, list[str]] = {
    "id": ["id + 1000000", "-id"],
    "at": ["at + interval '1us'", "at - interval '1 day'", "'infinity'", "'-infinity'"],
    "tx": ["(tx::text::bigint + 1)::text::xid8", "'0'", "'18446744073709551615'"],
    "table_name": ["table_name || ' '", "'appointment'", "''"],
    "row_id": [f"'{PATIENT}'", "''", "upper(row_id) || 'x'"],
    "action": [
        "CASE action WHEN 'READ' THEN 'ERASE' ELSE 'READ' END",
        "CASE action WHEN 'INSERT' THEN 'UPDATE' ELSE 'INSERT' END",
    ],
    "actor": ["gen_random_uuid()", "CASE WHEN actor IS NULL THEN gen_random_uuid() END"],
    "request_id": ["gen_random_uuid()", "CASE WHEN request_id IS NULL THEN gen_random_uuid() END"],
    "db_user": ["db_user || 'x'", "''"],
    "old": [
        "CASE WHEN old IS NULL THEN '{}'::jsonb END",
        "CASE WHEN old IS NULL THEN 'null' ELSE old || '{\"phone\": \"0\"}' END",
    ],
    "new": ["CASE WHEN new IS NULL THEN 'null'::jsonb END", "coalesce(new, '{}') || '{\"version\": 1.0}'"],
}
"""Another value for each column of an entry."""

FORGED_SEALS: dict[str, list[str]] = {
    "seq": ["-seq", "seq + 1000000"],
    "audit_id": ["audit_id + 1000000"],
    "tx": ["(tx::text::bigint + 1)::text::xid8"],
    "salt": ["NULL", "''", "salt || '\\x00'"],
    "values_digest": ["sha256(values_digest)", "''"],
    "digest": ["sha256(digest)", "''"],
}


@dataclass(frozen=True)
class Named:
    """What a fault must name."""

    entry: int | None = None
    seal: int | None = None


class Tamperer:
    """`count` entries, 1 to `count`, of which the n-th has the n-th seal."""

    def __init__(self, conn: psycopg.Connection, count: int, seed: int) -> None:
        self.conn, self.count, self.dice = conn, count, random.Random(seed)
        self.ways: list[Callable[[], Named]] = [
            *[self.alter] * 8,
            *[self.remove] * 3,
            *[self.swap] * 3,
            *[self.alter_seal] * 2,
            self.remove_seal,
            self.swap_seals,
            self.cut_tail,
            self.cut_tail_and_seal_anew,
            self.rewrite_and_seal_anew,
            self.empty_in_silence,
            self.slip_in,
        ]

    def tamper(self) -> tuple[str, Named]:
        """One random act: its name, and what it concerned."""
        way = self.dice.choice(self.ways)
        return way.__name__, way()

    def alter(self) -> Named:
        entry, column = self.one(), self.dice.choice(sorted(FORGED))
        self.set("audit_entry", column, self.dice.choice(FORGED[column]), f"id = {entry}")
        return Named(entry=entry)

    def remove(self) -> Named:
        entry = self.one()
        self.run(f"DELETE FROM audit_entry WHERE id = {entry}")
        return Named(entry=entry)

    def swap(self) -> Named:
        one, other = self.two()
        columns = ["table_name", "row_id", "action", "actor", "request_id", "old", "new", "at", "tx", "db_user"]
        actors = self.conn.execute(f"SELECT DISTINCT actor FROM audit_entry WHERE id IN ({one}, {other})".encode())
        if len(actors.fetchall()) == 2:  # only who did it
            columns = ["actor", "request_id"]
        pairs = ", ".join(f"{column} = b.{column}" for column in columns)
        self.run(
            f"UPDATE audit_entry a SET {pairs} FROM audit_entry b"
            f" WHERE (a.id, b.id) IN (({one}, {other}), ({other}, {one}))"
        )
        return Named(entry=one)

    def alter_seal(self) -> Named:
        seal, column = self.one(), self.dice.choice(sorted(FORGED_SEALS))
        self.set("audit_seal", column, self.dice.choice(FORGED_SEALS[column]), f"seq = {seal}")
        return Named() if column in ("seq", "audit_id") else Named(seal=seal)

    def remove_seal(self) -> Named:
        seal = self.one()
        self.run(f"DELETE FROM audit_seal WHERE seq = {seal}")
        return Named(entry=seal) if seal < self.count else Named()

    def swap_seals(self) -> Named:
        one, other = self.two()
        self.run(f"UPDATE audit_seal SET seq = -seq WHERE seq IN ({one}, {other})")
        self.run(f"UPDATE audit_seal SET seq = CASE seq WHEN -{one} THEN {other} ELSE {one} END WHERE seq < 0")
        return Named(seal=min(one, other))

    def cut_tail(self) -> Named:
        keep = self.count - self.dice.randint(1, self.count)
        if self.dice.random() < 0.8:
            self.run(f"DELETE FROM audit_entry WHERE id > {keep}")
        self.run(f"DELETE FROM audit_seal WHERE seq > {keep}")
        return Named()

    def cut_tail_and_seal_anew(self) -> Named:
        """Another ending in place of the true one, sealed as the sealer would, as long as the true one or longer."""
        gone = self.dice.randint(1, 20)
        self.run(f"DELETE FROM audit_entry WHERE id > {self.count - gone}")
        self.run(
            "INSERT INTO audit_entry (id, tx, table_name, row_id, action, actor) OVERRIDING SYSTEM VALUE"
            f" SELECT {self.count - gone} + n, (SELECT max(tx) FROM audit_entry), 'patient', '{PATIENT}', 'READ',"
            f" gen_random_uuid() FROM generate_series(1, {gone + self.dice.randint(0, 3)}) n"
        )
        self.seal_from(self.count - gone + 1)
        return Named()

    def rewrite_and_seal_anew(self) -> Named:
        entry = self.one()
        self.set("audit_entry", "actor", "gen_random_uuid()", f"id = {entry}")
        self.seal_from(entry)
        return Named()

    def empty_in_silence(self) -> Named:
        entry = self.one()
        self.run(f"UPDATE audit_entry SET old = NULL, new = NULL WHERE id = {entry}")
        if self.dice.random() < 0.5:
            self.run(f"UPDATE audit_seal SET salt = NULL WHERE seq = {entry}")
        return Named(entry=entry)

    def slip_in(self) -> Named:
        """An entry that pretends to be old."""
        self.run(
            "INSERT INTO audit_entry (id, at, tx, table_name, row_id, action, actor) OVERRIDING SYSTEM VALUE"
            f" SELECT 5000000, at, tx, table_name, row_id, 'READ', actor FROM audit_entry WHERE id = {self.one(but=2)}"
        )
        return Named(entry=5_000_000)

    def seal_from(self, seq: int) -> None:
        """Seal from here on as the sealer would. What is not known is the key of the heads outside the database."""
        self.run(f"DELETE FROM audit_seal WHERE seq >= {seq}")
        last = self.conn.execute(
            "SELECT seq, audit_id, tx::text, digest FROM audit_seal ORDER BY seq DESC LIMIT 1"
        ).fetchone() or (0, 0, "0", bytes(32))
        params = dict(zip(("seq", "audit_id", "tx", "digest"), last, strict=True)) | {"restored": False, "most": 10_000}
        psycopg.ClientCursor(self.conn).execute(q.seal.encode(), params)

    def one(self, *, but: int = 0) -> int:
        """An entry or a seal, any but the last `but`."""
        return self.dice.randint(1, self.count - but)

    def two(self) -> tuple[int, int]:
        one, other = self.dice.sample(range(1, self.count + 1), 2)
        return one, other

    def set(self, table: str, column: str, value: str, where: str) -> None:
        """Raises AssertionError if that changes nothing."""
        before: Any = self.conn.execute(f"SELECT {column}::text FROM {table} WHERE {where}".encode()).fetchone()
        now = self.conn.execute(
            f"UPDATE {table} SET {column} = {value} WHERE {where} RETURNING {column}::text".encode()
        )
        assert now.fetchone() != before, (table, column, value)

    def run(self, statement: str) -> None:
        """Raises AssertionError if it concerns no row."""
        assert self.conn.execute(statement.encode()).rowcount > 0, statement
