"""An offer of the waitlist is told while it can be answered, once, and never when it is over."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from frontdesk import ids
from frontdesk.db import Connection
from frontdesk.envelope import Envelope
from frontdesk.notifications import sending
from frontdesk.notifications.facts import facts_of
from frontdesk.notifications.handler import TellPatients
from frontdesk.notifications.judge import TO_ANSWER
from frontdesk.notifications.render import render
from frontdesk.ports.smtp import Smtp
from tests.notifications.conftest import LEASE, Book
from tests.notifications.sink import Sink

HALF_HOUR = timedelta(minutes=30)


class Waiting(Book):
    """The patient waits, and is offered times."""

    def offered(
        self, stands: timedelta = HALF_HOUR, ahead: timedelta = timedelta(days=3), **entry: Any
    ) -> tuple[UUID, UUID]:
        """A time so far ahead that is kept for so long; the offer and its hold. The handler has heard of it."""
        until = datetime.now(UTC) + stands
        kept = {"hold_client": "waitlist", "hold_expires_at": until + timedelta(minutes=1)}
        hold = self.visit(ahead, status="held", **kept)
        wish = {"provider_id": self.provider, "visit_type_id": self.make.visit_type(), "urgency": "normal"}
        waits = self.make.row("waitlist_entry", patient_id=self.patient, **wish, **entry)
        times = {"freed_at": datetime.now(UTC), "expires_at": until}
        offer = self.make.row("waitlist_offer", entry_id=waits, appointment_id=hold, **times)
        self.hear_of(offer, hold)
        return offer, hold

    def offer_of(self, offer: UUID) -> tuple[UUID, UUID]:
        """The entry and the hold of an offer."""
        row = self.conn.execute(
            "SELECT entry_id, appointment_id FROM waitlist_offer WHERE id = %s", (offer,)
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    def choice(self, entry: UUID, number: int, ahead: timedelta) -> tuple[UUID, UUID]:
        """Another time for the same entry; the offer and its hold."""
        until = datetime.now(UTC) + HALF_HOUR
        hold = self.visit(ahead + timedelta(hours=3), status="held", hold_client="waitlist", hold_expires_at=until)
        times = {"freed_at": datetime.now(UTC), "expires_at": until, "choice": number}
        return self.make.row("waitlist_offer", entry_id=entry, appointment_id=hold, **times), hold

    def hear_of(self, offer: UUID, hold: UUID) -> None:
        payload = {"offer_id": str(offer), "appointment_id": str(hold), "patient_id": str(self.patient)}
        envelope = Envelope(
            position=next(self._positions),
            event_id=ids.new_id(),
            topic="waitlist.offered.v1",
            key=str(offer),
            occurred_at=datetime.now(UTC),
            payload=payload,
        )

        async def hear(conn: Connection) -> None:
            async with conn.transaction():
                await TellPatients().handle(conn, envelope)

        self.run(hear)

    def send_texts_too(self, sink: Sink) -> int:
        """One round of the sender; a text that left would come by mail, to a number, and be refused."""

        async def go(conn: Connection) -> int:
            ways = {
                channel: Smtp(sink.url, "desk@clinic.test", patience_s=10, at_once=1) for channel in ("email", "sms")
            }
            return await sending.send_by(conn, ways, lease=LEASE)

        return int(self.run(go))

    def reasons(self) -> list[tuple[Any, ...]]:
        return self.told("channel", "status", "reason")


@pytest.fixture
def waiting(database: str, db: psycopg.Connection) -> Waiting:
    return Waiting(database, db)


def body_of(sink: Sink) -> str:
    body = sink.messages[-1].get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split())


@pytest.mark.parametrize(
    ("language", "said", "button"),
    [("en", "It is kept for you until", "take it or leave it"), ("es", "La guardamos para usted hasta", "rechazarla")],
)
def test_it_says_what_until_when_and_where_to_answer(
    waiting: Waiting, sink: Sink, language: str, said: str, button: str
) -> None:
    waiting.conn.execute("UPDATE patient SET language = %s WHERE id = %s", (language, waiting.patient))
    waiting.offered()
    assert waiting.send(sink) == 1
    text = body_of(sink)
    assert said in text
    assert button in text
    assert "/m/" in text
    assert not [part for part in sink.messages[0].walk() if part.get_content_type() == "text/calendar"]


def test_of_a_visit_that_would_move_it_says_so(waiting: Waiting, sink: Sink) -> None:
    later = waiting.visit(timedelta(days=5))
    waiting.offered(appointment_id=later)
    waiting.send(sink)
    assert "If you take it, your appointment of" in body_of(sink)


@pytest.mark.parametrize("first_is_declined", [False, True])
def test_who_is_to_choose_hears_of_all_times_in_one_message(
    waiting: Waiting, sink: Sink, first_is_declined: bool
) -> None:
    visit, now = waiting.visit(timedelta(days=2)), datetime.now(UTC)
    away = waiting.make.exception(waiting.provider, now + timedelta(days=2), now + timedelta(days=3))
    entry, hold = waiting.offer_of(waiting.offered(appointment_id=visit, exception_id=away)[0])
    more = [waiting.choice(entry, number, timedelta(days=2 + number)) for number in (2, 3)]
    if first_is_declined:
        waiting.set(hold, status="cancelled")
    assert waiting.send(sink) == 1
    text = body_of(sink)
    assert "cannot take place as planned" in text
    assert text.count("/m/") == text.count("Kept until") == (2 if first_is_declined else 3)
    for offer, held in more:
        waiting.hear_of(offer, held)
    assert waiting.send(sink) == 0
    assert waiting.told("kind", "status") == [("waitlist_offer", "sent")]


def test_who_is_displaced_hears_from_their_own_clinic_by_its_clocks(waiting: Waiting, sink: Sink) -> None:
    """The visit is at 15:00 in Boston; the times that are kept are in Chicago, an hour behind."""
    make, day = waiting.make, datetime.now(ZoneInfo("America/New_York")) + timedelta(days=2)
    lake = "UPDATE clinic SET name = 'Lakeshore', time_zone = 'America/Chicago', phone = '+13125550100'"
    waiting.conn.execute(lake)
    boston = make.row("clinic", name="Boston Common", time_zone="America/New_York", phone="+16175550100", country="US")
    start = day.replace(hour=15, minute=0, second=0, microsecond=0)
    visit = make.appointment(waiting.provider, boston, waiting.visit_type, start, 30, patient_id=waiting.patient)
    away = make.exception(waiting.provider, start - timedelta(hours=1), start + timedelta(hours=1))
    entry, hold = waiting.offer_of(waiting.offered(appointment_id=visit, exception_id=away)[0])
    waiting.choice(entry, 2, timedelta(days=4))
    short = render("waitlist_offer", "sms", waiting.run(lambda conn: facts_of(conn, hold))).text
    assert short.startswith("Boston Common: your appointment cannot take place as planned.")
    assert "with Ana Lima (Lakeshore) is kept for you until" in short
    assert waiting.send(sink) == 1
    text = body_of(sink)
    assert re.search(r"your appointment of [^.]*, (3:00.PM|15:00) \(Eastern \w+ Time\) at Boston Common cannot", text)
    assert len(re.findall(r"When: [^(]*\(Central \w+ Time\)", text)) == text.count("Where: Lakeshore") == 2
    assert text.endswith("Boston Common, (617) 555-0100")


def test_an_event_that_comes_twice_is_one_message(waiting: Waiting, sink: Sink) -> None:
    offer, hold = waiting.offered()
    waiting.hear_of(offer, hold)
    assert waiting.send(sink) == 1
    waiting.hear_of(offer, hold)
    assert waiting.send(sink) == 0
    assert list(sink.ids.values()) == [1]


def test_who_takes_what_comes_is_not_asked(waiting: Waiting) -> None:
    waiting.offered(auto_book=True)
    assert waiting.told() == []


@pytest.mark.parametrize("status", ["cancelled", "expired", "scheduled"])
def test_an_offer_that_is_over_is_not_told(waiting: Waiting, sink: Sink, status: str) -> None:
    offer, hold = waiting.offered()
    waiting.set(hold, status=status)
    assert waiting.send(sink) == 0
    assert waiting.reasons() == [("email", "skipped", "superseded")]
    waiting.conn.execute("DELETE FROM notification")
    waiting.hear_of(offer, hold)
    assert waiting.told() == []


def test_what_nobody_could_answer_any_more_is_not_told(waiting: Waiting, sink: Sink) -> None:
    waiting.offered(TO_ANSWER - timedelta(seconds=5))
    assert waiting.send(sink) == 0
    assert waiting.reasons() == [("email", "skipped", "too-late")]


def test_in_quiet_hours_a_mail_comes_and_a_text_only_if_the_offer_outlives_them(waiting: Waiting, sink: Sink) -> None:
    now = datetime.now(UTC)
    quiet = {"quiet_from": (now - timedelta(hours=2)).time(), "quiet_until": (now + timedelta(hours=2)).time()}
    waiting.prefer("{email,sms}", **quiet)
    waiting.offered()
    waiting.offered(timedelta(hours=4), timedelta(days=4), status="waiting")
    assert waiting.send_texts_too(sink) == 2
    assert sorted(waiting.reasons()) == [
        ("email", "sent", None),
        ("email", "sent", None),
        ("sms", "pending", "quiet-hours"),
        ("sms", "skipped", "quiet-hours"),
    ]


def test_what_did_not_leave_is_tried_again_as_long_as_it_can_be_answered(waiting: Waiting, sink: Sink) -> None:
    sink.answer = lambda to: "450 later"
    waiting.offered(TO_ANSWER + timedelta(minutes=2, seconds=30))
    tries = []
    for _ in range(3):
        waiting.send(sink)
        tries += waiting.told("status", "attempts")
        waiting.due_again()
    # After a minute, and after two more; the next would come when the offer is over.
    assert tries == [("pending", 1), ("pending", 2), ("failed", 3)]
