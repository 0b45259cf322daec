"""From when on a step is taken on a page: by the clocks of the clinic."""

from datetime import UTC, datetime

import pytest

from frontdesk.portal import steps

NINE_IN_MADRID = datetime(2026, 3, 29, 7, 0, tzinfo=UTC)  # on the day on which the clocks there go forward


@pytest.mark.parametrize(
    ("now", "possible"),
    [
        (datetime(2026, 3, 28, 22, 59, tzinfo=UTC), []),
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), ["checked_in"]),  # midnight there
        (datetime(2026, 3, 29, 6, 59, tzinfo=UTC), ["checked_in"]),
        (datetime(2026, 3, 29, 7, 0, tzinfo=UTC), ["checked_in", "no_show"]),
        (datetime(2026, 3, 30, 7, 0, tzinfo=UTC), ["checked_in", "no_show"]),
    ],
)
def test_who_comes_early_has_come_and_is_not_missed_yet(now: datetime, possible: list[str]) -> None:
    visit = {"start": NINE_IN_MADRID, "time_zone": "Europe/Madrid"}
    offered = [to for to in ("checked_in", "no_show", "confirmed") if steps.in_time(visit, to, now)]
    assert offered == [*possible, "confirmed"]
