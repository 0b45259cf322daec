"""What can happen to a time and to those who wait for it, against a model that knows only the rule of fairness.

The model is lists and loops. After each step the entries, their offers, the book and what the public is offered are as
it says: nobody is passed over, nobody is offered two times at once or one time twice, nothing is public too soon.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from frontdesk import clock, ids
from frontdesk.waitlist import jobs
from tests.make import Make
from tests.proof.conftest import examples
from tests.proof.wire import Answer, Ask, Wire
from tests.service import Service
from tests.waitlist.background import Background

USUAL, EXTRA = (0, 1, 2, 3), 6  # half hours after 11:00: two in the morning, two in the afternoon; and 14:00
RANKS = ("urgent", "normal", "flexible")
MISSED = 3
TWO = st.integers(0, 1)
SLOTS = st.sampled_from((*USUAL, EXTRA))
PATIENTS = 6

Slot = tuple[int, int]
"""A provider's number and a half hour."""


@dataclass(eq=False)
class Visit:
    id: str
    patient: int
    slot: Slot
    live: bool = True


@dataclass(eq=False)
class Entry:
    id: str
    patient: int
    provider: int | None  # None: any
    part: str | None
    rank: int
    later: Visit | None
    status: str = "waiting"
    offer: Slot | None = None
    offered: set[Slot] = field(default_factory=set)
    missed: int = 0

    def suits(self, slot: Slot) -> bool:
        """Whether it is what they asked for, before the visit they have, and new to them."""
        return (
            self.provider in (None, slot[0])
            and self.part in (None, "morning" if slot[1] < 2 else "afternoon")
            and (self.later is None or slot[1] < self.later.slot[1])
            and slot not in self.offered
        )

    def meets(self, other: "Entry") -> bool:
        """Whether one time might suit both."""
        one = self.provider is None or other.provider is None or self.provider == other.provider
        return one and (self.part is None or other.part is None or self.part == other.part)


