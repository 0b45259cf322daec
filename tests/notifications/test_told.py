"""What is told of what happens, once, and never what is no longer true (invariant 9)."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.range import TimestamptzRange

from frontdesk import ids
from tests.notifications.conftest import Book
from tests.notifications.sink import Sink

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_each_thing_is_told_once_however_often_it_is_heard(book: Book, sink: Sink) -> None:
    visit = book.booked()
    book.happened("scheduled", visit, 1)
    assert book.send(sink) == 1
    version = book.moved(visit)
    book.happened("moved", visit, version)
    book.happened("scheduled", visit, 1)
    assert (book.send(sink), book.send(sink)) == (1, 0)
    book.cancelled(visit)
    assert book.send(sink) == 1
    assert book.told() == [("confirmation", "sent"), ("change", "sent"), ("cancellation", "sent")]
    assert list(sink.ids.values()) == [1, 1, 1]


def test_the_database_itself_keeps_a_message_single_and_what_left_as_it_is(book: Book, sink: Sink) -> None:
    book.booked()
    copy = (
        "INSERT INTO notification (id, appointment_id, patient_id, clinic_id, version, kind, channel, changed_by,"
        " request_id) SELECT %s, appointment_id, patient_id, clinic_id, version, kind, channel, changed_by, request_id"
        " FROM notification"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        book.conn.execute(copy, (ids.new_id(),))
    book.send(sink)
    for change in ("status = 'pending', sent_at = NULL", "version = 2", "attempts = 9"):
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            book.conn.execute(f"UPDATE notification SET {change}")
        assert refused.value.diag.constraint_name == "notification_final"


def test_a_confirmation_that_did_not_leave_before_the_move_never_does(book: Book, sink: Sink) -> None:
    visit = book.booked()
    book.moved(visit)
    assert book.send(sink) == 1
    assert book.told("kind", "status", "reason") == [
        ("confirmation", "skipped", "superseded"),
        ("change", "sent", None),
    ]


def test_events_that_come_late_and_in_the_wrong_order_tell_the_same(book: Book, sink: Sink) -> None:
    visit = book.visit(3 * DAY)
    versions = [book.move(visit, HOUR), book.move(visit, -HOUR)]  # back to where it was
    for version in reversed(versions):
        book.happened("moved", visit, version)
    book.happened("scheduled", visit, 1)
    book.send(sink)
    assert {(version, status) for version, status in book.told("version", "status")} == {
        (1, "skipped"),
        (2, "skipped"),
        (3, "sent"),
    }


def test_a_visit_that_is_cancelled_is_told_so_and_nothing_else(book: Book, sink: Sink) -> None:
    visit = book.booked()
    book.moved(visit)
    book.cancelled(visit)
    assert book.send(sink) == 1
    assert [kind for kind, status in book.told() if status == "sent"] == ["cancellation"]


def test_another_room_or_reason_is_no_news_and_leaves_what_was_told_true(book: Book, sink: Sink) -> None:
    visit = book.booked()
    room = book.set(visit, room_id=book.make.room(book.clinic))
    book.happened("moved", visit, room)
    book.set(visit, reason="a cough")
    assert book.send(sink) == 1
    assert book.told() == [("confirmation", "sent")]


def test_another_length_is_no_news_and_leaves_what_was_told_true(book: Book, sink: Sink) -> None:
    visit = book.booked()
    row = book.conn.execute("SELECT lower(during) FROM appointment WHERE id = %s", [visit]).fetchone()
    assert row is not None
    for hours in (2, 3):
        during = TimestamptzRange(row[0], row[0] + hours * HOUR)
        book.happened("moved", visit, book.set(visit, during=during, claims=during))
    assert book.send(sink) == 1
    assert book.told() == [("confirmation", "sent")]
    assert book.conn.execute("SELECT version FROM visit_version(%s)", [visit]).fetchone() == (1,)


def test_another_provider_or_clinic_is_news(book: Book) -> None:
    visit = book.visit(3 * DAY)
    book.happened("moved", visit, book.set(visit, provider_id=book.make.provider()))
    book.happened("moved", visit, book.set(visit, clinic_id=book.make.clinic()))
    assert book.told("kind", "version") == [("change", 2), ("change", 3)]


def test_holds_imports_and_the_past_are_nobody_s_news(book: Book) -> None:
    hold = book.visit(3 * DAY, status="held", hold_expires_at=datetime.now(UTC))
    book.happened("held", hold, 1)
    book.happened("status-changed", hold, book.set(hold, status="cancelled"), status="cancelled", old_status="held")
    imported = book.visit(4 * DAY, origin="imported")
    book.happened("scheduled", imported, 1)
    past = book.visit(-2 * DAY)
    book.happened("scheduled", past, 1)
    book.happened("status-changed", past, 2, status="completed", old_status="in_progress")
    assert book.told() == []
    book.moved(imported)
    assert book.told() == [("change", "pending")]


def test_who_confirms_is_told_only_when_it_was_the_clinic(book: Book) -> None:
    users = [
        book.make.row("user_account", email=f"{role}@clinic.test", password_hash="x", role=role, patient_id=patient)
        for role, patient in (("patient", book.patient), ("staff", None))
    ]
    for user in users:
        visit = book.visit(3 * DAY + HOUR * (1 + users.index(user)))
        version = book.set(visit, status="confirmed", changed_by=user)
        book.happened("status-changed", visit, version, status="confirmed", old_status="scheduled")
        assert len(book.told()) == users.index(user)


def test_a_patient_without_an_address_consent_or_record_is_left_alone(book: Book, sink: Sink) -> None:
    book.booked()
    book.conn.execute("UPDATE patient SET email = NULL")
    book.send(sink)
    book.conn.execute("UPDATE patient SET email = 'pat@post.test'")
    book.booked(5 * DAY)
    book.prefer(channels="{}")
    book.send(sink)
    book.prefer()
    book.booked(6 * DAY)
    book.conn.execute("UPDATE patient SET active = false")
    book.send(sink)
    assert [reason for (reason,) in book.told("reason")] == ["no-address", "no-consent", "inactive"]
    assert sink.messages == []


def test_channels_are_those_agreed_to_or_else_preferred_or_else_mail(book: Book) -> None:
    def channels(visit: object) -> set[str]:
        query = "SELECT channel FROM notification WHERE appointment_id = %s"
        return {channel for (channel,) in book.conn.execute(query, (visit,))}

    assert channels(book.booked(2 * DAY)) == {"email"}
    book.conn.execute("""UPDATE patient SET preferences = '{"channels": ["sms", "phone"]}'""")
    assert channels(book.booked(3 * DAY)) == {"sms"}
    book.prefer(channels="{email,sms,push}")
    assert channels(book.booked(4 * DAY)) == {"email", "sms"}, "there is no device to push to"


def test_what_to_bring_is_said_as_the_visit_type_says_it_when_the_mail_leaves(book: Book, sink: Sink) -> None:
    def text() -> str:
        part = sink.messages[-1].get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    book.booked()
    said = """UPDATE visit_type SET what_to_bring = '{"en": "Bring your glasses.", "es": "Traiga sus gafas."}'"""
    book.conn.execute(said)
    book.send(sink)
    assert "Bring your glasses." in text()
    book.conn.execute("UPDATE patient SET language = 'es'")
    book.booked(4 * DAY)
    book.send(sink)
    assert "Traiga sus gafas." in text()
    book.conn.execute("UPDATE visit_type SET what_to_bring = NULL")
    book.booked(5 * DAY)
    book.send(sink)
    assert "tarjeta del seguro" in text()
