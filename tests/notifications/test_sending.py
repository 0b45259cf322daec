"""The sender against a real SMTP server: down and up again, refusals, two at once, killed in the middle."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import psycopg
import pytest

from frontdesk import db, ids
from frontdesk.notifications import sending, writing
from frontdesk.ports import smtp
from frontdesk.ports.letters import Away, Letter, Refused
from frontdesk.ports.smtp import Smtp
from frontdesk.settings import Settings
from tests.notifications.conftest import LEASE, Book
from tests.notifications.sink import Sink
from tests.service import SECRET

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

LETTER = Letter(
    id=ids.new_id(),
    kind="change",
    channel="email",
    to="pat@post.test",
    subject="Your visit\r\nBcc: all@post.test",
    text="Hällo\n",
    html="<p>Hällo</p>",
    ics="BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nEND:VCALENDAR\r\n",
    unsubscribe_url="https://clinic.test/unsubscribe/abc",
)


def many(book: Book, count: int) -> None:
    for n in range(count):
        book.booked(3 * DAY + n * HOUR)


def test_a_mail_has_all_its_parts_and_no_header_of_somebody_elses(sink: Sink) -> None:
    async def go() -> None:
        async with Smtp(sink.url, "Die Klinik <desk@clinic.test>", patience_s=10) as way:
            await way.send(LETTER)

    asyncio.run(go())
    (mail,) = sink.messages
    assert mail["Message-ID"] == f"<{LETTER.id}@clinic.test>"
    assert mail["To"] == "pat@post.test"
    assert mail["From"] == "Die Klinik <desk@clinic.test>"
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Your visit Bcc: all@post.test"
    assert mail["List-Unsubscribe"] == "<https://clinic.test/unsubscribe/abc>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Date"] is not None
    parts = {part.get_content_type(): part for part in mail.walk() if not part.is_multipart()}
    assert set(parts) == {"text/plain", "text/html", "text/calendar", "application/ics"}
    assert parts["text/plain"].get_content().split() == ["Hällo"]
    assert parts["text/calendar"].get_content_type() == "text/calendar"
    assert parts["text/calendar"]["Content-Type"].params["method"] == "CANCEL"
    assert parts["application/ics"].get_filename() == "visit.ics"


@pytest.mark.parametrize("address", ["", "pat", "pat@", "a@b.test\r\nBcc: c@d.test", "<pat@post.test", "a b@post.test"])
def test_what_is_no_address_is_refused_for_good(sink: Sink, address: str) -> None:
    letter = Letter(id=ids.new_id(), kind="change", channel="email", to=address, subject="", text="")

    async def go() -> None:
        async with Smtp(sink.url, "desk@clinic.test", patience_s=10) as way:
            await way.send(letter)

    with pytest.raises(Refused) as refused:
        asyncio.run(go())
    assert "post" not in str(refused.value)
    assert sink.messages == []


def test_a_server_that_is_not_this_machine_s_must_speak_tls(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """It offers no STARTTLS."""
    way = Smtp(sink.url, "desk@clinic.test", patience_s=10)
    monkeypatch.setattr(smtp, "_LOCAL", ())
    with pytest.raises(Away):
        asyncio.run(way.check())
    assert sink.connections == 1, "it was there and was left"


def test_connections_are_used_for_one_message_after_the_other(book: Book, sink: Sink) -> None:
    many(book, 20)
    assert book.send(sink, at_once=2) == 20
    assert len(sink.ids) == 20
    assert sink.connections <= 2


def test_while_the_server_is_down_messages_wait_and_one_is_tried_at_a_time(book: Book, sink: Sink) -> None:
    many(book, 10)
    sink.close()
    assert (book.send(sink), book.send(sink)) == (0, 0)
    assert {status for (status,) in book.told("status")} == {"pending"}
    assert sum(reason != "Away" for (reason,) in book.told("reason")) <= 2, "as many as there are connections"
    sink.open()
    book.due_again()
    assert book.send(sink) == 10
    assert set(sink.ids.values()) == {1}


def test_a_refusal_for_now_comes_again_later_and_later_and_one_for_good_never(book: Book, sink: Sink) -> None:
    book.booked()
    pauses = []
    sink.answer = lambda to: "451 4.7.1 pat@post.test is greylisted"
    for _ in range(4):
        book.send(sink)
        pauses += book.conn.execute(
            "SELECT round(extract(epoch FROM next_at - now()) / 60) FROM notification"
        ).fetchall()
        book.due_again()
    assert pauses == [(1,), (2,), (4,), (8,)]
    assert book.told("status", "reason") == [("pending", "SMTPRecipientRefused 451")]
    sink.answer = lambda to: "550 5.1.1 no such user pat@post.test"
    book.send(sink)
    assert book.told("status", "reason", "attempts") == [("failed", "SMTPRecipientRefused 550", 5)]
    sink.answer = lambda to: "250 OK"
    assert book.send(sink) == 0


def test_nobody_is_told_for_longer_than_a_day_or_after_the_visit(book: Book, sink: Sink) -> None:
    sink.answer = lambda to: "451 later"
    soon = book.booked(timedelta(seconds=40))
    late = book.booked(9 * DAY)
    book.conn.execute("UPDATE notification SET due_at = due_at - interval '1 day' WHERE appointment_id = %s", (late,))
    over = book.booked(2 * HOUR)
    book.conn.execute(
        "UPDATE appointment SET during = tstzrange(now() - interval '1 h', now()),"
        " claims = tstzrange(now() - interval '1 h', now()) WHERE id = %s",
        (over,),
    )
    book.send(sink)
    found = dict(book.told("appointment_id", "status"))
    assert found == {soon: "failed", late: "failed", over: "skipped"}


def test_what_a_server_says_of_an_address_is_written_nowhere(
    book: Book, sink: Sink, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    sink.answer = lambda to: f"550 {to} is unknown here"
    book.booked()
    book.send(sink)
    told = caplog.text + "".join(capfd.readouterr())
    assert "notification_failed" in told
    assert "post.test" not in told
    row = book.conn.execute("SELECT n::text FROM notification n").fetchone()
    assert row is not None
    assert "post.test" not in row[0]


def test_a_fault_of_ours_in_one_message_does_not_keep_back_the_others(
    book: Book, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = book.booked(2 * DAY)
    many(book, 3)
    original = writing.facts_of

    async def facts_of(conn: db.Connection, appointment_id: object) -> object:
        if appointment_id == bad:
            raise ValueError("pat@post.test")
        return await original(conn, appointment_id)

    monkeypatch.setattr(writing, "facts_of", facts_of)
    assert book.send(sink) == 3
    assert ("pending", "ValueError") in book.told("status", "reason")


def test_two_senders_at_once_send_each_message_once(book: Book, sink: Sink) -> None:
    many(book, 60)

    async def go() -> int:
        async with await db.connect(Settings(), book.dsn) as one, await db.connect(Settings(), book.dsn) as two:
            ways = [{"email": Smtp(sink.url, "desk@clinic.test", patience_s=10)} for _ in range(2)]
            sent = await asyncio.gather(
                *(sending.send_by(conn, way, lease=LEASE) for conn, way in zip((one, two), ways, strict=True))
            )
            return sum(sent)

    assert asyncio.run(go()) == 60
    assert (len(sink.ids), set(sink.ids.values())) == (60, {1})


def test_a_sender_that_was_given_up_for_dead_finds_the_message_is_somebody_else_s(book: Book, sink: Sink) -> None:
    """It stands still between taking a message and sending it, for longer than it may."""
    book.booked()

    async def go() -> int:
        async with await db.connect(Settings(), book.dsn) as slow:
            way = Smtp(sink.url, "desk@clinic.test", patience_s=10)
            stalled = sending._Round(slow, "email", way, timedelta(0))
            taken = await db.many(slow, sending.q.take, channel="email", lease=timedelta(0), most=9)
            async with await db.connect(Settings(), book.dsn) as other:
                count = await sending.send_by(other, {"email": Smtp(sink.url, "d@c.test", patience_s=10)}, lease=LEASE)
            await stalled._send_all(taken)
            return count

    assert asyncio.run(go()) == 1
    assert set(sink.ids.values()) == {1}
    assert book.told() == [("confirmation", "sent")]


# -- killed ----------------------------------------------------------------------------------------------------------


@contextmanager
def worker(book: Book, sink: Sink, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The background worker as an operator runs it. A message that it dies over is due again after six seconds."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
    env = ours | {
        "FRONTDESK_DATABASE_URL": book.dsn,
        "FRONTDESK_SECRET": SECRET,
        "FRONTDESK_DATA_DIR": str(folder),
        "FRONTDESK_SMTP_URL": sink.url,
        "FRONTDESK_DELIVERY_TIMEOUT": "PT3S",
        "FRONTDESK_WORKER_INTERVAL": "PT0.05S",
    }
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "frontdesk", "worker"], env=env, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait(30)


def wait_for(true: Callable[[], bool], patience_s: float = 120) -> None:
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def sent(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT count(*) FROM notification WHERE status = 'sent'").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.postgres("18")
def test_killed_between_the_server_s_yes_and_our_own_it_is_the_same_message_again(
    book: Book, sink: Sink, tmp_path: Path
) -> None:
    book.booked()
    came = threading.Event()
    with worker(book, sink, tmp_path) as process:

        def kill(message: EmailMessage) -> None:
            if not came.is_set():
                process.kill()
                process.wait(30)
                came.set()

        sink.kept = kill
        assert came.wait(120)
    assert book.told("status") == [("sending",)]
    with worker(book, sink, tmp_path):
        wait_for(lambda: sent(book.conn) == 1)
    assert list(sink.ids.values()) == [2], "twice, under one Message-ID: a mailbox knows them for one"


def test_what_a_dead_sender_held_and_is_no_longer_true_may_have_left(book: Book, sink: Sink) -> None:
    visit = book.booked()

    async def take_and_die(conn: db.Connection) -> None:
        await db.many(conn, sending.q.take, channel="email", lease=timedelta(0), most=9)

    book.run(take_and_die)
    book.moved(visit)
    assert book.send(sink) == 1
    assert book.told("kind", "status", "reason") == [
        ("confirmation", "skipped", "perhaps-sent"),
        ("change", "sent", None),
    ]


@pytest.mark.postgres("18")
def test_killed_again_and_again_every_message_arrives(book: Book, sink: Sink, tmp_path: Path) -> None:
    """Kill -9 at random moments: nothing lost, and double only what was under way."""
    many(book, 150)
    kills, dice = 0, random.Random(5)
    while sent(book.conn) < 150:
        with worker(book, sink, tmp_path) as process:
            target = min(150, sent(book.conn) + dice.randint(5, 60))
            wait_for(lambda target=target: sent(book.conn) >= target)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
            kills += 1
    assert len(sink.ids) == 150
    assert sum(sink.ids.values()) - 150 <= 4 * kills, "at most what was on the connections"
    assert book.conn.execute("SELECT count(*) FROM notification WHERE attempts > %s", (kills + 1,)).fetchone() == (0,)


def test_a_server_that_takes_the_connection_and_says_nothing_is_left_in_time() -> None:
    """The patience is for all of it, so that the loan of a message outlasts whoever has it."""

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        way = Smtp(f"smtp://127.0.0.1:{silent.getsockname()[1]}", "desk@clinic.test", patience_s=0.2)
        with pytest.raises(Away):
            asyncio.run(way.send(LETTER))
