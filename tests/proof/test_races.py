"""What depends on the book is counted, also when 200 ask at once: any provider, visits a day, one future visit."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from frontdesk import clock
from tests.concurrency.book import Ask, Scene, slugs, statuses
from tests.concurrency.conftest import MakeScene
from tests.make import STAMP

RIVALS = 200


def _specialty(book: Scene) -> UUID:
    """A specialty of all of the scene's providers."""
    id_ = book.make.row("specialty", name=f"Specialty of {book.clinic}")
    for provider in book.providers:
        book.make.conn.execute(
            "INSERT INTO provider_specialty VALUES (%(provider)s, %(specialty)s, %(changed_by)s, %(request_id)s)",
            {"provider": provider, "specialty": id_, **STAMP},
        )
    return id_


def _anybody(book: Scene, specialty: UUID, minutes: int | None, patient: int) -> Ask:
    """Book with whoever can, at a time or (None) at the first that is free."""
    body: dict[str, Any] = book.time(minutes or 0) | {"specialty_id": str(specialty)}
    del body["provider_id"]
    if minutes is None:
        del body["start"]
    return Ask(path="/appointments", body=body | {"patient_id": str(book.patients[patient])})


def _conflicts(answers: list[httpx.Response]) -> set[str]:
    """The resources that the refusals name."""
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    return {conflict["resource"] for problem in refused for conflict in problem["conflicts"]}


def test_any_provider_of_seven_with_four_rooms(scene: MakeScene) -> None:
    _any_provider_of_seven(scene, rooms=4)


@pytest.mark.postgres("18")
def test_any_provider_of_seven(scene: MakeScene) -> None:
    _any_provider_of_seven(scene, rooms=0)


def _any_provider_of_seven(scene: MakeScene, rooms: int) -> None:
    """At one start as many get in as there are providers, or rooms if these are fewer; nobody is booked twice."""
    book = scene(providers=7, patients=RIVALS, rooms=rooms)
    specialty = _specialty(book)
    answers = book.race([_anybody(book, specialty, 0, patient) for patient in range(RIVALS)])
    most = rooms or 7
    assert statuses(answers) == {201: most, 409: RIVALS - most}
    assert slugs(answers) == {"slot-taken"}
    assert len({provider for (provider,) in book.live("provider_id")}) == most


@pytest.mark.postgres("18")
def test_any_provider_while_starts_overlap(scene: MakeScene) -> None:
    """Half of the rivals begin when the others are half done: each provider has one of the two, or the time is lost."""
    book = scene(providers=5, patients=RIVALS, slot_step_min=15)
    specialty = _specialty(book)
    answers = book.race([_anybody(book, specialty, 15 * (patient % 2), patient) for patient in range(RIVALS)])
    assert statuses(answers) == {201: 5, 409: RIVALS - 5}
    assert Counter(provider for (provider,) in book.live("provider_id")) == dict.fromkeys(book.providers, 1)


def test_the_first_free_time_is_given_away_once_and_none_is_skipped(scene: MakeScene) -> None:
    book = scene(providers=3, patients=40)
    specialty = _specialty(book)
    # Else the first free time is today, and may pass while they fight over it.
    book.make.closure(book.clinic, clock.now() - timedelta(days=1), book.at(0))
    answers = book.race([_anybody(book, specialty, None, patient) for patient in range(40)])
    assert statuses(answers) == {201: 40}
    starts = Counter(start for (start,) in book.live("lower(during)"))
    assert starts == {book.at(30 * n): 3 for n in range(13)} | {book.at(30 * 13): 1}


@pytest.mark.postgres("18")
def test_a_least_loaded_provider_is_chosen(scene: MakeScene) -> None:
    """One after the other, three providers fill up evenly."""
    book = scene(providers=3, patients=9)
    specialty = _specialty(book)
    for patient in range(9):
        assert book.ask(_anybody(book, specialty, 30 * patient, patient)).status_code == 201
        booked = Counter(provider for (provider,) in book.live("provider_id"))
        assert max(booked.values()) - min(booked.get(provider, 0) for provider in book.providers) <= 1


def test_seven_visits_a_day(scene: MakeScene) -> None:
    _visits_a_day(scene, 7)


@pytest.mark.postgres("18")
def test_one_visit_a_day(scene: MakeScene) -> None:
    _visits_a_day(scene, 1)


def _visits_a_day(scene: MakeScene, most: int) -> None:
    """200 rivals want 200 different starts of one provider's day; as many as are allowed get one."""
    book = scene(patients=RIVALS, duration_min=3, max_per_day=most)
    answers = book.race([book.booking(3 * n - 60, patient=n) for n in range(RIVALS)])
    assert statuses(answers) == {201: most, 409: RIVALS - most}
    assert slugs(answers) == {"slot-taken"}
    assert _conflicts(answers) == {"day"}
    assert len(book.live()) == most


@pytest.mark.postgres("18")
def test_the_day_in_a_refusal_is_the_clinics(scene: MakeScene) -> None:
    book = scene(patients=2, max_per_day=1)
    book.booked(0)
    (conflict,) = book.ask(book.booking(60, patient=1)).json()["conflicts"]
    span = [datetime.fromisoformat(conflict[edge]) for edge in ("start", "end")]
    assert span == [book.day.astimezone(UTC), book.day + timedelta(days=1)]


def test_holds_and_any_provider_count_towards_the_day(scene: MakeScene) -> None:
    """Held, booked with a provider and booked with whoever can: two providers, five visits each, ten in all."""
    book = scene(providers=2, patients=RIVALS, duration_min=3, max_per_day=5)
    specialty = _specialty(book)
    asks = []
    for n in range(RIVALS):
        minutes, provider = 3 * n - 60, n % 2
        held = Ask(path="/holds", body=book.time(minutes, provider) | {"patient_id": str(book.patients[n])})
        asks.append((held, book.booking(minutes, provider, n), _anybody(book, specialty, minutes, n))[n % 3])
    answers = book.race(asks)
    assert statuses(answers) == {201: 10, 409: RIVALS - 10}
    assert Counter(provider for (provider,) in book.live("provider_id")) == dict.fromkeys(book.providers, 5)


