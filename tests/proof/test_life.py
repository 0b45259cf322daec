"""One appointment's life, and that of its rivals, against a model: every answer is foreseen, and the book is as told.

The model knows the book as a list of visits and the state machine as a table (DESIGN §3.3), and nothing else.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from frontdesk import clock
from tests.make import STAMP, Make
from tests.proof.conftest import examples
from tests.proof.wire import Answer, Ask, Wire

STEPS = {
    ("scheduled", "confirm"): "confirmed",
    ("scheduled", "check-in"): "checked_in",
    ("scheduled", "cancel"): "cancelled",
    ("scheduled", "no-show"): "no_show",
    ("confirmed", "check-in"): "checked_in",
    ("confirmed", "cancel"): "cancelled",
    ("confirmed", "no-show"): "no_show",
    ("checked_in", "start"): "in_progress",
    ("checked_in", "cancel"): "cancelled",
    ("checked_in", "no-show"): "no_show",
    ("in_progress", "complete"): "completed",
    ("no_show", "check-in"): "checked_in",  # a late arrival, if the time is still free
}
CALLS = ("confirm", "check-in", "start", "complete", "cancel", "no-show")
OVER = ("cancelled", "no_show", "expired")
VISIT = timedelta(minutes=30)
CLOSES = 8
STARTS = st.integers(0, 5)  # quarters of an hour: neighbours overlap
TWO = st.integers(0, 1)
LIVES = {"18": 25, "15": 10}
"""By version of PostgreSQL, each of thirty steps."""


@dataclass(slots=True)
class Visit:
    """What the model knows of a row of the book. Two visits are the same when they are the same row."""

    id: str
    status: str
    provider: int
    patient: int
    quarter: int
    length: int = 2  # quarters of an hour
    version: int = 1
    overdue: bool = False
    steps: list[str] = field(default_factory=list)  # the history

    @property
    def live(self) -> bool:
        return self.status not in OVER and not self.overdue

    @property
    def end(self) -> int:
        return self.quarter + self.length


class Life(RuleBasedStateMachine):
    """Two providers, two patients, six overlapping starts of one day; everything is asked by the desk."""

    make: Make
    wire: Wire
    desk: str

    visits = Bundle("visits")
    keys = Bundle("keys")

    @initialize()
    def open_the_clinic(self) -> None:
        self.book: list[Visit] = []
        self.turn = 0
        self.day = datetime.combine(clock.now().date() + timedelta(days=10), time(9), UTC)
        with self.make.conn.pipeline():
            self.clinic = self.make.clinic()
            self.visit_type = self.make.visit_type(30, slot_step_min=15)
            self.providers = [self.make.provider() for _ in range(2)]
            self.patients = [self.make.patient() for _ in range(2)]
            for provider in self.providers:
                self.make.every_day(provider, self.clinic, "09:00", "11:00")

    # What is asked

    @rule(target=visits, provider=TWO, patient=TWO, quarter=STARTS)
    def hold(self, provider: int, patient: int, quarter: int) -> object:
        answer = self.ask("POST", "/holds", self.time(provider, patient, quarter))
        return self.claimed(answer, "held", provider, patient, quarter)

    @rule(target=visits, provider=TWO, patient=TWO, quarter=STARTS)
    def book_a_time(self, provider: int, patient: int, quarter: int) -> object:
        answer = self.ask("POST", "/appointments", self.time(provider, patient, quarter))
        return self.claimed(answer, "scheduled", provider, patient, quarter)

    @rule(target=visits, provider=TWO, quarters=st.tuples(STARTS, STARTS))
    def rivals_book(self, provider: int, quarters: tuple[int, int]) -> object:
        """Both patients at once: of two that overlap one gets in, whichever; of two that do not, each that can."""
        asks = [
            self.asked("POST", "/appointments", self.time(provider, patient, quarter))
            for patient, quarter in enumerate(quarters)
        ]
        answers = self.wire.ask_all(asks)
        could = [not self.in_the_way(provider, patient, quarter) for patient, quarter in enumerate(quarters)]
        if all(could) and abs(quarters[0] - quarters[1]) < 2:
            assert sorted(answer.status for answer in answers) == [201, 409]
        else:
            assert [answer.status for answer in answers] == [201 if can else 409 for can in could]
        won = [n for n, answer in enumerate(answers) if answer.status == 201]
        return multiple(*[self.kept(answers[n], "scheduled", provider, n, quarters[n]) for n in won])

    @rule(target=keys, made=visits, provider=TWO, patient=TWO, quarter=STARTS)
    def book_with_a_key(self, made: Visit, provider: int, patient: int, quarter: int) -> object:
        """Kept apart from other bookings, to be repeated later."""
        key, body = str(uuid4()), self.time(provider, patient, quarter)
        answer = self.ask("POST", "/appointments", body, key=key)
        self.claimed(answer, "scheduled", provider, patient, quarter)
        return multiple() if answer.status == 409 else (key, body, answer)

    @rule(repeated=keys, other=st.booleans())
    def repeat_with_the_key(self, repeated: tuple[str, dict[str, str], Answer], other: bool) -> None:
        """The same answer, whatever has happened since; another body under the same key is refused."""
        key, body, first = repeated
        if other:
            refused = self.ask("POST", "/appointments", body | {"reason": "other"}, key=key)
            assert (refused.status, refused.slug) == (422, "idempotency-key-reused")
        else:
            again = self.ask("POST", "/appointments", body, key=key)
            assert (again.status, again.body) == (first.status, first.body)

    @rule(visit=visits)
    def book_the_hold(self, visit: Visit) -> None:
        body = {"hold_id": visit.id, "patient_id": str(self.patients[visit.patient])}
        answer = self.ask("POST", "/appointments", body)
        if visit.status != "held" or visit.overdue:
            assert (answer.status, answer.slug) == (409, "hold-gone")
        else:
            assert answer.status == 201, answer
            self.changed(visit, answer, "scheduled")

    @rule(visit=visits)
    def drop_the_hold(self, visit: Visit) -> None:
        answer = self.ask("DELETE", f"/holds/{visit.id}")
        if visit.status != "held" or visit.overdue:
            assert (answer.status, answer.slug) == (409, "hold-gone")
        else:
            assert answer.status == 204
            visit.version += 1
            visit.status = "cancelled"
            visit.steps.append("cancelled")

    @rule(visit=visits)
    def the_hold_runs_out(self, visit: Visit) -> None:
        if visit.status == "held" and not visit.overdue:
            self.make.conn.execute(
                "UPDATE appointment SET hold_expires_at = now() - interval '1 second', changed_by = %(changed_by)s,"
                " request_id = %(request_id)s WHERE id = %(id)s",
                {"id": visit.id, **STAMP},
            )
            visit.overdue = True
            visit.version += 1

    @rule(visit=visits, call=st.sampled_from(CALLS), stale=st.sampled_from((None, None, False, True)))
    def step(self, visit: Visit, call: str, stale: bool | None) -> None:
        answer = self.ask("POST", f"/appointments/{visit.id}/{call}", version=self.version(visit, stale))
        status = STEPS.get((visit.status, call))
        if visit.status == "held":  # dropped or booked by calls of its own, whatever its version
            assert (answer.status, answer.slug) == (409, "status-step")
        elif stale:
            assert (answer.status, answer.slug) == (412, "stale-version")
        elif status is None:
            assert (answer.status, answer.slug) == (409, "status-step")
        elif visit.status == "no_show" and self.in_the_way(visit.provider, visit.patient, visit.quarter, visit.end):
            assert (answer.status, answer.slug) == (409, "slot-taken")
        else:
            assert answer.status == 200, answer
            self.changed(visit, answer, status)

    @rule(visit=visits, provider=TWO, quarter=STARTS, stale=st.sampled_from((None, None, False, True)))
    def move(self, visit: Visit, provider: int, quarter: int, stale: bool | None) -> None:
        """To anywhere, into its own time too; refused moves change nothing."""
        body = {"start": self.at(quarter).isoformat(), "provider_id": str(self.providers[provider])}
        answer = self.ask("PATCH", f"/appointments/{visit.id}", body, version=self.version(visit, stale))
        if visit.status == "held":
            unmoved = (provider, quarter) == (visit.provider, visit.quarter)
            assert answer.status in {409, 412 if stale else 409, 200 if unmoved and not stale else 409}, answer
        elif stale:
            assert (answer.status, answer.slug) == (412, "stale-version")
        elif (provider, quarter) == (visit.provider, visit.quarter):
            assert (answer.status, answer.body["version"]) == (200, visit.version)
        elif visit.status not in ("scheduled", "confirmed"):
            assert (answer.status, answer.slug) == (409, "status-step")
        elif quarter + visit.length > CLOSES:
            assert (answer.status, answer.slug) == (422, "not-bookable")
        elif self.in_the_way(provider, visit.patient, quarter, quarter + visit.length, moving=visit):
            assert (answer.status, answer.slug) == (409, "slot-taken")
        else:
            assert answer.status == 200, answer
            visit.provider, visit.quarter = provider, quarter
            self.changed(visit, answer, "scheduled")

    @rule(visit=visits, length=st.integers(1, 5), stale=st.sampled_from((None, None, False, True)))
    def resize(self, visit: Visit, length: int, stale: bool | None) -> None:
        """Longer or shorter where it stands; a refusal changes nothing."""
        end = visit.quarter + length
        body = {"end": self.at(end).isoformat()}
        answer = self.ask("PATCH", f"/appointments/{visit.id}", body, version=self.version(visit, stale))
        if visit.status == "held":
            assert (answer.status, answer.slug) == (409, "status-step")
        elif stale:
            assert (answer.status, answer.slug) == (412, "stale-version")
        elif length == visit.length:
            assert (answer.status, answer.body["version"]) == (200, visit.version)
        elif visit.status not in ("scheduled", "confirmed"):
            assert (answer.status, answer.slug) == (409, "status-step")
        elif length > visit.length and end > CLOSES:
            assert (answer.status, answer.slug) == (422, "not-bookable")
        elif self.in_the_way(visit.provider, visit.patient, visit.quarter, end, moving=visit):
            assert (answer.status, answer.slug) == (409, "slot-taken")
        else:
            assert answer.status == 200, answer
            visit.length = length
            self.changed(visit, answer, visit.status)

    @rule(visit=consumes(visits))
    def its_history_is_told(self, visit: Visit) -> None:
        answer = self.ask("GET", f"/appointments/{visit.id}/history")
        assert [change["to_status"] for change in answer.body["items"]] == visit.steps

    # What must be so after each step

    @invariant()
    def the_book_is_as_told(self) -> None:
        rows = self.make.conn.execute(
            "SELECT id::text, status, version, provider_id, lower(during), upper(during) FROM appointment"
            " WHERE clinic_id = %s",
            (self.clinic,),
        ).fetchall()
        told = {id_: tuple(row) for id_, *row in rows}
        for visit in self.book:
            status, version, *_ = told[visit.id]
            if visit.overdue and visit.status == "held" and status == "expired":  # by whoever found it in the way
                visit.status, visit.version = status, version
                visit.steps.append("expired")
        assert told == {
            visit.id: (
                visit.status,
                visit.version,
                self.providers[visit.provider],
                self.at(visit.quarter),
                self.at(visit.end),
            )
            for visit in self.book
        }

    @invariant()
    def what_is_free_is_offered(self) -> None:
        """By one of the providers after each step, by turns."""
        self.turn = 1 - self.turn
        params = {"visit_type_id": str(self.visit_type), "from": self.day.date().isoformat()}
        params["to"] = (self.day + timedelta(days=1)).date().isoformat()
        path = f"/providers/{self.providers[self.turn]}/availability"
        answer = self.wire.ask(Ask(path=path, params=params, token=self.desk))
        offered = [datetime.fromisoformat(slot["start"]) for slot in answer.body["slots"]]
        assert offered == [self.at(q) for q in range(7) if not self.in_the_way(self.turn, None, q)]

    # The model

    def in_the_way(
        self, provider: int, patient: int | None, quarter: int, end: int | None = None, moving: Visit | None = None
    ) -> bool:
        """Whether a live visit of the provider or the patient overlaps; half an hour, unless it ends at another."""
        closes = quarter + 2 if end is None else end
        return any(
            visit.live and visit is not moving and visit.quarter < closes and quarter < visit.end
            for visit in self.book
            if visit.provider == provider or visit.patient == patient
        )

    def claimed(self, answer: Answer, status: str, provider: int, patient: int, quarter: int) -> object:
        if self.in_the_way(provider, patient, quarter):
            assert (answer.status, answer.slug) == (409, "slot-taken")
            return multiple()
        assert answer.status == 201, answer
        return self.kept(answer, status, provider, patient, quarter)

    def kept(self, answer: Answer, status: str, provider: int, patient: int, quarter: int) -> Visit:
        self.book.append(Visit(answer.body["id"], status, provider, patient, quarter, steps=[status]))
        return self.book[-1]

    def changed(self, visit: Visit, answer: Answer, status: str) -> None:
        visit.version += 1
        visit.status = status
        visit.steps.append(status)
        assert (answer.body["status"], answer.body["version"]) == (visit.status, visit.version)

    def at(self, quarter: int) -> datetime:
        return self.day + timedelta(minutes=15 * quarter)

    def time(self, provider: int, patient: int, quarter: int) -> dict[str, str]:
        return {
            "provider_id": str(self.providers[provider]),
            "visit_type_id": str(self.visit_type),
            "clinic_id": str(self.clinic),
            "patient_id": str(self.patients[patient]),
            "start": self.at(quarter).isoformat(),
        }

    def version(self, visit: Visit, stale: bool | None) -> int | None:
        """For If-Match: the right one, one too old, or none."""
        return None if stale is None else visit.version - stale

    def ask(self, *what: object, **more: object) -> Answer:
        return self.wire.ask(self.asked(*what, **more))

    def asked(
        self, method: str, path: str, body: dict[str, str] | None = None, *, key: str = "", version: int | None = None
    ) -> Ask:
        headers = {"Idempotency-Key": key} if key else {}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        return Ask(method=method, path=path, body=body, token=self.desk, headers=headers)


def test_every_answer_is_foreseen(make: Make, wire: Wire, desk: str, request: pytest.FixtureRequest) -> None:
    Life.make, Life.wire, Life.desk = make, wire, desk
    version = request.node.callspec.params["postgres"]
    usual = examples(LIVES[version], seed=int(version))
    run_state_machine_as_test(Life, settings=type(usual)(usual, stateful_step_count=30))
