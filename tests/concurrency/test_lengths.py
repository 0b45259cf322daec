"""A visit becomes longer while its neighbours are booked and moved: one of them gets the time, whoever is faster."""

from itertools import pairwise

import pytest

from tests.concurrency.book import slugs
from tests.concurrency.conftest import MakeScene


def test_longer_against_bookings_and_moves_of_neighbours_in_one_room(scene: MakeScene) -> None:
    _longer_against_neighbours(scene, rooms=1)


@pytest.mark.postgres("18")
def test_longer_against_bookings_and_moves_of_neighbours(scene: MakeScene) -> None:
    _longer_against_neighbours(scene, rooms=0)


def _longer_against_neighbours(scene: MakeScene, rooms: int) -> None:
    """A longer visit, a visit that moves, and in two rounds of three bookings want the half hour after it."""
    book = scene(patients=8, rooms=rooms, slot_step_min=15)
    for round_ in range(12):
        after = 24 * 60 * (round_ // 6) + 90 * (round_ % 6) - 60
        mine, theirs = book.booked(after), book.booked(after + 60, patient=1)
        asks = {
            "longer": book.resize(mine, book.at(after), 45),
            "longest": book.resize(mine, book.at(after), 60),
            "moves": book.move(theirs, after + 30),
            # They are quicker than all that takes locks: without them the others win, too.
            **{f"books {n}": book.booking(after + 30, patient=2 + n) for n in range(4) if round_ % 3},
        }
        order = sorted(asks, reverse=bool(round_ % 2))
        answers = dict(zip(order, book.race([asks[name] for name in order]), strict=True))
        won = {name for name, answer in answers.items() if answer.status_code < 300}
        assert slugs(list(answers.values())) <= {"slot-taken"}
        assert won, answers
        assert won <= {"longer", "longest"} or len(won) == 1, won
        spans = book.live("lower(during), upper(during)")
        assert all(one[1] <= other[0] for one, other in pairwise(spans)), spans
