"""Reminders: decided when due, of the visit as it then is; and quiet hours, on days when clocks change too."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontdesk import clock
from frontdesk.notifications import reminders
from frontdesk.notifications.judge import judge
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.conftest import copy_database, drop_database
from tests.notifications.conftest import Book
from tests.notifications.sink import Sink

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)


def test_a_visit_is_reminded_of_a_day_and_two_hours_before_each_once(book: Book, sink: Sink) -> None:
    book.visit(DAY + HOUR)
    assert book.remind() == 0
    book.visit(DAY - HOUR)
    assert (book.remind(), book.remind()) == (1, 0)
    book.visit(2 * HOUR - MINUTE)
    assert (book.remind(), book.remind()) == (1, 0)
    assert book.send(sink) == 2
    assert sorted(kind for (kind,) in book.told("kind")) == ["reminder_day", "reminder_hours"]
    assert all("List-Unsubscribe-Post" in message for message in sink.messages)


def test_when_both_are_due_one_is_enough(book: Book, sink: Sink) -> None:
    """A worker that was down for hours; and a day's reminder that could not leave until the other was due."""
    late = book.visit(HOUR)
    book.remind()
    assert book.told("kind") == [("reminder_hours",)]
    waiting = book.visit(20 * HOUR)
    book.remind()
    book.conn.execute("UPDATE clinic SET remind_hours_min = 1260")
    book.remind()
    book.send(sink)
    query = "SELECT kind, status, reason FROM notification WHERE appointment_id = %s ORDER BY kind"
    assert book.conn.execute(query, (waiting,)).fetchall() == [
        ("reminder_day", "skipped", "too-late"),
        ("reminder_hours", "sent", None),
    ]
    assert book.conn.execute(query, (late,)).fetchall() == [("reminder_hours", "sent", None)]


def test_what_was_booked_or_moved_within_the_time_of_a_reminder_needs_none(book: Book) -> None:
    book.visit(20 * HOUR, created_at=clock.now(), changed_at=clock.now())
    moved = book.visit(5 * DAY)
    book.move(moved, -4 * DAY - 2 * HOUR)
    assert book.remind() == 0


def test_a_move_after_a_reminder_reminds_again_and_the_old_one_is_not_sent(book: Book, sink: Sink) -> None:
    visit = book.visit(23 * HOUR)
    book.remind()
    book.move(visit, 5 * DAY)
    assert book.send(sink) == 0
    assert book.told() == [("reminder_day", "skipped")]
    start = clock.now() + 23 * HOUR  # five days pass
    shift = "UPDATE appointment_history SET at = at - interval '5 days' WHERE version = 2"
    book.conn.execute("ALTER TABLE appointment_history DISABLE TRIGGER USER")
    book.conn.execute(shift)
    book.conn.execute("ALTER TABLE appointment DISABLE TRIGGER USER")
    book.conn.execute(
        "UPDATE appointment SET during = tstzrange(%(s)s, %(s)s + interval '30 min'),"
        " claims = tstzrange(%(s)s, %(s)s + interval '30 min')",
        {"s": start},
    )
    assert (book.remind(), book.send(sink)) == (1, 1)
    assert book.told("version", "status") == [(1, "skipped"), (2, "sent")]


@pytest.mark.parametrize("status", ["cancelled", "no_show", "checked_in"])
def test_a_visit_that_will_not_be_or_has_begun_is_not_reminded_of(book: Book, sink: Sink, status: str) -> None:
    visit = book.visit(23 * HOUR)
    book.remind()
    book.set(visit, status=status)
    assert book.send(sink) == 0
    assert book.told("status", "reason") == [("skipped", "superseded")]
    assert book.remind() == 0


def test_an_edit_after_a_reminder_does_not_remind_again(book: Book, sink: Sink) -> None:
    visit = book.visit(23 * HOUR)
    book.remind()
    book.send(sink)
    book.set(visit, reason="a cough")
    book.set(visit, status="confirmed")
    assert book.remind() == 0


def test_each_clinic_has_its_own_times_or_none(book: Book) -> None:
    book.visit(3 * DAY)
    book.conn.execute("UPDATE clinic SET remind_day_min = 4 * 1440")
    assert book.remind() == 1
    book.visit(2 * DAY)
    book.conn.execute("UPDATE clinic SET remind_day_min = NULL, remind_hours_min = NULL")
    assert book.remind() == 0


def test_the_job_looks_at_what_is_new_and_now_and_then_at_all(book: Book) -> None:
    job = reminders.Remind()
    book.visit(23 * HOUR)
    assert (book.run(job), book.run(job)) == (1, 0)
    book.visit(22 * HOUR)  # was due an hour ago: only a clinic that changed its times makes such
    assert book.run(job) == 0
    book.visit(DAY - MINUTE)
    assert book.run(job) == 1
    job._all_at = clock.now() - reminders.LOOK_AT_ALL - MINUTE
    assert book.run(job) == 1


