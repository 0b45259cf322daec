"""The same while others book, move, cancel and change the hours: whatever is answered is explained by what they did.

Each writer keeps a journal of when a change was sent and when it was answered: in between it came into force. So at any
moment some things were certain and some possible, and an answer must fit what was possible while it was under way:

- a start that is refused by 409 overlaps something that could be in the book;
- a start that is refused by 422 breaks exactly these rules in hours that could be in force;
- a start that is offered or booked was allowed by hours that could be in force, and nothing certain was in its way;
- a start that is not offered is one of the two first.
"""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest

from frontdesk import clock
from tests.concurrency.proof import prove
from tests.make import Make
from tests.proof import oracle
from tests.proof.filled import Filled
from tests.proof.generated import LONG_AGO
from tests.proof.oracle import DAY
from tests.proof.wire import Answer, Ask, Wire
from tests.proof.world import Away, Clinic, Closure, Patient, Provider, Question, VisitType, Weekly, World
from tests.service import Service

ZONE = "Europe/Berlin"
VISIT = VisitType(30, 15, after_min=5)
BOOKERS, ROUNDS = 3, 40
EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Stay:
    """A visit in the book: it came at some moment from `sent` to `there`, and went from `leaving` to `gone`."""

    start: datetime
    sent: datetime
    there: datetime
    leaving: datetime = EVER
    gone: datetime = EVER

    def blocks(self, start: datetime) -> bool:
        length = VISIT.duration + timedelta(minutes=VISIT.after_min)
        return self.start < start + length and start < self.start + length


@dataclass(frozen=True, slots=True)
class Hours:
    """A world's hours: in force at some moment from `sent` on, until some moment before the next were `there`."""

    world: World
    sent: datetime
    there: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """An answer about one start: a booking's status and reasons, or (status 0 or 200) not offered or offered."""

    start: datetime
    began: datetime
    ended: datetime
    status: int
    codes: frozenset[str] = frozenset()
    but: Stay | None = None  # what was moved is not in its own way


class Journal:
    """What everybody did and was told, judged when all is over."""

    def __init__(self, filled: Filled, now: datetime) -> None:
        self.filled = filled
        self.hours = [Hours(filled.world, now, now)]
        self.stays: list[Stay] = []
        self.told: list[Told] = []

    def check(self, told: Told) -> None:
        possible = [
            hours.world
            for hours, after in zip(self.hours, [*self.hours[1:], None], strict=True)
            if hours.sent <= told.ended and (after is None or after.there >= told.began)
        ]
        rules = [frozenset(oracle.broken(world, self.filled.q, 0, told.start, told.ended)) for world in possible]
        others = [stay for stay in self.stays if stay is not told.but and stay.blocks(told.start)]
        maybe = [stay for stay in others if stay.sent <= told.ended and stay.gone >= told.began]
        surely = [stay for stay in others if stay.there < told.began and stay.leaving > told.ended]
        allowed = frozenset() in rules
        if told.status == 409:
            assert allowed, f"{told}: the rules come first, and they forbid it: {rules}"
            assert maybe, f"{told}: nothing was in its way"
        elif told.status == 422:
            assert told.codes in rules, f"{told}: the rules said {rules}"
        elif told.status == 0:
            assert maybe or rules != [frozenset()], f"{told}: it was free all the time"
        else:
            assert allowed, f"{told}: the rules said {rules}"
            assert not surely, f"{told}: {surely} was in its way"


class Booker:
    """One of several who look what is free, book it or something else, move and cancel what they have."""

    def __init__(self, journal: Journal, service: Service, seed: int, patients: list[UUID]) -> None:
        self.journal, self.filled, self.patients = journal, journal.filled, patients
        self.wire, self.draw = Wire(service, connections=2), random.Random(seed)
        self.mine: list[tuple[Stay, str]] = []
        self.offered: list[datetime] = []
        self.grid = sorted(start for start, _ in oracle.grid(self.filled.world, self.filled.q, clock.now()))

    def run(self) -> None:
        for patient in self.patients:
            self.look()
            self.book(patient)
            if self.mine and self.draw.random() < 0.5:
                self.draw.choice((self.move, self.cancel))(self.draw.randrange(len(self.mine)))
        self.wire.close()

    def look(self) -> None:
        began = clock.now()
        answer = self.wire.ask(self.filled.availability())
        ended = clock.now()
        self.offered = [start for start, _ in self.filled.slots(answer)]
        self.journal.told += [Told(start, began, ended, 200 if start in self.offered else 0) for start in self.grid]

    def choice(self) -> datetime:
        """Mostly something that was offered a moment ago."""
        return self.draw.choice(self.offered if self.offered and self.draw.random() < 0.7 else self.grid)

    def book(self, patient: UUID) -> None:
        start = self.choice()
        answer, began, ended = self.asked(start, self.filled.booking(0, start, patient_id=str(patient)))
        if answer.status == 201:
            self.claimed(start, answer, began, ended)

    def move(self, which: int) -> None:
        start, (old, id_) = self.choice(), self.mine[which]
        if start == old.start:
            return
        ask = Ask(
            method="PATCH", path=f"/appointments/{id_}", body={"start": start.isoformat()}, token=self.filled.desk
        )
        answer, began, ended = self.asked(start, ask, but=old)
        if answer.status == 200:
            old.leaving, old.gone = began, ended
            del self.mine[which]
            self.claimed(start, answer, began, ended)

    def cancel(self, which: int) -> None:
        stay, id_ = self.mine.pop(which)
        stay.leaving = clock.now()
        answer = self.wire.ask(Ask(method="DELETE", path=f"/appointments/{id_}", token=self.filled.desk))
        stay.gone = clock.now()
        assert answer.status == 204

    def asked(self, start: datetime, ask: Ask, but: Stay | None = None) -> tuple[Answer, datetime, datetime]:
        began = clock.now()
        answer = self.wire.ask(ask)
        ended = clock.now()
        assert answer.status in (200, 201, 422) or (answer.status, answer.slug) == (409, "slot-taken"), answer
        codes = frozenset(answer.codes) if answer.status == 422 else frozenset()
        self.journal.told.append(Told(start, began, ended, answer.status, codes, but))
        return answer, began, ended

    def claimed(self, start: datetime, answer: Answer, began: datetime, ended: datetime) -> None:
        stay = Stay(start, began, ended)
        self.journal.stays.append(stay)
        self.mine.append((stay, answer.body["id"]))


