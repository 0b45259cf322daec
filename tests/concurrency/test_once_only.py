"""Invariant 7 under rivals: one key, one effect, one answer."""

import httpx
import pytest

from tests.concurrency.book import Ask, slugs, statuses
from tests.concurrency.conftest import MakeScene


def _bodies(answers: list[httpx.Response]) -> set[str]:
    return {answer.text for answer in answers}


def test_rivals_with_one_key_and_body(scene: MakeScene) -> None:
    book = scene()
    answers = book.race([book.booking(0, key="once") for _ in range(20)])
    assert statuses(answers) == {201: 20}
    assert len(_bodies(answers)) == 1
    assert sum(a.headers.get("Idempotent-Replayed") == "true" for a in answers) == 19
    assert [str(id_) for (id_,) in book.live()] == [answers[0].json()["id"]]
    assert len({a.headers["ETag"] for a in answers}) == 1


def test_one_key_with_two_bodies(scene: MakeScene) -> None:
    """Of two requests under one key only one kind is carried out, the other hears 422."""
    book = scene()
    answers = book.race([book.booking(30 * (n % 2), key="two") for n in range(20)])
    assert statuses(answers) == {201: 10, 422: 10}
    assert slugs(answers) == {"idempotency-key-reused"}
    assert len(book.live()) == 1


@pytest.mark.postgres("18")
def test_a_key_belongs_to_its_user(scene: MakeScene) -> None:
    book = scene(patients=2)
    other = book.make.token("admin")
    mine, theirs = book.booking(0, key="shared"), book.booking(30, patient=1, key="shared")
    asked = [mine, Ask(path=theirs.path, body=theirs.body, token=other, headers=theirs.headers)] * 5
    answers = book.race(asked)
    assert statuses(answers) == {201: 10}
    assert len(_bodies(answers)) == 2
    assert len(book.live()) == 2


def test_a_refusal_is_not_remembered(scene: MakeScene) -> None:
    book = scene(patients=2)
    in_the_way = book.booked(0, patient=1)
    refused = book.race([book.booking(0, key="again") for _ in range(8)])
    assert statuses(refused) == {409: 8}
    assert book.ask(Ask(path=f"/appointments/{in_the_way}/cancel")).status_code == 200
    answers = book.race([book.booking(0, key="again") for _ in range(8)])
    assert statuses(answers) == {201: 8}
    assert len(_bodies(answers)) == 1
    assert len(book.live()) == 1


@pytest.mark.postgres("18")
def test_a_repeated_booking_survives_its_cancellation(scene: MakeScene) -> None:
    """The first answer is repeated, although the appointment has moved on; nothing is booked anew."""
    book = scene()
    first = book.ask(book.booking(0, key="late"))
    assert book.ask(Ask(path=f"/appointments/{first.json()['id']}/cancel")).status_code == 200
    again = book.ask(book.booking(0, key="late"))
    assert (again.status_code, again.text) == (201, first.text)
    assert book.live() == []


@pytest.mark.postgres("18")
def test_cancelling_and_holding_once(scene: MakeScene) -> None:
    """Every POST honours a key, not only bookings."""
    book = scene()
    key = {"Idempotency-Key": "hold"}
    held = book.race([Ask(path="/holds", body=book.time(0), headers=key) for _ in range(12)])
    assert statuses(held) == {201: 12}
    assert len(_bodies(held)) == 1
    mine = book.booked(60)
    answers = book.race([Ask(path=f"/appointments/{mine}/cancel", headers={"Idempotency-Key": "c"}) for _ in range(12)])
    assert statuses(answers) == {200: 12}
    assert len(_bodies(answers)) == 1
