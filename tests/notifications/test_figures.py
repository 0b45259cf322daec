"""What /metrics says of messages and events, which others send and relay: compared with what was done to them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from frontdesk import ids
from frontdesk.db import Connection
from frontdesk.envelope import Envelope
from frontdesk.events import handling, log
from frontdesk.ports import outgoing
from frontdesk.ports.notifications import Message, Nowhere
from frontdesk.secrets import Keys
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.conftest import copy_database, drop_database
from tests.notifications.conftest import Book
from tests.notifications.sink import Sink
from tests.service import SECRET, TRUST, Service

MAIL = {"channel": "email"}
STAMP = {"changed_by": ids.SYSTEM, "request_id": ids.SYSTEM}


class Board:
    """The service's /metrics."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def __call__(self, name: str, **labels: str) -> float | None:
        """The value now; None when there is none with these labels."""
        answer = httpx.get(f"{self.service.url}/metrics", timeout=30, verify=TRUST)
        assert answer.status_code == 200
        samples = (one for family in text_string_to_metric_families(answer.text) for one in family.samples)
        found = [one.value for one in samples if one.name == name and one.labels == labels]
        assert len(found) <= 1
        return found[0] if found else None


COUNTED = "notification, outgoing_message, message_tally, outbox, dead_event"


@pytest.fixture(scope="module")
def board(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """One for all of these tests, on a database of their own."""
    service = Service(copy_database(postgres), tmp_path_factory.mktemp("board"), workers=1)
    service.start()
    try:
        yield Board(service)
    finally:
        service.stop()
        drop_database(postgres, service.dsn)


@pytest.fixture
def book(board: Board) -> Iterator[Book]:
    """A new clinic, provider and patient in the database of the board, where nothing is counted yet."""
    dsn = board.service.dsn
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as conn:
        conn.execute(f"TRUNCATE {COUNTED} CASCADE".encode())
        yield Book(dsn, conn)


def test_messages_are_counted_by_what_became_of_them(book: Book, board: Board, sink: Sink) -> None:
    assert board("notifications_oldest_waiting_seconds") == 0
    told, gone = book.booked(), book.booked(timedelta(days=4))
    assert board("notifications_waiting", kind="confirmation", **MAIL) == 2
    book.conn.execute("UPDATE notification SET due_at = now() - interval '1 hour' WHERE appointment_id = %s", (told,))
    age = board("notifications_oldest_waiting_seconds")
    assert age is not None
    assert age >= 3600
    book.set(gone, status="cancelled")
    book.send(sink)
    assert board("notifications_sent_total", kind="confirmation", **MAIL) == 1
    assert board("notifications_skipped_total", kind="confirmation", **MAIL) == 1

    sink.answer = lambda to: "550 unknown"
    book.moved(told)
    book.send(sink)
    assert board("notifications_failed_total", kind="change", **MAIL) == 1

    sink.answer = lambda to: "250 OK"
    book.booked(timedelta(days=5))
    book.send(sink)
    assert board("notifications_sent_total", kind="confirmation", **MAIL) == 2
    assert board("notifications_waiting", kind="confirmation", **MAIL) is None
    assert board("notifications_oldest_waiting_seconds") == 0


def test_what_waits_for_the_end_of_quiet_hours_is_not_late(book: Book, board: Board) -> None:
    book.booked()
    book.conn.execute("UPDATE notification SET due_at = now() - interval '1 hour', reason = 'quiet-hours'")
    assert board("notifications_waiting", kind="confirmation", **MAIL) == 1
    assert board("notifications_oldest_waiting_seconds") == 0


def test_messages_about_log_ins_are_counted_too(book: Book, board: Board) -> None:
    code = Message(kind="verification-code", channel="phone", to="+49 30 1", parameters={"code": "246810"})
    texts = {"kind": code.kind, "channel": "sms"}

    async def enqueue(conn: Connection) -> None:
        await outgoing.enqueue(conn, Keys(SECRET), code, STAMP, timedelta(hours=1))

    async def deliver(conn: Connection) -> None:
        await outgoing.deliver_to(Nowhere(), conn, Keys(SECRET))

    for _ in range(3):
        book.run(enqueue)
    assert board("notifications_waiting", **texts) == 3
    book.conn.execute(
        "UPDATE outgoing_message SET expires_at = now() - interval '1 s'"
        " WHERE id = (SELECT id FROM outgoing_message ORDER BY id LIMIT 1)"
    )
    assert board("notifications_waiting", **texts) == 2
    book.run(deliver)
    assert board("notifications_sent_total", **texts) == 2
    assert board("notifications_failed_total", **texts) == 1
    assert board("notifications_waiting", **texts) is None


def test_events_are_counted_where_they_wait(book: Book, board: Board) -> None:
    book.make.every_day(book.provider, book.clinic)
    wish = {
        "provider_id": str(book.provider),
        "patient_id": str(book.patient),
        "clinic_id": str(book.clinic),
        "visit_type_id": str(book.visit_type),
        "start": (datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=3)).isoformat(),
    }
    answer = board.service.client(book.make.token("admin")).post("appointments", json=wish)
    assert answer.status_code == 201, answer.text
    assert board("outbox_waiting") == 1
    book.conn.execute("INSERT INTO event_cursor VALUES ('broker', 0)")
    assert book.run(log.number) == 1
    assert board("outbox_waiting") == 0
    assert board("outbox_behind", reader="broker") == 1
    assert board("events_laid_aside") == 0

    async def bury(conn: Connection) -> None:
        envelope = Envelope(
            position=1,
            event_id=ids.new_id(),
            topic="appointments.scheduled.v1",
            key="k",
            occurred_at=datetime.now(UTC),
            payload={},
        )
        await handling.bury(conn, "notifications", envelope, "KeyError at handler.py:1", 5)

    book.run(bury)
    assert board("events_laid_aside") == 1


def test_without_the_database_the_rest_is_told(book: Book, board: Board) -> None:
    book.conn.execute("ALTER FUNCTION message_figures() RENAME TO away")
    try:
        assert board("outbox_waiting") is None
        assert board("stream_listeners") == 0
    finally:
        book.conn.execute("ALTER FUNCTION away() RENAME TO message_figures")
    assert board("outbox_waiting") == 0
