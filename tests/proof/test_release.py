"""A carve-out opens to everybody at its instant of release, to the second, in the clinic's zone."""

import math
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from frontdesk import clock
from tests.make import Make
from tests.proof.filled import Filled
from tests.proof.generated import change_days
from tests.proof.oracle import DAY
from tests.proof.wire import Wire
from tests.proof.world import Clinic, Patient, Provider, Question, VisitType, Weekly, World

AHEAD_S = 3
"""Of a machine that needs no time; a busy one is given as long as it takes, see below."""

RESERVED, OPEN = {"reserved-session"}, set[str]()


@dataclass
class CarveOut:
    """A session of the day after tomorrow, or of the day after the next change of clocks, released soon."""

    filled: Filled
    start: datetime
    released_at: datetime
    booked: bool = False

    def ask(self) -> bool:
        """Ask everything once, on all connections in turn; whether it was surely open already."""
        filled = self.filled
        for _ in range(4):  # each worker keeps plans of its own
            began = clock.now()
            explained, offer = filled.wire.ask_all([filled.explain(0, self.start), filled.availability()])
            ended = clock.now()
            reserved, offered = explained.codes == RESERVED, bool(filled.slots(offer))
            assert explained.codes in (RESERVED, OPEN)
            if ended < self.released_at:
                assert (reserved, offered) == (True, False), f"open {self.released_at - ended} early"
            if began >= self.released_at:
                assert (reserved, offered) == (False, True), f"reserved {began - self.released_at} late"
        began = clock.now()
        answer = filled.wire.ask(filled.booking(0, self.start))
        if clock.now() < self.released_at:
            assert (answer.status, answer.codes) == (422, RESERVED)
        elif began >= self.released_at:
            assert answer.status == 201, answer
            self.booked = True
        else:
            assert answer.status in (201, 422)
            self.booked = answer.status == 201
        return self.booked


def _carve_out(make: Make, wire: Wire, desk: str, zone: str, day: date, ahead_s: int) -> CarveOut:
    """On the local `day` at whatever second makes its release, a whole number of hours before, come in `ahead_s`."""
    released_at = clock.now().replace(microsecond=0) + timedelta(seconds=ahead_s)
    morning = datetime.combine(day, datetime.min.time(), ZoneInfo(zone)) + timedelta(hours=9)
    hours = (morning - released_at) // timedelta(hours=1)
    start = released_at + timedelta(hours=hours)
    local = start.astimezone(ZoneInfo(zone))
    session = Weekly(
        provider=0,
        clinic=0,
        weekday=local.isoweekday(),
        opens=local.time(),
        closes=(local + timedelta(minutes=30)).time(),
        since=local.date(),
        until=local.date(),
        only=(1,),
        release_hours=hours,
    )
    types = (VisitType(30, 30), VisitType(30, 30))
    world = World((Clinic(zone),), (Provider(),), (Patient(),), types, weekly=(session,))
    question = Question(0, 0, 0, False, local.date(), local.date() + DAY)
    return CarveOut(Filled(make, wire, world, question, desk), start, released_at)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_a_carve_out_opens_to_the_second(make: Make, wire: Wire, desk: str, zone: str) -> None:
    """Asked without a pause while its second comes; across a change of clocks too, because hours are elapsed hours."""
    today = clock.now().date()
    changes = [day + DAY for day in change_days(zone, today)[:1]]
    began = time.monotonic()
    assert not _carve_out(make, wire, desk, zone, today + 2 * DAY, 1800).ask(), "it is for later"
    ahead_s = AHEAD_S + math.ceil(8 * (time.monotonic() - began))
    carve_outs = [_carve_out(make, wire, desk, zone, day, ahead_s) for day in (today + 2 * DAY, *changes)]
    asked_before = [clock.now() < carve_out.released_at for carve_out in carve_outs]
    while carve_outs:
        carve_outs = [carve_out for carve_out in carve_outs if not carve_out.ask()]
    assert all(asked_before), "the machine was too slow to see it closed"
