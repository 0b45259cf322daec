"""Whatever is promised can be had by all at once: in any order, and whichever free room each of them takes."""

from itertools import combinations
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from frontdesk.sickday.disjoint import Promised, Wish, overlap

A_ROOMS = [UUID(int=100 + n) for n in range(3)]
DAY_LEFT = 3


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    start = draw(st.integers(0, 12))
    length, before, after = draw(st.integers(1, 4)), draw(st.integers(0, 2)), draw(st.integers(0, 2))
    rooms = draw(st.one_of(st.none(), st.frozensets(st.sampled_from(A_ROOMS))))
    return Wish(
        patient_id=UUID(int=draw(st.integers(0, 3))),
        provider_id=UUID(int=10 + draw(st.integers(0, 4))),
        clinic_id=UUID(int=50),
        visit_type_id=UUID(int=60),
        visit=(start, start + length),
        claim=(start - before, start + length + after),
        day=0,
        rooms=rooms,
        day_left=draw(st.one_of(st.none(), st.just(DAY_LEFT))),
        once=draw(st.booleans()),
    )


@given(st.lists(wishes(), max_size=14), st.randoms(use_true_random=False))
def test_all_that_was_promised_can_be_had_at_once(asked: list[Wish], draw: Random) -> None:
    promised = Promised()
    kept = [wish for wish in asked if promised.take(wish)]
    for one, other in combinations(kept, 2):
        assert one.provider_id != other.provider_id or not overlap(one.claim, other.claim)
        assert one.patient_id != other.patient_id or not overlap(one.visit, other.visit)
    for wish in kept:
        same = [other for other in kept if other.provider_id == wish.provider_id]
        # Each was taken while its own limit held; those of a later one without a limit do not count against it.
        if wish is same[-1] and wish.day_left is not None:
            assert len(same) <= DAY_LEFT
        if wish.once:
            assert sum(other.patient_id == wish.patient_id for other in same) == 1
    draw.shuffle(kept)
    booked: list[tuple[UUID, Wish]] = []
    for wish in kept:
        if wish.rooms is not None:
            free = wish.rooms - {room for room, other in booked if overlap(other.claim, wish.claim)}
            assert free, "somebody finds no room"
            booked.append((draw.choice(sorted(free)), wish))


@given(st.lists(wishes(), max_size=14))
def test_what_collides_with_nothing_is_never_refused(asked: list[Wish]) -> None:
    promised = Promised()
    kept: list[Wish] = []
    for wish in asked:
        alone = not any(overlap(wish.claim, other.claim) for other in kept)
        within = wish.day_left is None or sum(other.provider_id == wish.provider_id for other in kept) < DAY_LEFT
        pair = (wish.provider_id, wish.patient_id)
        met = any(pair == (other.provider_id, other.patient_id) and (wish.once or other.once) for other in kept)
        taken = promised.take(wish)
        if alone and within and not met and wish.rooms != frozenset():
            assert taken
        if taken:
            kept.append(wish)