class Waiting(RuleBasedStateMachine):
    """Two providers of a specialty and six patients, on one day."""

    make: Make
    wire: Wire
    desk: str
    background: Background

    visits = Bundle("visits")
    entries = Bundle("entries")

    @initialize(target=visits)
    def open_the_clinic(self) -> object:
        """Nearly everything is booked already: who waits has to wait."""
        make = self.make
        self.day = datetime.combine(clock.now().date() + timedelta(days=5), time(11), UTC)
        self.clinic, self.kind = make.clinic(), make.visit_type(30)
        self.providers = sorted(make.provider() for _ in range(2))
        self.specialty = make.row("specialty", name=f"Specialty {ids.new_id()}")
        for provider in self.providers:
            make.every_day(provider, self.clinic, "11:00", "13:00")
            make.conn.execute(
                "INSERT INTO provider_specialty (provider_id, specialty_id, changed_by, request_id)"
                " VALUES (%s, %s, %s, %s)",
                (provider, self.specialty, ids.SYSTEM, ids.SYSTEM),
            )
        self.patients = [make.patient() for _ in range(PATIENTS)]
        self.book: list[Visit] = []
        self.line: list[Entry] = []
        self.open: set[Slot] = {(of, half) for of in range(2) for half in USUAL}
        made = []
        for n, slot in enumerate(sorted(self.open)[:7]):
            answer = self.ask("POST", "/appointments", self.time(slot) | {"patient_id": str(self.make.patient())})
            made.append(self.kept(answer, PATIENTS + n, slot))
        return multiple(*made)

    # What is asked

    @rule(target=visits, patient=st.integers(0, PATIENTS - 1), of=TWO, half=SLOTS)
    def a_stranger_books(self, patient: int, of: int, half: int) -> object:
        body = self.time((of, half)) | {"patient_id": str(self.patients[patient])}
        answer = self.ask("POST", "/appointments", body)
        if (of, half) not in self.open:
            assert answer.slug == "not-bookable"
        elif self.taken((of, half)) or self.busy(patient, half):
            assert answer.slug == "slot-taken"
        else:
            return self.kept(answer, patient, (of, half))
        return multiple()

    @rule(visit=visits, call=st.sampled_from(("cancel", "no-show")))
    def a_visit_is_over(self, visit: Visit, call: str) -> None:
        answer = self.ask("POST", f"/appointments/{visit.id}/{call}", {})
        assert answer.status == (200 if visit.live else 409), answer
        if visit.live:
            visit.live = False
            self.fill(visit.slot)

    @rule(visit=visits, of=TWO, half=SLOTS)
    def a_visit_moves(self, visit: Visit, of: int, half: int) -> None:
        start, provider = self.at(half).isoformat(), str(self.providers[of])
        answer = self.ask("PATCH", f"/appointments/{visit.id}", {"start": start, "provider_id": provider})
        if visit.slot == (of, half):
            assert answer.status == 200, answer
        elif not visit.live:
            assert answer.slug == "status-step"
        elif (of, half) not in self.open:
            assert answer.slug == "not-bookable"
        elif self.taken((of, half)) or self.busy(visit.patient, half, but=visit):
            assert answer.slug == "slot-taken"
        else:
            assert answer.status == 200, answer
            old, visit.slot = visit.slot, (of, half)
            self.fill(old)

    @rule(
        target=entries,
        patient=st.integers(0, PATIENTS - 1),
        provider=st.sampled_from((0, 1, None, None)),
        part=st.sampled_from(("morning", "afternoon", None, None)),
        rank=st.integers(0, 2),
        earlier=st.booleans(),
    )
    def join(self, patient: int, provider: int | None, part: str | None, rank: int, *, earlier: bool) -> object:
        have = next((v for v in self.book if v.live and v.patient == patient), None) if earlier else None
        day = self.day.date().isoformat()
        body: dict[str, Any] = {"patient_id": str(self.patients[patient]), "visit_type_id": str(self.kind)}
        body |= {"earliest": day, "latest": day, "urgency": RANKS[rank]} | ({"time_of_day": part} if part else {})
        body |= (
            {"specialty": str(self.specialty)} if provider is None else {"provider_id": str(self.providers[provider])}
        )
        answer = self.ask("POST", "/waitlist", body | ({"appointment_id": have.id} if have else {}))
        if any(
            (e.patient, e.provider) == (patient, provider) and e.status in ("waiting", "offered") for e in self.line
        ):
            assert answer.slug == "already-waiting"
            return multiple()
        assert answer.status == 201, answer
        self.line.append(Entry(answer.body["id"], patient, provider, part, rank, have))
        self.seek(self.line[-1])
        return self.line[-1]

    @rule(entry=entries)
    def leave(self, entry: Entry) -> None:
        assert self.ask("DELETE", f"/waitlist/{entry.id}").status == 204
        self.out_of_line(entry, "removed")

    @rule(target=visits, entry=entries)
    def accept(self, entry: Entry) -> object:
        if entry.offer is None:
            return multiple()
        answer = self.ask("POST", f"/offers/{self.offer_of(entry)}/accept")
        slot, later = entry.offer, entry.later if entry.later and entry.later.live else None
        if later and later.slot[1] <= slot[1]:
            assert answer.slug == "offer-gone"
            return multiple()
        assert answer.status == 201, answer
        entry.status, entry.offer, entry.missed = "booked", None, 0
        if later is None:
            return self.kept(answer, entry.patient, slot)
        assert answer.body["id"] == later.id
        old, later.slot = later.slot, slot
        self.fill(old)
        return multiple()

    @rule(entry=entries)
    def decline(self, entry: Entry) -> None:
        if entry.offer is not None:
            assert self.ask("POST", f"/offers/{self.offer_of(entry)}/decline").status == 200
            self.waits_again(entry, missed=0)

    @rule(entry=entries)
    def oversleep(self, entry: Entry) -> None:
        if entry.offer is None:
            return
        self.make.conn.execute(
            "UPDATE waitlist_offer SET expires_at = now() - interval '1 second' WHERE id = %s", (self.offer_of(entry),)
        )
        assert self.background.run(jobs.expire_offers) >= 1  # and what other tests left, whose time is over by now
        if entry.missed + 1 < MISSED:
            self.waits_again(entry, missed=entry.missed + 1)
        else:
            entry.missed += 1
            self.out_of_line(entry, "expired")

    @rule(of=TWO)
    def a_session_is_added(self, of: int) -> None:
        if (of, EXTRA) not in self.open:
            span = {"start": self.at(EXTRA).isoformat(), "end": self.at(EXTRA + 1).isoformat()}
            body = {"kind": "extra_session", "clinic_id": str(self.clinic)} | span
            assert self.ask("POST", f"/providers/{self.providers[of]}/exceptions", body).status == 201
            self.open.add((of, EXTRA))
            self.fill((of, EXTRA))

    @rule()
    def a_closed_hour_is_opened(self) -> None:
        """Closed for a moment while nobody is booked then; who waits is asked again, with one provider at work."""
        at_work = [slot for slot in self.open if slot[1] == EXTRA]
        if len(at_work) == 1 and not self.taken(at_work[0]):
            span = {"start": self.at(EXTRA).isoformat(), "end": self.at(EXTRA + 1).isoformat()}
            closed = self.ask("POST", f"/clinics/{self.clinic}/closures", span)
            assert closed.status == 201, closed
            assert self.ask("DELETE", f"/clinics/{self.clinic}/closures/{closed.body['id']}").status == 204
            self.fill(at_work[0])

    @rule(entry=entries)
    def where_they_stand(self, entry: Entry) -> None:
        told = self.ask("GET", f"/waitlist/{entry.id}").body
        mine = self.order(entry)
        ahead = [o for o in self.line if o.status == "waiting" and self.order(o) < mine and o.meets(entry)]
        if entry.status != "waiting":
            assert (told["position"], told["ahead"]) == (None, None)
        else:
            more_urgent = sum(o.rank < entry.rank for o in ahead)
            assert told["ahead"] == {"more_urgent": more_urgent, "earlier": len(ahead) - more_urgent}
            assert told["position"] == len(ahead) + 1

    # What must be so after each step

    @invariant()
    def the_line_is_as_told(self) -> None:
        rows = self.make.conn.execute(
            "SELECT e.id::text, e.status, e.missed, a.provider_id, a.start_at FROM waitlist_entry e"
            " LEFT JOIN waitlist_offer o ON o.entry_id = e.id AND o.status = 'standing'"
            " LEFT JOIN appointment a ON a.id = o.appointment_id WHERE e.visit_type_id = %s ORDER BY e.since, e.id",
            (self.kind,),
        ).fetchall()
        assert rows == [(e.id, e.status, e.missed, *(self.place(e.offer) or (None, None))) for e in self.line]

    @invariant()
    def the_book_is_as_told(self) -> None:
        rows = self.make.conn.execute(
            "SELECT provider_id, start_at, status FROM appointment WHERE visit_type_id = %s"
            " AND status NOT IN ('cancelled', 'no_show', 'expired')",
            (self.kind,),
        ).fetchall()
        told = [(*self.place(v.slot), "scheduled") for v in self.book if v.live]
        told += [(*self.place(e.offer), "held") for e in self.line if e.offer]
        assert sorted(rows) == sorted(told)

    @invariant()
    def what_is_left_is_public(self) -> None:
        for of, provider in enumerate(self.providers):
            params = {"visit_type_id": str(self.kind), "from": self.day.date().isoformat()}
            params["to"] = (self.day + timedelta(days=1)).date().isoformat()
            answer = self.wire.ask(Ask(path=f"/providers/{provider}/availability", params=params, token=self.desk))
            public = [datetime.fromisoformat(slot["start"]) for slot in answer.body["slots"]]
            assert public == [self.at(half) for n, half in sorted(self.open) if n == of and not self.taken((n, half))]

    # The model

    def fill(self, slot: Slot) -> None:
        """A time is free: the first in line whom it suits is offered it."""
        for entry in sorted((e for e in self.line if e.status == "waiting"), key=self.order):
            has_later = entry.later is None or entry.later.live
            if has_later and entry.suits(slot) and not self.busy(entry.patient, slot[1]) and not self.taken(slot):
                self.give(entry, slot)

    def seek(self, entry: Entry) -> None:
        """Somebody waits from now on: the first free time that suits is theirs."""
        for slot in sorted(self.open, key=lambda s: (s[1], s[0])):
            free = not self.taken(slot) and not self.busy(entry.patient, slot[1])
            if entry.status == "waiting" and free and entry.suits(slot):
                self.give(entry, slot)

    def give(self, entry: Entry, slot: Slot) -> None:
        entry.status, entry.offer = "offered", slot
        entry.offered.add(slot)

    def waits_again(self, entry: Entry, *, missed: int) -> None:
        slot, entry.status, entry.offer, entry.missed = entry.offer, "waiting", None, missed
        assert slot is not None
        self.seek(entry)
        self.fill(slot)

    def out_of_line(self, entry: Entry, status: str) -> None:
        if entry.status in ("waiting", "offered"):
            slot, entry.status, entry.offer = entry.offer, status, None
            if slot is not None:
                entry.missed = 0 if status == "removed" else entry.missed
                self.fill(slot)

    def order(self, entry: Entry) -> tuple[int, int]:
        return entry.rank, self.line.index(entry)

    def taken(self, slot: Slot) -> bool:
        return any(v.live and v.slot == slot for v in self.book) or any(e.offer == slot for e in self.line)

    def busy(self, patient: int, half: int, but: Visit | None = None) -> bool:
        booked = any(v.live and v.patient == patient and v.slot[1] == half and v is not but for v in self.book)
        return booked or any(e.patient == patient and e.offer and e.offer[1] == half for e in self.line)

    def kept(self, answer: Answer, patient: int, slot: Slot) -> Visit:
        assert answer.status == 201, answer
        self.book.append(Visit(answer.body["id"], patient, slot))
        return self.book[-1]

    def at(self, half: int) -> datetime:
        return self.day + timedelta(minutes=30 * half)

    def place(self, slot: Slot | None) -> tuple[UUID, datetime] | tuple[()]:
        return (self.providers[slot[0]], self.at(slot[1])) if slot else ()

    def time(self, slot: Slot) -> dict[str, str]:
        of, start = str(self.providers[slot[0]]), self.at(slot[1]).isoformat()
        return {"provider_id": of, "visit_type_id": str(self.kind), "clinic_id": str(self.clinic), "start": start}

    def offer_of(self, entry: Entry) -> str:
        return str(self.ask("GET", f"/waitlist/{entry.id}").body["offer"]["id"])

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        return self.wire.ask(Ask(method=method, path=path, body=body, token=self.desk))


def test_the_line_moves_as_the_model_says(
    service: Service, make: Make, background: Background, request: pytest.FixtureRequest
) -> None:
    wire = Wire(service)
    Waiting.make, Waiting.wire, Waiting.desk, Waiting.background = make, wire, make.token("admin"), background
    version = int(request.node.callspec.params["postgres"])
    usual = examples(30 if version == 18 else 10, seed=version)
    run_state_machine_as_test(Waiting, settings=type(usual)(usual, stateful_step_count=40))
    wire.close()