def test_a_hold_that_is_booked_counts_once_and_an_overdue_one_not_at_all(scene: MakeScene) -> None:
    book = scene(patients=3, max_per_day=1)
    hold = book.ask(Ask(path="/holds", body=book.time(0))).json()["id"]
    assert book.ask(book.booking(60, patient=1)).status_code == 409
    taken = Ask(path="/appointments", body={"hold_id": hold, "patient_id": str(book.patients[0])})
    assert book.ask(taken).status_code == 201
    assert book.ask(Ask(path=f"/appointments/{hold}/cancel")).status_code == 200
    other = book.ask(Ask(path="/holds", body=book.time(120))).json()["id"]
    book.make.conn.execute(
        "UPDATE appointment SET hold_expires_at = now() - interval '1 second', changed_by = %s, request_id = %s"
        " WHERE id = %s",
        (STAMP["changed_by"], STAMP["request_id"], other),
    )
    assert book.ask(book.booking(60, patient=1)).status_code == 201


def test_moves_into_a_full_day(scene: MakeScene) -> None:
    """40 visits of other days move to one day that has three places left, and new ones want these too."""
    book = scene(patients=80, duration_min=3, max_per_day=5)
    for n in range(2):
        book.booked(3 * n - 60, patient=40 + n)
    moving = [book.booked(24 * 60 * (1 + n // 5) + 3 * n, patient=n) for n in range(40)]
    moves = [book.move(id_, 3 * n) for n, id_ in enumerate(moving)]
    bookings = [book.booking(240 + 3 * n, patient=42 + n) for n in range(30)]
    answers = book.race([ask for pair in zip(moves, bookings, strict=False) for ask in pair] + moves[30:])
    done = sum(answer.status_code < 300 for answer in answers)
    assert (done, statuses(answers)[409]) == (3, 67)
    assert _conflicts(answers) == {"day"}
    days = Counter(start.date() for (start,) in book.live("lower(during)"))
    assert days.pop(book.day.date()) == 5
    assert max(days.values()) <= 5
    # A move within the full day takes no place of its own.
    stays = book.live("id, lower(during)")[0]
    assert book.ask(book.move(stays[0], 501)).status_code == 200


def test_late_arrivals_to_a_full_day(scene: MakeScene) -> None:
    """Twelve no-shows come after all, and the day has room for two."""
    book = scene(patients=15, max_per_day=3)
    missed = []
    for n in range(12):
        missed.append(book.booked(30 * n, patient=n))
        assert book.ask(Ask(path=f"/appointments/{missed[-1]}/no-show")).status_code == 200
    book.booked(400, patient=12, start=book.at(390).isoformat())
    answers = book.race([Ask(path=f"/appointments/{id_}/check-in") for id_ in missed])
    assert statuses(answers) == {200: 2, 409: 10}
    assert len(book.live()) == 3


@pytest.mark.postgres("18")
def test_staff_may_go_beyond_the_day_with_a_reason(scene: MakeScene) -> None:
    book = scene(patients=2, max_per_day=1)
    book.booked(0)
    assert book.ask(book.booking(60, patient=1)).status_code == 409
    assert book.ask(book.booking(60, patient=1, override_reason="urgent")).status_code == 201


def test_one_future_visit(scene: MakeScene) -> None:
    """50 rivals, all of them one patient, want 50 different starts with one provider on several days."""
    book = scene(one_future_per_provider=True)
    answers = book.race([book.booking(24 * 60 * (n % 4) + 30 * (n // 4)) for n in range(50)])
    assert statuses(answers) == {201: 1, 409: 49}
    assert slugs(answers) == {"already-booked"}
    assert len(book.live()) == 1


@pytest.mark.postgres("18")
def test_one_future_visit_with_each_of_any_providers(scene: MakeScene) -> None:
    book = scene(providers=4, one_future_per_provider=True)
    specialty = _specialty(book)
    answers = book.race([_anybody(book, specialty, 24 * 60 * (n % 4) + 30 * (n // 4), 0) for n in range(48)])
    assert statuses(answers) == {201: 4, 409: 44}
    assert Counter(provider for (provider,) in book.live("provider_id")) == dict.fromkeys(book.providers, 1)


def test_one_future_visit_held_moved_and_booked(scene: MakeScene) -> None:
    """The other visit may be of any type, and a hold; a move of the one there is takes no second place."""
    book = scene(providers=2, patients=2, one_future_per_provider=True)
    asks = [book.booking(30 * n) for n in range(10)]
    asks += [Ask(path="/holds", body=book.time(390 + 30 * n) | {"patient_id": str(book.patients[0])}) for n in range(4)]
    answers = book.race(asks)
    assert statuses(answers) == {201: 1, 409: 13}
    (only,) = book.live()[0]
    if book.live("status") == [("held",)]:
        taken = Ask(path="/appointments", body={"hold_id": str(only), "patient_id": str(book.patients[0])})
        assert book.ask(taken).status_code == 201
    assert book.ask(book.move(only, 300)).status_code == 200
    elsewhere = book.booked(30, provider=1)
    moved = book.ask(book.move(elsewhere, 60, provider=0))
    assert (moved.status_code, moved.json()["type"]) == (409, "/problems/already-booked")
    assert book.ask(book.move(elsewhere, 60, provider=0, override_reason="asked for it")).status_code == 200
