"""Availability across providers: all of them together have what each of them has, page by page, month by month."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given

from frontdesk import clock
from tests.make import Make
from tests.proof import oracle
from tests.proof.conftest import examples
from tests.proof.filled import Filled
from tests.proof.generated import Case, cases
from tests.proof.judge import at_either, in_order
from tests.proof.wire import Answer, Wire

WORLDS = {"18": 70, "15": 25}
"""By version of PostgreSQL."""


def test_all_providers_together_have_what_each_of_them_has(
    make: Make, wire: Wire, desk: str, request: pytest.FixtureRequest
) -> None:
    version = request.node.callspec.params["postgres"]

    @examples(WORLDS[version], seed=100 + int(version))
    @given(cases())
    def one_world(case: Case) -> None:
        check_together(Filled(make, wire, case.world, case.question, desk))

    one_world()


def check_together(filled: Filled) -> None:
    """All providers together have what each of them has, in order; and the calendar shows the days on which."""
    caller = replace(filled.q, patient=filled.q.patient if filled.q.self_booking else None)
    began = clock.now()
    asks = [
        filled.across(filled.caller),
        filled.across(filled.caller, per_provider="1"),
        filled.free_days(filled.caller),
    ]
    everything, firsts, days = filled.wire.ask_all(asks)
    pages = list(_pages(filled, len(everything.body["slots"]) // 3 + 1))
    ended = clock.now()

    def told() -> tuple[Any, Any, Any]:
        first = {provider: start for start, provider, _ in _by_provider(filled, firsts)}
        assert len(first) == len(firsts.body["slots"])
        return _by_provider(filled, everything), first, days.body["days"]

    def reckoned(at: datetime) -> tuple[Any, Any, Any]:
        found = sorted(
            (start, str(id_), clinic)
            for provider, id_ in enumerate(filled.providers)
            for start, clinic in oracle.offered(filled.world, replace(caller, provider=provider), at)
        )
        first = {provider: start for start, provider, _ in reversed(found)}
        return found, first, _calendar(filled, found)

    assert told() == at_either(reckoned, told(), began, ended)
    if began == ended or reckoned(began) == reckoned(ended):
        assert pages == everything.body["slots"]


def _by_provider(filled: Filled, answer: Answer) -> list[tuple[datetime, str, int]]:
    starts = filled.slots(answer)
    owners = [slot["provider_id"] for slot in answer.body["slots"]]
    return in_order([(start, provider, clinic) for (start, clinic), provider in zip(starts, owners, strict=True)])


def _pages(filled: Filled, size: int) -> Iterator[dict[str, str]]:
    """The slots of all providers, read page by page."""
    cursor: dict[str, str] = {}
    while True:
        page = filled.wire.ask(filled.across(filled.caller, limit=str(size), **cursor)).body
        yield from page["slots"]
        if page["next_cursor"] is None:
            return
        assert len(page["slots"]) == size
        cursor = {"cursor": page["next_cursor"]}


def _calendar(filled: Filled, slots: Sequence[tuple[datetime, str, int]]) -> list[dict[str, object]]:
    days = [(oracle.local_day(filled.world, clinic, start).isoformat(), who) for start, who, clinic in slots]
    return [
        {
            "date": day,
            "free": sum(other == day for other, _ in days),
            "providers": len({w for d, w in days if d == day}),
        }
        for day in sorted({day for day, _ in days})
    ]
