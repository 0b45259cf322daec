"""Writers who fight over overlapping times: bookings, moves, swaps, and steps on one appointment."""

import random

from tests.concurrency.book import Ask, slugs, statuses
from tests.concurrency.conftest import MakeScene


def test_20_writers_over_staggered_starts(scene: MakeScene) -> None:
    """2 providers x 2 patients x 4 overlapping starts, on 15 times of day; one slot alone would miss the deadlocks."""
    book = scene(providers=2, patients=2)
    draw = random.Random(1)
    for round_ in range(15):
        answers = book.race(
            [
                book.booking(
                    60 * round_ + draw.choice((0, 7, 15, 22)),
                    draw.randrange(2),
                    draw.randrange(2),
                    override_reason="squeezed in between",
                )
                for _ in range(20)
            ]
        )
        counted = statuses(answers)
        assert set(counted) == {201, 409}
        # All starts overlap, so at most each provider with another patient wins.
        assert 1 <= counted[201] <= 2
        assert slugs(answers) == {"slot-taken"}


def test_rivals_move_into_one_slot(scene: MakeScene) -> None:
    """Staggered, from two providers, while others book there: one wins, whoever lost stays where they were."""
    book = scene(providers=2, patients=16)
    reason = "closer to the bus"
    draw = random.Random(3)
    for round_ in range(4):
        day = 24 * 60 * (round_ + 1)
        at = [(day + 30 * (n // 2), n % 2) for n in range(12)]
        mine = [book.booked(start, provider, n) for n, (start, provider) in enumerate(at)]
        target = day + 400
        asks = [book.move(id_, target + 10 * (n % 3), 0, override_reason=reason) for n, id_ in enumerate(mine)]
        asks += [book.booking(target + 5 * n, 0, 12 + n, override_reason=reason) for n in range(4)]
        draw.shuffle(asks)
        answers = book.race(asks)
        won = [a for a in answers if a.status_code in (200, 201)]
        assert len(won) == 1, statuses(answers)
        assert statuses(answers)[409] == 15
        assert slugs(answers) == {"slot-taken"}
        standing = {str(id_): start for id_, start in book.live("id, lower(during)")}
        assert {id_ for id_, start in standing.items() if book.at(target) <= start < book.at(target + 60)} == {
            won[0].json()["id"]
        }
        for id_, (start, _) in zip(mine, at, strict=True):
            assert standing[id_] == book.at(start) or id_ == won[0].json()["id"], "a refused move lost its time"


def test_swapping_times(scene: MakeScene) -> None:
    """A wants B's time while B wants A's: never both, never neither's appointment gone, never a deadlock."""
    book = scene(providers=2, patients=4)
    pairs = [(0, 0, 30, 0), (60, 0, 60, 1)]  # of one provider; of two providers at one time
    for first_start, first_provider, second_start, second_provider in pairs:
        one = book.booked(first_start, first_provider, 0)
        other = book.booked(second_start, second_provider, 1)
        before = sorted(book.live("id, provider_id, during"))
        for _ in range(5):
            answers = book.race(
                [
                    ask
                    for _ in range(4)
                    for ask in (
                        book.move(one, second_start, second_provider),
                        book.move(other, first_start, first_provider),
                    )
                ]
            )
            assert statuses(answers) == {409: 8}
            assert sorted(book.live("id, provider_id, during")) == before


def test_moving_in_a_ring_through_a_free_slot(scene: MakeScene) -> None:
    """Three appointments chase each other through four slots; locks are taken in every order."""
    book = scene(providers=4, patients=3)
    mine = [book.booked(0, n, n) for n in range(3)]
    draw = random.Random(2)
    moved = 0
    for _ in range(12):
        answers = book.race([book.move(id_, 0, draw.randrange(4)) for id_ in mine for _ in range(3)])
        assert set(statuses(answers)) <= {200, 409}
        moved += statuses(answers).get(200, 0)
        assert {str(id_) for (id_,) in book.live()} == set(mine)
    assert moved


def test_a_move_into_ones_own_time(scene: MakeScene) -> None:
    """It never conflicts with itself, also when it is sent many times at once."""
    book = scene(slot_step_min=15, rooms=1)
    mine = book.booked(0)
    answers = book.race([book.move(mine, 15) for _ in range(8)])
    assert statuses(answers) == {200: 8}
    assert book.live("lower(during)") == [(book.at(15),)]


def test_many_who_move_one_appointment(scene: MakeScene) -> None:
    """Without If-Match the last one wins, and nobody is sent away because others were at it too."""
    book = scene()
    mine = book.booked(0)
    answers = book.race([book.move(mine, 30 * (n % 16)) for n in range(24)])
    assert statuses(answers) == {200: 24}
    assert len(book.live()) == 1


def test_many_who_saw_the_same_version(scene: MakeScene) -> None:
    """With If-Match exactly one is carried out."""
    book = scene()
    mine = book.booked(0)
    answers = book.race([book.move(mine, 30 * n, version=1) for n in range(1, 17)])
    assert statuses(answers) == {200: 1, 412: 15}
    assert book.make.conn.execute("SELECT version FROM appointment WHERE id = %s", (mine,)).fetchone() == (2,)


def test_each_step_is_taken_once(scene: MakeScene) -> None:
    """20 times the same step at once has one effect: one version, one event."""
    book = scene()
    mine = book.booked(0)
    for version, step in enumerate(("confirm", "check-in", "start", "complete"), start=2):
        answers = book.race([Ask(path=f"/appointments/{mine}/{step}") for _ in range(20)])
        assert statuses(answers) == {200: 1, 409: 19}
        assert book.make.conn.execute("SELECT version FROM appointment WHERE id = %s", (mine,)).fetchone() == (version,)
