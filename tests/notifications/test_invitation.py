"""The calendar entry of a mail that a real server received, in the hands of two readers."""

from datetime import timedelta

import pytest

from tests.notifications.conftest import Book
from tests.notifications.sink import Sink
from tests.notifications.test_calendar import READERS, Program


@pytest.mark.parametrize("reader", READERS)
def test_a_visit_is_booked_moved_twice_and_cancelled_by_mail(book: Book, sink: Sink, reader: str) -> None:
    visit, program, shown = book.booked(timedelta(days=5)), Program(), []
    steps = [lambda: None, lambda: book.moved(visit), lambda: book.moved(visit, timedelta(days=2))]
    for step in [*steps, lambda: book.cancelled(visit)]:
        step()
        book.due_again()
        assert book.send(sink) == 1
        (part,) = (part for part in sink.messages[-1].walk() if part.get_content_type() == "text/calendar")
        entry = READERS[reader](part.get_content())
        assert entry.method == part["Content-Type"].params["method"]
        program.take(entry)
        row = book.conn.execute(
            "SELECT lower(during), upper(during) FROM appointment WHERE id = %s", (visit,)
        ).fetchone()
        assert (entry.start, entry.end) == row
        shown.append([one.start for one in program.shown()])
    assert [len(entries) for entries in shown] == [1, 1, 1, 0]
    assert shown[1][0] - shown[0][0] == timedelta(hours=1)
    assert shown[2][0] - shown[1][0] == timedelta(days=2)