def test_who_wants_no_reminders_still_hears_of_changes(book: Book, sink: Sink) -> None:
    book.prefer(reminders="{}")
    visit = book.visit(23 * HOUR)
    assert book.remind() == 0
    book.moved(visit)
    assert book.send(sink) == 1


def test_who_unsubscribes_before_it_leaves_is_not_reminded(book: Book, sink: Sink) -> None:
    book.visit(23 * HOUR)
    book.remind()
    book.prefer(reminders="{}")
    book.send(sink)
    assert book.told("status", "reason") == [("skipped", "unsubscribed")]


# -- quiet hours -----------------------------------------------------------------------------------------------------


def test_quiet_hours_hold_a_reminder_back_and_let_a_mail_about_a_change_pass(book: Book, sink: Sink) -> None:
    now = clock.now()
    quiet = {"quiet_from": (now - HOUR).time(), "quiet_until": (now + HOUR).replace(microsecond=0).time()}
    book.prefer(**quiet)
    visit = book.visit(23 * HOUR)
    book.remind()
    book.moved(visit, DAY)
    other = book.visit(22 * HOUR)
    book.remind()
    assert book.send(sink) == 1
    query = "SELECT kind, status, reason, next_at FROM notification WHERE appointment_id = %s AND status = 'pending'"
    (waits,) = book.conn.execute(query, (other,)).fetchall()
    assert waits == ("reminder_day", "pending", "quiet-hours", (now + HOUR).replace(microsecond=0))


def _row(**columns: object) -> dict[str, object]:
    now = datetime(2026, 3, 3, 23, tzinfo=UTC)
    usual = {"kind": "reminder_hours", "channel": "sms", "version": 1, "visit_version": 1, "visit_status": "scheduled"}
    wishes = {"channels": ["sms", "email"], "reminders": ["sms", "email"], "active": True}
    times = {"now": now, "quiet_over": now + 8 * HOUR, "start_at": now + 9 * HOUR, "last_reminder_at": now + 7 * HOUR}
    return {**usual, **wishes, **times, **columns}


def test_quiet_hours_until_the_visit_swallow_a_reminder_but_no_cancellation() -> None:
    now = datetime(2026, 3, 3, 23, tzinfo=UTC)
    assert judge(_row()).wait_until == now + 8 * HOUR
    assert judge(_row(start_at=now + 8 * HOUR)).skip == "quiet-hours"
    cancelled = {"kind": "cancellation", "visit_status": "cancelled"}
    assert judge(_row(**cancelled)).wait_until == now + 8 * HOUR
    assert judge(_row(**cancelled, start_at=now + 8 * HOUR)) == judge(_row(**cancelled, channel="email"))
    assert judge(_row(**cancelled, channel="email")).wait_until is None


@pytest.fixture(scope="module")
def quiet(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    """A database alone: the function reads no table."""
    dsn = copy_database(postgres)
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as conn:
        yield conn
    drop_database(postgres, dsn)


ZONES = ["UTC", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"]

# Days on which clocks change in these zones, and their neighbours.
DAYS = st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2026, 9, 6), date(2026, 10, 4)])
INSTANTS = st.builds(
    lambda day, minutes: datetime.combine(day, time(), UTC) + minutes * MINUTE, DAYS, st.integers(-2 * 1440, 2 * 1440)
)
TIMES = st.integers(0, 1439).map(lambda minutes: time(minutes // 60, minutes % 60))


@given(at=INSTANTS, zone=st.sampled_from(ZONES), begin=TIMES, end=TIMES)
@settings(max_examples=150, deadline=None)
def test_quiet_hours_begin_and_end_at_local_edges(
    quiet: psycopg.Connection, at: datetime, zone: str, begin: time, end: time
) -> None:
    """Against a slow reading of the rule: each night from edge to edge, each edge found minute by minute."""
    row = quiet.execute("SELECT after_quiet(%s, %s, %s, %s)", (at, zone, begin, end)).fetchone()
    assert row is not None
    assert row[0] == max(
        [over for begins, over in _nights(at, ZoneInfo(zone), begin, end) if begins <= at < over] + [at]
    )


def _nights(at: datetime, zone: ZoneInfo, begin: time, end: time) -> Iterator[tuple[datetime, datetime]]:
    for days in (-2, -1, 0, 1):
        day = (at.astimezone(zone) + days * DAY).date()
        yield _edge(day, begin, zone), _edge(day + DAY if end < begin else day, end, zone)


def _edge(day: date, shown: time, zone: ZoneInfo) -> datetime:
    """The first minute in which the wall clock shows this or more."""
    moment = datetime.combine(day, shown, zone).astimezone(UTC) - 3 * HOUR  # clocks change by less
    while moment.astimezone(zone).replace(tzinfo=None) < datetime.combine(day, shown):
        moment += MINUTE
    return moment
