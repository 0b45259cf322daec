"""When a patient may check in from the phone: instants, whatever the clocks of the clinic do meanwhile."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from frontdesk import clock
from frontdesk.auth.permissions import Actor, Reach, Role
from frontdesk.booking import arriving, told
from frontdesk.db import Connection
from frontdesk.errors import Forbidden
from frontdesk.settings import Settings

ZONE = ZoneInfo("Europe/Madrid")
MINUTE = timedelta(minutes=1)
HOUR = 60 * MINUTE
STARTS = {
    "an ordinary morning": datetime(2027, 6, 1, 7, 0, tzinfo=UTC),
    "half past midnight": datetime(2027, 6, 1, 22, 30, tzinfo=UTC),
    "after the hour that is skipped": datetime(2027, 3, 28, 1, 30, tzinfo=UTC),  # 03:30; the hour before is 01:30
    "the first 02:30": datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
    "the second 02:30": datetime(2027, 10, 31, 1, 30, tzinfo=UTC),
}


def visit(start: datetime, **more: Any) -> dict[str, Any]:
    of = {"status": "scheduled", "mode": "in_person", "time_zone": ZONE.key, "meeting": UUID(int=1)}
    return {
        "start": start,
        "end": start + 30 * MINUTE,
        "during": None,
        "claims": None,
        "session_id": None,
        **of,
        **more,
    }


def someone(role: Role) -> Actor:
    return Actor(user_id=UUID(int=1), role=role, request_id=UUID(int=2), reach=Reach.OWN)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    return lambda now: monkeypatch.setattr(clock, "now", lambda: now)


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_from_an_hour_before_until_the_end(start: datetime, at: Callable[[datetime], None]) -> None:
    opens, ends = start - HOUR, start + 30 * MINUTE
    for now, is_open in (
        (opens - MINUTE, False),
        (opens, True),
        (start, True),
        (start + MINUTE, True),
        (ends - MINUTE, True),
        (ends, False),
    ):
        at(now)
        shown = told.actions(someone(Role.PATIENT), visit(start))
        assert ("check-in" in shown) == arriving.is_open(visit(start)) == is_open, now


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_that_it_will_be_possible_is_told_on_the_day_of_the_clinic(
    start: datetime, at: Callable[[datetime], None]
) -> None:
    opens = start - HOUR
    midnight = datetime.combine(opens.astimezone(ZONE).date(), datetime.min.time(), ZONE).astimezone(UTC)
    for now, is_told in ((midnight - MINUTE, False), (midnight, True), (opens - MINUTE, True), (opens, False)):
        at(now)
        told_at = told._told(someone(Role.PATIENT), visit(start))["opens_at"]
        assert told_at == (opens if is_told else None), now
    at(opens - MINUTE)
    assert told._told(someone(Role.PROVIDER), visit(start))["opens_at"] is None


@pytest.mark.parametrize(
    "status", ["held", "checked_in", "in_progress", "completed", "cancelled", "no_show", "expired"]
)
def test_only_before_the_visit_has_begun(status: str, at: Callable[[datetime], None]) -> None:
    start = STARTS["an ordinary morning"]
    at(start)
    assert not arriving.is_open(visit(start, status=status))
    assert arriving.is_open(visit(start, status="confirmed"))


def test_not_by_video_and_not_for_others(at: Callable[[datetime], None]) -> None:
    start = STARTS["an ordinary morning"]
    at(start)
    assert not arriving.is_open(visit(start, mode="telehealth"))
    for role in Role:
        assert ("check-in" in told.actions(someone(role), visit(start))) == (role is Role.PATIENT)


def test_switched_off(monkeypatch: pytest.MonkeyPatch, at: Callable[[datetime], None]) -> None:
    monkeypatch.setattr(arriving, "settings", lambda: Settings(check_in_before=timedelta(0)))
    start = STARTS["an ordinary morning"]
    at(start)
    assert not arriving.is_open(visit(start))
    with pytest.raises(Forbidden):
        asyncio.run(arriving.check_in(cast(Connection, None), someone(Role.PATIENT), UUID(int=3), expected=1))
