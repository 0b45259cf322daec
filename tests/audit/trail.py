"""A trail in a database of its own, its sealer, and its check."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row
from pydantic import SecretStr

from frontdesk import db as service_db
from frontdesk import ids
from frontdesk.audit.heads import Heads
from frontdesk.audit.seal import MOST, seal_all
from frontdesk.audit.verify import Check, Fault
from frontdesk.db import Connection
from frontdesk.settings import Settings
from tests.make import Make

KEY = b"a key for tests only"
T = TypeVar("T")


class Trail:
    """`conn` writes; `seal` seals in a connection of the service's own kind; `faults` checks in `conn`."""

    def __init__(self, conn: psycopg.Connection, folder: Path) -> None:
        self.conn, self.make = conn, Make(conn)
        self.dsn = conn.info.dsn
        self.heads = Heads(folder, KEY)

    def write(self, count: int, seed: int = 0) -> None:
        """So many entries: patients who are registered, changed and deleted, and looked at."""
        dice = random.Random(seed)
        patients = [self.make.patient()]
        for _ in range(count - 1):
            match dice.randrange(4):
                case 0:
                    patients.append(self.make.patient(phone=f"+49 {dice.random()}"))
                case 1:
                    self.change(dice.choice(patients), phone=f"+49 {dice.random()}")
                case 2 if len(patients) > 1:
                    patient = patients.pop(dice.randrange(len(patients)))
                    self.conn.execute("DELETE FROM patient WHERE id = %s", (patient,))
                case _:
                    self.conn.execute(
                        "INSERT INTO audit_entry (table_name, row_id, action, actor, request_id, new)"
                        " VALUES ('patient', %s, 'READ', %s, %s, '{\"what\": \"patients:read\"}')",
                        (str(dice.choice(patients)), ids.new_id(), ids.new_id()),
                    )

    def change(self, patient: Any, **columns: str) -> None:
        (column,) = columns
        self.conn.execute(f"UPDATE patient SET {column} = %s WHERE id = %s", (columns[column], patient))

    def seal(self, most: int = MOST) -> int:
        """Seal all that can be sealed; how many."""
        return self.through(lambda conn: seal_all(conn, self.heads, most=most))

    def through(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Let `work` have a connection as the background worker has it."""

        async def run() -> T:
            async with await connect(self.dsn) as conn:
                return await work(conn)

        return asyncio.run(run())

    def faults(self) -> list[Fault]:
        """What the check finds."""
        return self.check()[0]

    def check(self) -> tuple[list[Fault], Check]:
        anchored = self.heads.read()
        with self.conn.transaction():
            check = Check(self.conn, anchored)
            return list(check.faults()), check

    def rows(self, query: str) -> list[dict[str, Any]]:
        return self.conn.cursor(row_factory=dict_row).execute(query.encode()).fetchall()


async def connect(dsn: str) -> Connection:
    """A connection as the background worker has it."""
    return await service_db.connect(Settings(database_url=SecretStr(dsn)), dsn)
