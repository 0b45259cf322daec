"""A visit of several parts is told of in one message: all that was booked or cancelled together."""

import re
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from uuid import UUID

import icalendar
import pytest

from frontdesk import ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.db import Connection
from frontdesk.errors import Conflict
from frontdesk.notifications import service
from frontdesk.notifications.language import LANGUAGES
from frontdesk.notifications.preview import example
from frontdesk.notifications.render import LONGEST_SHORT, render
from tests.notifications.conftest import Book
from tests.notifications.sink import Sink

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def whole(book: Book, count: int = 3) -> list[UUID]:
    """Parts one hour apart, each with a provider of its own, booked in one request. The last begins first."""
    request = ids.new_id()
    group = book.make.row("appointment_group", part_count=count, request_id=request)
    parts = []
    with book.conn.transaction():
        for part in range(1, count + 1):
            book.provider = book.make.provider(last_name=f"Provider{part}")
            of = {"group_id": group, "part": part, "request_id": request}
            parts.append(book.visit(3 * DAY + (count - part) * HOUR, **of))
    return parts


def heard(book: Book, parts: list[UUID]) -> None:
    for part in reversed(parts):
        book.happened("scheduled", part, 1)


def cancel(book: Book, *parts: UUID) -> None:
    """In one request."""
    request = ids.new_id()
    versions = [(part, book.set(part, status="cancelled", request_id=request)) for part in parts]
    for part, version in versions:
        book.happened("status-changed", part, version, status="cancelled", old_status="scheduled")


def read(mail: EmailMessage) -> str:
    parts = [part for part in mail.walk() if part.get_content_type() in ("text/plain", "text/html")]
    plain, html = (str(part.get_content()) for part in parts)
    for n in range(1, 4):
        assert (f"Provider{n}" in plain) == (f"Provider{n}" in html)
    return plain


def named(mail: EmailMessage) -> list[int]:
    """Which providers a mail names, in the order in which it does."""
    text = read(mail)
    return sorted((n for n in range(1, 4) if f"Provider{n}" in text), key=lambda n: text.index(f"Provider{n}"))


def entries(mail: EmailMessage) -> dict[UUID, str]:
    """The appointment of each attached calendar entry, and what is to be done with it."""
    found = {}
    for file in (part for part in mail.walk() if part.get_content_type() == "application/ics"):
        read_file = icalendar.Calendar.from_ical(file.get_content())
        (event,) = read_file.walk("VEVENT")
        found[UUID(str(event["uid"]).partition("@")[0])] = str(read_file["method"])
    return found


def test_what_was_booked_together_is_told_together_once(book: Book, sink: Sink) -> None:
    parts = whole(book)
    heard(book, parts)
    heard(book, parts)
    assert (book.send(sink), book.send(sink)) == (1, 0)
    assert book.told("appointment_id", "kind", "status") == [(parts[0], "confirmation", "sent")]
    (mail,) = sink.messages
    assert named(mail) == [3, 2, 1], "the parts in the order of their times"
    assert "in 3 parts" in read(mail)
    assert read(mail).count("/m/") == 3, "each part has its link"
    assert entries(mail) == dict.fromkeys(parts, "REQUEST")
    assert "text/calendar" not in {part.get_content_type() for part in mail.walk()}


def test_a_part_that_changed_meanwhile_is_told_of_by_itself(book: Book, sink: Sink) -> None:
    parts = whole(book)
    heard(book, parts)
    book.moved(parts[1], 5 * HOUR)
    assert book.send(sink) == 2
    told = {str(mail["Subject"]).partition(":")[0]: mail for mail in sink.messages}
    assert named(told["Your appointment"]) == [3, 1]
    assert named(told["Your appointment has changed"]) == [2]
    assert entries(told["Your appointment has changed"]) == {parts[1]: "REQUEST"}


@pytest.mark.parametrize("gone", [1, 2])
def test_the_others_are_still_told_when_the_first_parts_change(book: Book, sink: Sink, gone: int) -> None:
    parts = whole(book)
    heard(book, parts)
    for part in parts[:gone]:
        cancel(book, part)
    assert book.send(sink) == 1 + gone
    (confirmation,) = (mail for mail in sink.messages if "cancelled" not in mail["Subject"])
    assert named(confirmation) == {1: [3, 2], 2: [3]}[gone]
    assert set(entries(confirmation)) == set(parts[gone:])


def test_when_all_parts_have_changed_nothing_stale_is_told(book: Book, sink: Sink) -> None:
    parts = whole(book)
    heard(book, parts)
    for part in parts:
        book.moved(part, 5 * HOUR)
    assert book.send(sink) == 3
    assert ("confirmation", "skipped", "superseded") in book.told("kind", "status", "reason")
    assert {str(mail["Subject"]).partition(":")[0] for mail in sink.messages} == {"Your appointment has changed"}


def test_what_was_cancelled_together_is_told_together(book: Book, sink: Sink) -> None:
    parts = whole(book)
    heard(book, parts)
    book.send(sink)
    cancel(book, *parts)
    assert book.send(sink) == 1
    mail = sink.messages[-1]
    assert mail["Subject"] == "Your appointment is cancelled"
    assert named(mail) == [3, 2, 1]
    assert "/m/" not in read(mail)
    assert entries(mail) == dict.fromkeys(parts, "CANCEL")


def test_parts_that_are_cancelled_one_after_the_other_are_told_of_one_by_one(book: Book, sink: Sink) -> None:
    parts = whole(book)
    heard(book, parts)
    book.send(sink)
    cancel(book, parts[2])
    cancel(book, parts[0], parts[1])
    assert book.send(sink) == 2
    assert sorted(map(named, sink.messages[1:])) == [[2, 1], [3]]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["confirmation", "cancellation", "status"])
def test_a_short_message_says_how_many_parts_and_when_the_first_begins(kind: str, language: str) -> None:
    one = replace(example(kind, language), clinic="Clinic " * 20)
    parts = tuple(replace(one, start=one.start + n * HOUR, end=one.end + n * HOUR) for n in range(4))
    said = render(kind, "sms", replace(one, parts=parts)).text
    assert re.search(r"\b4 part", said)
    assert len(said) <= LONGEST_SHORT
    assert ("15:00" in said or "3:00" in said) == ("15:00" in render(kind, "sms", one).text)
    assert "part" not in render(kind, "sms", one).text


def test_each_thing_to_bring_is_said_once(book: Book, sink: Sink) -> None:
    heard(book, whole(book))
    book.conn.execute("""UPDATE visit_type SET what_to_bring = '{"en": "Bring your glasses."}'""")
    book.send(sink)
    assert read(sink.messages[0]).count("glasses") == 1


def test_the_desk_sends_it_again_while_a_part_of_it_is_true(book: Book, sink: Sink) -> None:
    parts = whole(book)
    heard(book, parts)
    book.send(sink)
    ((sent,),) = book.told("id")
    admin = Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=ids.new_id())

    async def again(conn: Connection) -> None:
        await service.resend(conn, admin, sent)

    book.moved(parts[0], 5 * HOUR)
    book.send(sink)
    book.run(again)
    assert book.send(sink) == 1
    assert named(sink.messages[-1]) == [3, 2]
    for part in parts[1:]:
        book.moved(part, 5 * HOUR)
    with pytest.raises(Conflict):
        book.run(again)
