"""Rivals for one thing: a slot, a patient, a room, the last of several rooms."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.concurrency.book import Ask, named_in, slugs, statuses
from tests.concurrency.conftest import MakeScene

ANSWERED_WITHIN_S = 10.0


def test_300_rivals_for_one_slot(scene: MakeScene) -> None:
    book = scene(patients=300)
    asks = [
        Ask(path="/appointments", body=book.time(0), token=book.make.token("patient", patient_id=patient))
        for patient in book.patients
    ]
    began = time.monotonic()
    answers = book.race(asks)
    took = time.monotonic() - began

    assert statuses(answers) == {201: 1, 409: 299}
    assert slugs(answers) == {"slot-taken"}
    everybody = set(map(str, book.patients))
    for patient, answer in zip(book.patients, answers, strict=True):
        assert not (named_in(answer) & everybody) - {str(patient)}, "somebody else is named"
        if answer.status_code == 409:
            told = answer.json()
            busy = [(c["resource"], datetime.fromisoformat(c["start"])) for c in told["conflicts"]]
            assert busy == [("provider", book.at(0))]
            assert told["alternatives"]
            assert book.at(0) not in {datetime.fromisoformat(slot["start"]) for slot in told["alternatives"]}
    assert len(book.live()) == 1
    assert took <= ANSWERED_WITHIN_S, f"{took:.1f} s"


@pytest.mark.postgres("18")
def test_what_losers_are_offered_can_be_booked(scene: MakeScene) -> None:
    book = scene(patients=30)
    loser = next(a for a in book.race([book.booking(0, patient=n) for n in range(20)]) if a.status_code == 409)
    offered = loser.json()["alternatives"]
    answers = book.race(
        [
            book.booking(0, patient=20 + n, start=slot["start"], clinic_id=slot["clinic_id"])
            for n, slot in enumerate(offered)
        ]
    )
    assert statuses(answers) == {201: len(offered)}


@pytest.mark.postgres("18")
def test_one_instant_in_two_spellings(scene: MakeScene) -> None:
    """`14:00Z` and `17:00+03:00` are one slot, also when both are asked for at once."""
    book = scene(patients=20)
    zones = [UTC, timezone(timedelta(hours=3)), timezone(timedelta(hours=-9, minutes=-30))]
    instant = book.at(300)
    spelled = [instant.astimezone(zone).isoformat() for zone in zones]
    assert len(set(spelled)) == 3
    answers = book.race([book.booking(0, patient=n, start=spelled[n % 3]) for n in range(20)])
    assert statuses(answers) == {201: 1, 409: 19}
    assert book.live("lower(during)") == [(instant,)]


def test_one_patient_at_two_providers(scene: MakeScene) -> None:
    """Also where the two visits only overlap."""
    book = scene(providers=2, patients=8)
    reason = "both doctors wanted them"
    for patient in range(8):
        start = 60 * patient
        answers = book.race(
            [
                book.booking(start + shift, provider, patient, override_reason=reason)
                for provider, shift in ((0, 0), (1, 0), (0, 10), (1, 20))
            ]
        )
        winners = [a for a in answers if a.status_code == 201]
        assert len(winners) == 1, statuses(answers)
        assert slugs(answers) == {"slot-taken"}
        for loser in (a for a in answers if a.status_code == 409):
            assert "patient" in {c["resource"] for c in loser.json()["conflicts"]}


def test_one_room_for_two_providers(scene: MakeScene) -> None:
    book = scene(providers=2, patients=20, rooms=1)
    for round_ in range(10):
        answers = book.race([book.booking(30 * round_, n, 2 * round_ + n) for n in range(2)])
        assert statuses(answers) == {201: 1, 409: 1}
        (loser,) = (a for a in answers if a.status_code == 409)
        assert {c["resource"] for c in loser.json()["conflicts"]} == {"room"}
    assert len(book.live()) == 10


def test_as_many_winners_as_rooms(scene: MakeScene) -> None:
    """Nobody is refused while a room is free, and none is given twice, buffers included."""
    book = scene(providers=12, patients=36, rooms=4, buffer_after_min=15, slot_step_min=15)
    for round_ in range(3):
        shifts = (0, 15, 30)
        answers = book.race([book.booking(120 * round_ + shifts[n % 3], n, 12 * round_ + n) for n in range(12)])
        assert statuses(answers) == {201: 4, 409: 8}
        assert slugs(answers) == {"slot-taken"}
    rooms = [room for (room,) in book.live("room_id")]
    assert sorted(rooms) == sorted(book.rooms * 3)
