"""A book with one clinic, one provider and one patient; what happens to visits is told by hand, as the relay would."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.range import TimestamptzRange

from frontdesk import db, ids
from frontdesk.db import Connection
from frontdesk.envelope import Envelope
from frontdesk.notifications import reminders, sending
from frontdesk.notifications.handler import TellPatients
from frontdesk.ports.smtp import Smtp
from frontdesk.settings import Settings
from tests.make import Make
from tests.notifications.sink import Sink

LEASE = timedelta(minutes=5)


class Book:
    """Visits of one patient, and what the worker does about them."""

    def __init__(self, dsn: str, conn: psycopg.Connection[Any]) -> None:
        self.dsn, self.conn, self.make = dsn, conn, Make(conn)
        self.zone = "UTC"
        self.clinic, self.visit_type = self.make.clinic(self.zone), self.make.visit_type()
        self.provider = self.make.provider()
        self.patient = self.make.patient(email="pat@post.test", phone="+491701234567")
        self._positions = count(1)

    def visit(self, ahead: timedelta, **columns: Any) -> UUID:
        """A visit so far ahead, booked long ago unless said otherwise."""
        start = datetime.now(UTC).replace(microsecond=0) + ahead
        booked = {"created_at": start - timedelta(days=60), "changed_at": start - timedelta(days=60)}
        place = (self.provider, self.clinic, self.visit_type)
        return self.make.appointment(*place, start, **{"patient_id": self.patient, **booked, **columns})

    def move(self, visit: UUID, by: timedelta) -> int:
        """The new version. The visit is moved now."""
        row = self.conn.execute(
            "SELECT lower(during), upper(during) FROM appointment WHERE id = %s", (visit,)
        ).fetchone()
        assert row is not None
        during = TimestamptzRange(row[0] + by, row[1] + by)
        return self.set(visit, during=during, claims=during)

    def set(self, visit: UUID, **columns: Any) -> int:
        """The new version."""
        changes = ", ".join(f"{name} = %({name})s" for name in columns)
        row = self.conn.execute(
            f"UPDATE appointment SET {changes} WHERE id = %(id)s RETURNING version", {**columns, "id": visit}
        ).fetchone()
        assert row is not None
        return int(row[0])

    def happened(self, what: str, visit: UUID, version: int, **more: Any) -> None:
        """The handler hears of it."""
        payload = {"appointment_id": str(visit), "version": version, "patient_id": str(self.patient), **more}
        envelope = Envelope(
            position=next(self._positions),
            event_id=ids.new_id(),
            topic=f"appointments.{what}.v1",
            key=str(self.provider),
            occurred_at=datetime.now(UTC),
            payload=payload,
        )

        async def hear(conn: Connection) -> None:
            async with conn.transaction():
                await TellPatients().handle(conn, envelope)

        self.run(hear)

    def booked(self, ahead: timedelta = timedelta(days=3), **columns: Any) -> UUID:
        """A visit of which the patient is to hear."""
        visit = self.visit(ahead, **columns)
        self.happened("scheduled", visit, 1)
        return visit

    def moved(self, visit: UUID, by: timedelta = timedelta(hours=1)) -> int:
        version = self.move(visit, by)
        self.happened("moved", visit, version)
        return version

    def cancelled(self, visit: UUID) -> int:
        version = self.set(visit, status="cancelled")
        self.happened("status-changed", visit, version, status="cancelled", old_status="scheduled")
        return version

    def remind(self) -> int:
        return self.run(reminders.remind)

    def send(self, sink: Sink, *, at_once: int = 2, patience_s: float = 10.0) -> int:
        """One round of the sender."""

        async def go(conn: Connection) -> int:
            way = Smtp(sink.url, "Clinic <desk@clinic.test>", patience_s=patience_s, at_once=at_once)
            return await sending.send_by(conn, {"email": way}, lease=LEASE)

        return self.run(go)

    def run(self, work: Callable[[Connection], Awaitable[Any]]) -> Any:
        async def go() -> Any:
            async with await db.connect(Settings(), self.dsn) as conn:
                return await work(conn)

        return asyncio.run(go())

    def due_again(self) -> None:
        """Time passes."""
        self.conn.execute("UPDATE notification SET next_at = now() WHERE status IN ('pending', 'sending')")

    def told(self, *columns: str) -> list[tuple[Any, ...]]:
        """All messages, in the order in which they were written down."""
        names = ", ".join(columns or ("kind", "status"))
        return self.conn.execute(f"SELECT {names} FROM notification ORDER BY created_at, version, id").fetchall()

    def prefer(self, channels: str = "{email}", reminders: str = "{email}", **quiet: Any) -> None:
        values = {"patient_id": self.patient, "channels": channels, "reminders": reminders, "id": ids.SYSTEM}
        quiet = {"quiet_from": None, "quiet_until": None, **quiet}
        self.conn.execute(
            "INSERT INTO notification_preference (patient_id, channels, reminders, quiet_from, quiet_until, changed_by,"
            " request_id) VALUES (%(patient_id)s, %(channels)s, %(reminders)s, %(quiet_from)s, %(quiet_until)s, %(id)s,"
            " %(id)s) ON CONFLICT (patient_id) DO UPDATE SET channels = excluded.channels,"
            " reminders = excluded.reminders, quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until",
            values | quiet,
        )


@pytest.fixture
def book(database: str, db: psycopg.Connection) -> Book:
    return Book(database, db)


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    server.open()
    yield server
    server.close()
