"""`frontdesk audit verify`: computes the chain anew and says what no longer fits, entry by entry.

Nothing here asks a function of the database that whoever owns the database could have replaced; only what PostgreSQL
itself brings.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from frontdesk.audit.heads import NOTHING, Anchored
from frontdesk.sql import load

Connection = psycopg.Connection[Any]

q = load(__package__, "chain.sql")

_AT_ONCE = 1_000
"""Rows fetched at a time: an entry may be long."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the trail that is not as it was sealed. Ids only, no values."""

    what: str
    seq: int | None = None
    audit_id: int | None = None
    table: str | None = None
    row_id: str | None = None

    def __str__(self) -> str:
        entry = f"entry {self.audit_id}" if self.audit_id is not None else ""
        row = f"{self.table} {self.row_id}" if self.table is not None else ""
        seal = f"seal {self.seq}" if self.seq is not None else ""
        return f"{', '.join(filter(None, (entry, row, seal))) or 'the trail'}: {self.what}"


class Check:
    """One look at the whole trail. When it is over, `sealed` and `waiting` count entries with and without a seal."""

    def __init__(self, conn: Connection, anchored: Anchored) -> None:
        self._conn, self._anchored = conn, anchored
        self.sealed = self.waiting = self.erased = 0
        self.waiting_since: str | None = None

    def faults(self) -> Iterator[Fault]:
        """Every fault, in the order of the chain. Needs one snapshot for all, taken after `anchored` was read."""
        for what in self._anchored.faults:
            yield Fault(what)
        yield from self._chain()
        yield from self._unsealed()

    def _chain(self) -> Iterator[Fault]:
        seq, digest = NOTHING.seq, NOTHING.digest
        known: bytes | None = digest
        for row in self._rows(q.sealed):
            if row["seq"] != seq + 1:
                yield Fault(f"{row['seq'] - seq - 1} seals before this one are missing, from {seq + 1}", row["seq"])
                known = None
            yield from _judge(row, known)
            yield from self._against_anchor(row["seq"], row["digest"])
            # Each seal is judged by the one before as it stands, so that one fault does not hide all after it.
            seq, known = row["seq"], row["digest"]
            self.sealed += 1
            self.erased += row["erased"]
        last, at = self._anchored.last, self._anchored.last_at
        if last > seq:
            yield Fault(f"it ends after seal {seq}, but on {at} it had {last} seals: its tail was cut off")
        elif seq and not self._anchored.digests:
            yield Fault("there is no head outside the database (audit-head.jsonl), so a cut tail would not show")

    def _against_anchor(self, seq: int, digest: bytes) -> Iterator[Fault]:
        anchored = self._anchored.digests.get(seq)
        if anchored is not None and anchored != digest.hex():
            yield Fault("the chain up to here is not the one whose head was kept outside the database", seq)

    def _unsealed(self) -> Iterator[Fault]:
        for row in self._rows(q.unsealed):
            if row["forged"]:
                yield _fault(row, "it has no seal, though it stands among entries that have one")
            else:
                self.waiting += 1
                self.waiting_since = self.waiting_since or row["at"]

    def _rows(self, query: str) -> Iterator[DictRow]:
        with self._conn.cursor(f"audit_{id(query)}", row_factory=dict_row) as cursor:
            cursor.itersize = _AT_ONCE
            yield from cursor.execute(query)


def _judge(row: DictRow, before: bytes | None) -> Iterator[Fault]:
    """What is wrong with one seal and its entry, after a seal whose digest was `before` (None: that one is missing)."""
    if row["facts"] is None:
        yield Fault("the entry was removed", row["seq"], row["audit_id"])
        return
    values: bytes = row["row_values"].encode()
    emptied = row["erased"] and values == b"\n"
    if row["salt"] is None:
        if not emptied:
            yield _fault(row, "its salt was removed, and no erasure says so")
    elif hashlib.sha256(row["salt"] + values).digest() != row["values_digest"]:
        yield _fault(row, "its old or new values were altered")
    if not row["same_tx"]:
        yield _fault(row, "the transaction on its seal was altered")
    if before is not None:
        link = before + row["values_digest"] + row["facts"].encode()
        if hashlib.sha256(link).digest() != row["digest"]:
            yield _fault(row, "it was altered or moved, or the seal before it was")


def _fault(row: DictRow, what: str) -> Fault:
    return Fault(what, row.get("seq"), row.get("audit_id", row.get("id")), row["table_name"], row["row_id"])


@contextmanager
def one_snapshot(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction that sees the trail as it is now, takes its time and changes nothing."""
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        conn.execute("SET LOCAL statement_timeout = 0")
        conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield
