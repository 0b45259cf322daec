"""The bench itself: that it counts what happened, and that it notices what is not true. No figure is judged."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from frontdesk import ids
from tests.bench import cpu, load, proof
from tests.bench.__main__ import main
from tests.bench.book import Reads, get
from tests.bench.figures import NAMES, RATIOS, Figure, by_cpu, ratios, table
from tests.make import Make
from tests.service import Service

pytestmark = pytest.mark.postgres("18")

START = datetime(2031, 3, 5, 14, tzinfo=UTC)


def test_a_short_run_measures_everything_and_writes_it_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = tmp_path / "figures" / "bench.json"
    result = main(["--seconds", "0.1", "--rounds", "2", "--folder", str(tmp_path), "--json", str(told)])
    assert json.loads(told.read_text()) == json.loads(json.dumps(result))
    assert result["errors"] == 0
    assert list(result["medians"]) == list(NAMES)
    assert [list(one) for one in result["rounds"]] == [list(NAMES)] * 2
    told_ratios = [f"{over}/{under}" for over, under in RATIOS]
    for one in result["rounds"]:
        for letter, figure in one.items():
            assert figure["done"] > 0, letter
            booked = {letter: {201} for letter in "bfij"} | {"a": set(), "k": set()}
            assert set(figure["statuses"]) == booked.get(letter, {200})
    assert {name: len(ratio["rounds"]) for name, ratio in result["ratios"].items()} == dict.fromkeys(told_ratios, 2)
    printed = capsys.readouterr().out
    assert all(f"\n{word}  " in printed for word in [*NAMES, *told_ratios])
    assert [path.name for path in tmp_path.iterdir()] == ["figures"], "the bench leaves its data behind"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU by process is read from /proc")
def test_cpu_is_told_by_process() -> None:
    with cpu.spent({"this": os.getpid(), "server": None}) as used:
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass
    assert used["this"] >= 0.15
    assert set(used) == {"this", "load", "others"}


def test_the_load_counts_every_answer_by_its_status(service: Service) -> None:
    requests = Reads((get("/healthz"), get("/api/v1/nothing-here")))
    tally = load.run(load.Load(service.port, requests, connections=4, warm_up_s=0.0, seconds=1.0))
    assert set(tally.statuses) == {200, 404}
    assert sum(tally.statuses.values()) == tally.sent
    assert tally.sent - 4 <= len(tally.took_s) <= tally.sent  # the last of each connection may come after the end
    assert abs(tally.statuses[200] - tally.statuses[404]) <= 1


def test_a_request_that_cannot_be_made_ends_the_load(service: Service) -> None:
    with pytest.raises(ZeroDivisionError):
        load.run(load.Load(service.port, Reads(()), connections=2, warm_up_s=0.0, seconds=30.0))


def test_an_acknowledged_booking_that_is_not_there_is_noticed(db: psycopg.Connection) -> None:
    make, by = Make(db), ids.new_id()
    provider, clinic, visit = make.provider(), make.clinic(), make.visit_type()
    make.appointment(provider, clinic, visit, START, patient_id=make.patient(), changed_by=by)
    with pytest.raises(proof.Untrue, match=r"\(1, 1, 1, 0\)"):  # its event is missing
        proof.check(db.info.dsn, {by: 1})
    make_event(db, by)
    proof.check(db.info.dsn, {by: 1})
    with pytest.raises(proof.Untrue, match="2 bookings"):
        proof.check(db.info.dsn, {by: 2})


def test_an_overlap_is_noticed(db: psycopg.Connection) -> None:
    """The tables refuse one, except beside an overbooked visit; so this is how one looks."""
    make = Make(db)
    provider, clinic, visit = make.provider(), make.clinic(), make.visit_type()
    make.appointment(provider, clinic, visit, START, patient_id=make.patient())
    proof.check(db.info.dsn, {})
    lane = {"lane": 1, "override_reason": "an emergency"}
    make.appointment(provider, clinic, visit, START, 15, patient_id=make.patient(), **lane)
    with pytest.raises(proof.Untrue, match="overlap"):
        proof.check(db.info.dsn, {})


def test_a_ratio_compares_within_its_round() -> None:
    def of(rate: float) -> Figure:
        return Figure(
            rate, 1.0, 2.0, done=1000, errors=0, cpu_s={"server": 1500 / rate, "load": 500 / rate, "others": 9}
        )

    quiet = {
        letter: of(rate)
        for letter, rate in zip("abcdefghij", (1000, 500, 300, 600, 3000, 500, 90, 100, 475, 456), strict=True)
    }
    busy = {letter: of(figure.per_second / 4) for letter, figure in quiet.items()}
    told = {"b/a": 0.5, "c/d": 0.5, "c/e": 0.1, "b/f": 1.0, "g/h": 0.9, "i/b": 0.95, "j/i": 0.96}
    assert ratios([quiet, busy]) == {name: [value, value] for name, value in told.items()}
    assert by_cpu([quiet, busy]) == told


def test_where_cpu_cannot_be_told_the_ratios_of_rates_are() -> None:
    untold = {letter: Figure(10.0, 1.0, 2.0, done=10, errors=0, cpu_s={}) for letter in NAMES}
    assert by_cpu([untold]) == {}
    assert "c/d  1.000  (1.000)\n" in table([untold])


def make_event(db: psycopg.Connection, by: object) -> None:
    db.execute(
        "INSERT INTO outbox (event_id, topic, key, payload, changed_by, request_id)"
        " VALUES (%(id)s, 'appointments.scheduled.v1', 'key', '{}', %(by)s, %(id)s)",
        {"id": ids.new_id(), "by": by},
    )
