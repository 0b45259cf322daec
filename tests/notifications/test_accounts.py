"""Messages about log-ins, and the facts about a visit, as they are read from a real database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from frontdesk import ids
from frontdesk.db import Connection
from frontdesk.notifications.accounts import AccountMessages
from frontdesk.notifications.facts import facts_of
from frontdesk.notifications.render import render
from frontdesk.ports.letters import Inside, Letter
from frontdesk.ports.notifications import Message
from frontdesk.settings import Settings
from tests.notifications.conftest import Book


class Kept(Inside):
    """A way out that keeps what leaves."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> None:
        self.letters.append(letter)


def left(book: Book, *messages: Message) -> list[Letter]:
    """What a worker with a mail server and a gateway makes of them."""
    config = Settings(smtp_url=SecretStr("smtp://127.0.0.1:1"), sms_url=SecretStr("json://127.0.0.1:1/{to}"))
    kept = Kept()

    async def send(conn: Connection) -> None:
        for message in messages:
            await AccountMessages(config, {"email": kept, "sms": kept}, conn).send(message)

    book.run(send)
    return kept.letters


def account(book: Book, email: str, patient: Any = None) -> None:
    role = "patient" if patient else "admin"
    book.make.row("user_account", email=email, password_hash="x", role=role, patient_id=patient)


def code(channel: Any, to: str) -> Message:
    return Message(kind="verification-code", channel=channel, to=to, parameters={"code": "142857"})


def test_a_mail_about_a_log_in_speaks_its_owner_s_language(book: Book) -> None:
    account(book, "Luz@post.test", book.make.patient(language="es-MX"))
    account(book, "kim@post.test", book.make.patient(language="ko"))
    account(book, "chief@post.test")
    addresses = ["luz@POST.test", "kim@post.test", "chief@post.test", "nobody@post.test"]
    letters = left(book, *(code("email", to) for to in addresses))
    assert [letter.subject for letter in letters] == ["Su código", "Your code", "Your code", "Your code"]
    assert [letter.to for letter in letters] == addresses
    assert "Nadie de la clínica" in letters[0].text
    assert '<html lang="es">' in str(letters[0].html)
    assert "142857" in str(letters[0].html)


def test_a_text_about_a_log_in_speaks_the_language_of_the_number_if_it_has_one(book: Book) -> None:
    book.make.patient(phone="+34 600 111 222", language="es")
    book.make.patient(phone="+34 600 333 444", language="es")
    book.make.patient(phone="+34 600 333 444", language="fr")
    book.make.patient(phone="+34 600 555 666")
    numbers = ["+34 600 111 222", "+34 600 333 444", "+34 600 555 666", "+34 600 777 888", "%"]
    letters = left(book, *(code("phone", to) for to in numbers))
    assert [letter.text.split()[0] for letter in letters] == ["Su", "Your", "Your", "Your", "Your"]
    assert {(letter.channel, letter.html) for letter in letters} == {("sms", None)}


@pytest.mark.parametrize("mode", ["in_person", "telehealth"])
def test_the_facts_are_those_of_the_visit_as_it_now_is(book: Book, mode: str) -> None:
    luz = book.make.patient(first_name="Luz", language="es", email="luz@post.test")
    clinic = book.make.clinic("America/Santiago", address="Calle 1\nSantiago", country="CL")
    start = datetime(2031, 4, 7, 13, tzinfo=UTC)
    columns = {"patient_id": luz, "mode": mode, "reason": "a rash", "meeting": ids.new_id()}
    visit = book.make.appointment(book.provider, clinic, book.visit_type, start, **columns)
    moved = book.move(visit, timedelta(hours=1))
    facts = book.run(lambda conn: facts_of(conn, visit))
    assert (facts.appointment_id, facts.version, facts.status) == (visit, moved, "scheduled")
    assert (facts.start, facts.end) == (start + timedelta(hours=1), start + timedelta(hours=1, minutes=30))
    assert (facts.time_zone, facts.country, facts.address) == ("America/Santiago", "CL", "Calle 1\nSantiago")
    assert (facts.first_name, facts.language, facts.email) == ("Luz", "es", "luz@post.test")
    assert (facts.telehealth, facts.join_url is not None) == (mode == "telehealth", mode == "telehealth")
    mail = render("change", "email", facts)
    assert "lunes, 7 de abril de 2031, 10:00" in mail.text
    assert "rash" not in mail.text + str(mail.html) + str(mail.ics) + mail.subject
    assert repr(facts).find("Luz") == repr(facts).find("/m/") == -1, "a fact may end up in a log"