class Planner:
    """The one who changes the hours: the weekly set, time off and closures, whoever has booked there."""

    def __init__(self, journal: Journal, service: Service) -> None:
        self.journal, self.filled = journal, journal.filled
        self.wire, self.draw = Wire(service, connections=2), random.Random(1)
        self.day = journal.filled.q.first

    def run(self, over: threading.Event) -> None:
        while not over.is_set():
            self.draw.choice((self.new_weekly_set, self.time_off, self.closure))()
        self.wire.close()

    def new_weekly_set(self) -> None:
        edges = self.draw.choice((((8, 12), (13, 17)), ((8, 17),), ((9, 11), (13, 16))))
        weekly = [
            Weekly(0, 0, weekday, time(opens), time(closes), LONG_AGO)
            for weekday in range(1, 8)
            for opens, closes in edges
        ]
        items = [
            {
                "clinic_id": str(self.filled.clinics[0]),
                "weekday": session.weekday,
                "start_time": f"{session.opens:%H:%M}",
                "end_time": f"{session.closes:%H:%M}",
                "effective_from": session.since.isoformat(),
            }
            for session in weekly
        ]
        path = f"/providers/{self.filled.providers[0]}/schedules"
        self.send("PUT", path, {"items": items}, replace(self.world, weekly=tuple(weekly)))

    def time_off(self) -> None:
        away = Away(0, None, *self.some_hours())
        path = f"/providers/{self.filled.providers[0]}/exceptions"
        body = {"kind": "time_off", "start": away.start.isoformat(), "end": away.end.isoformat()}
        made = self.send("POST", path, body, replace(self.world, away=(away,)))
        self.send("DELETE", f"{path}/{made.body['id']}", None, replace(self.world, away=()))

    def closure(self) -> None:
        closure = Closure(0, *self.some_hours())
        path = f"/clinics/{self.filled.clinics[0]}/closures"
        body = {"start": closure.start.isoformat(), "end": closure.end.isoformat()}
        made = self.send("POST", path, body, replace(self.world, closures=(closure,)))
        self.send("DELETE", f"{path}/{made.body['id']}", None, replace(self.world, closures=()))

    @property
    def world(self) -> World:
        return self.journal.hours[-1].world

    def some_hours(self) -> tuple[datetime, datetime]:
        opens = datetime.combine(self.day + self.draw.randrange(2) * DAY, time(self.draw.randrange(8, 16)))
        start = oracle.first_instant(opens, ZONE)
        return start, start + timedelta(hours=self.draw.randrange(1, 4))

    def send(self, method: str, path: str, body: dict[str, object] | None, world: World) -> Answer:
        """In the journal before it is sent: it may be in force before it is answered."""
        self.journal.hours.append(Hours(world, clock.now(), EVER))
        reasoned = None if body is None else body | {"override_reason": "as planned"}
        answer = self.wire.ask(Ask(method=method, path=path, body=reasoned, token=self.filled.desk))
        assert answer.status in (200, 201, 204), answer
        self.journal.hours[-1] = replace(self.journal.hours[-1], there=clock.now())
        return answer


def test_every_answer_is_explained_by_what_others_did_meanwhile(
    service: Service, make: Make, wire: Wire, desk: str
) -> None:
    _every_answer_is_explained(service, make, wire, desk, 0)


@pytest.mark.postgres("18")
def test_and_by_what_they_did_in_another_round(service: Service, make: Make, wire: Wire, desk: str) -> None:
    _every_answer_is_explained(service, make, wire, desk, 1)


def _every_answer_is_explained(service: Service, make: Make, wire: Wire, desk: str, round_: int) -> None:
    day = clock.now().date() + 20 * DAY
    weekly = tuple(Weekly(0, 0, weekday, time(8), time(17), LONG_AGO) for weekday in range(1, 8))
    world = World((Clinic(ZONE),), (Provider(),), (Patient(),), (VISIT,), weekly=weekly)
    journal = Journal(Filled(make, wire, world, Question(0, 0, 0, False, day, day + 2 * DAY), desk), clock.now())
    bookers = [
        Booker(journal, service, 10 * round_ + n, [make.patient() for _ in range(ROUNDS)]) for n in range(BOOKERS)
    ]
    planner, over = Planner(journal, service), threading.Event()
    with ThreadPoolExecutor(BOOKERS + 1) as pool:
        planning = pool.submit(planner.run, over)
        try:
            for booking in [pool.submit(booker.run) for booker in bookers]:
                booking.result()
        finally:
            over.set()
        planning.result()
    for told in journal.told:
        journal.check(told)
    prove(make.conn, journal.filled.clinics)
    seen = Counter(told.status for told in journal.told)
    assert seen.keys() == {0, 200, 201, 409, 422}, seen
    assert len(journal.hours) > 10
