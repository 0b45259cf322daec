"""Whether the service says what the oracle says.

The clock is the real one, and time goes by: an answer is right if it is the oracle's of the moment before the question,
or of the moment after the answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from frontdesk import clock
from tests.proof import oracle
from tests.proof.filled import Filled
from tests.proof.oracle import Start
from tests.proof.wire import Answer

T = TypeVar("T")
Slot = TypeVar("Slot", bound=tuple[datetime, *tuple[Any, ...]])

CONFLICTS = {"provider-taken": "provider", "patient-taken": "patient", "room-taken": "room", "daily-limit": "day"}
"""What a refusal calls the things that the oracle finds in the book."""


def check_offer(filled: Filled) -> list[Start]:
    """What anybody is offered, and what the caller is, is what the oracle offers; what the caller is."""
    anybody = replace(filled.q, patient=None, self_booking=True)
    caller = replace(filled.q, patient=filled.q.patient if filled.q.self_booking else None)
    began = clock.now()
    answers = filled.wire.ask_all([filled.availability(), filled.availability(filled.caller)])
    ended = clock.now()
    slots: list[Start] = []
    for question, answer in zip((anybody, caller), answers, strict=True):
        slots = in_order(filled.slots(answer))
        expected = at_either(lambda at, q=question: oracle.offered(filled.world, q, at), slots, began, ended)
        missing, wrong = sorted(set(expected) - set(slots)), sorted(set(slots) - set(expected))
        assert not missing, f"{question} is not offered {shown(missing)}"
        assert not wrong, f"{question} is offered {shown(wrong)}"
    return slots


def in_order(slots: list[Slot]) -> list[Slot]:
    """The slots sorted, if they came in the order of their starts and none twice."""
    assert [slot[0] for slot in slots] == sorted(slot[0] for slot in slots)
    assert len(set(slots)) == len(slots)
    return sorted(slots)


def check_explained(filled: Filled, starts: Sequence[Start]) -> None:
    """For each start `explain` lists the oracle's reasons, all of them and no other."""
    asked = patients(filled)
    began = clock.now()
    answers = filled.wire.ask_all([filled.explain(clinic, start) for start, clinic in starts])
    ended = clock.now()
    for at, answer in zip(starts, answers, strict=True):
        assert answer.status == 200, answer
        expected = at_either(lambda now, at=at: all_reasons(filled, asked, at, now), answer.codes, began, ended)
        assert answer.codes == expected, f"{shown([at])} is explained by {answer.codes}, not {expected}"
        assert answer.body["bookable"] == (not answer.codes)
        filled.seen.update(answer.codes)


def check_asked(filled: Filled, starts: Sequence[Start]) -> None:
    """Each start is refused as the oracle foresees, or books; what was booked is in the world from then on."""
    for at in starts:
        began = clock.now()
        answer = filled.wire.ask(filled.booking(at[1], at[0]))
        ended = clock.now()
        told = verdict(answer)
        expected = at_either(lambda now, at=at: foreseen(filled, at, now), told, began, ended)
        assert told == expected, f"{shown([at])} is answered {told}, not {expected}: {answer.body}"
        filled.seen.update(told[1] if isinstance(told[1], frozenset) else [told[1] or "booked"])
        if answer.status == 201:
            filled.keep(at[1], answer)
        elif answer.status == 409:
            check_conflicts(filled, at, answer, began, ended)


def check_conflicts(filled: Filled, at: Start, answer: Answer, began: datetime, ended: datetime) -> None:
    """A refusal names what is in the way (not always all), and its alternatives are free."""
    if answer.slug == "already-booked":
        return
    named = {conflict["resource"] for conflict in answer.body["conflicts"]}
    there = {CONFLICTS[code] for code in all_reasons(filled, filled.q, at, began) & CONFLICTS.keys()}
    assert named
    assert named <= there, f"{shown([at])} is refused for {named}, not {there}"
    assert ("day" in named) == ("day" in there)
    for slot in answer.body["alternatives"]:
        other = filled.start_of(slot)
        expected = at_either(lambda now, other=other: foreseen(filled, other, now), (201, None), began, ended)
        assert expected == (201, None), f"{shown([other])} is an alternative, but {expected}"


Verdict = tuple[int, frozenset[str] | str | None]
"""Status, and the reasons of a 422 or the slug of a 409."""


def verdict(answer: Answer) -> Verdict:
    """What an answer to a booking comes to."""
    if answer.status == 422 and answer.slug == "not-bookable":
        return 422, frozenset(answer.codes)
    return answer.status, answer.slug


def foreseen(filled: Filled, at: Start, now: datetime) -> Verdict:
    """What the oracle says to a booking: rules first, then limits, then what is in the way."""
    broken, taken = oracle.reasons(filled.world, filled.q, at[1], at[0], now)
    if broken:
        return 422, frozenset(broken)
    if "one-future" in taken:
        return 409, "already-booked"
    return (409, "slot-taken") if taken else (201, None)


def patients(filled: Filled) -> oracle.Question:
    """What the patient would be told, whoever asks in this world."""
    return replace(filled.q, self_booking=True)


def all_reasons(filled: Filled, question: oracle.Question, at: Start, now: datetime) -> set[str]:
    broken, taken = oracle.reasons(filled.world, question, at[1], at[0], now)
    return broken | taken


def at_either(reckon: Callable[[datetime], T], told: T, began: datetime, ended: datetime) -> T:
    """What the oracle says of `began`; if that is not what was told, of `ended`."""
    before = reckon(began)
    return before if before == told else reckon(ended)


def shown(starts: Sequence[Start]) -> list[str]:
    """Starts, readable."""
    return [f"{start:%a %Y-%m-%d %H:%M:%S}Z at clinic {clinic}" for start, clinic in starts]
