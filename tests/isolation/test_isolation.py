"""Orders of steps that rivals can come in, played by PostgreSQL's isolationtester: who waits, who is refused, and what
stands in the book afterwards. The races elsewhere find such orders by luck; these are found every time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.concurrency.proof import prove
from tests.concurrency.rows import Rows, at
from tests.isolation.statements import Statements
from tests.isolation.tester import isolationtester, run

TAKEN = "appointment_provider_free"


@dataclass(frozen=True)
class Case:
    """An order of steps, and what must come of it: `book` holds the live visits and their minutes after nine."""

    order: str
    book: dict[str, int]
    waited: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


Play = Callable[[str, Statements, dict[str, str], Case], None]


@pytest.fixture
def rows(db: psycopg.Connection) -> Rows:
    return Rows(db)


@pytest.fixture
def statements(rows: Rows) -> Statements:
    return Statements(rows)


@pytest.fixture
def play(postgres: EmbeddedPostgres, database: str, rows: Rows) -> Play:
    """Play a case of a spec, and compare what came of it with what the case says."""
    program = isolationtester(postgres.bin_dir)
    if isinstance(program, str):
        pytest.skip(program)

    def played(spec: str, statements: Statements, steps: dict[str, str], case: Case) -> None:
        report = run(program, database, spec, steps, case.order)
        assert report.waited == case.waited
        assert report.refused == case.refused
        assert {step: report.rows.get(step) for step in case.rows} == case.rows
        assert _book(rows, statements.made) == case.book
        prove(rows.make.conn, [rows.clinic])

    return played


def _book(rows: Rows, names: dict[UUID, str]) -> dict[str, int]:
    """The live visits by name, with their start in minutes after nine."""
    found = rows.make.conn.execute(
        "SELECT id, (extract(epoch FROM lower(during) - %s) / 60)::int FROM appointment"
        " WHERE status NOT IN ('cancelled', 'no_show', 'expired') ORDER BY lower(during)",
        (at(0),),
    )
    return {names[row[0]]: row[1] for row in found}


BOOKINGS = {
    "one after the other": Case(
        "first_claims first_commits second_claims second_commits",
        book={"first": 0},
        rows={"first_claims": 1, "second_claims": 0},
    ),
    "the rival waits, and is refused": Case(
        "first_claims second_claims first_commits second_commits",
        book={"first": 0},
        waited=["second_claims"],
        rows={"second_claims": 0},
    ),
    "the other way round": Case(
        "second_claims first_claims second_commits first_commits",
        book={"second": 15},
        waited=["first_claims"],
        rows={"first_claims": 0},
    ),
    "the rival waits, and has the time that was given up": Case(
        "first_claims second_claims first_gives_up second_commits",
        book={"second": 15},
        waited=["second_claims"],
        rows={"second_claims": 1},
    ),
    "neighbours do not wait": Case(
        "first_claims next_claims next_commits first_commits",
        book={"first": 0, "next": 30},
    ),
    "one between two is refused when the first of them commits": Case(
        "first_claims next_claims second_claims next_commits first_commits second_commits",
        book={"first": 0, "next": 30},
        waited=["second_claims"],
        rows={"second_claims": 0},
    ),
    "hours wait for a booking": Case(
        "first_holds desk_locks first_claims first_commits desk_commits",
        book={"first": 0},
        waited=["desk_locks"],
    ),
    "a booking waits for a change of hours": Case(
        "desk_locks first_holds desk_commits first_claims first_commits",
        book={"first": 0},
        waited=["first_holds"],
    ),
}


@pytest.mark.parametrize("case", BOOKINGS.values(), ids=BOOKINGS)
def test_bookings(play: Play, statements: Statements, case: Case) -> None:
    steps = statements.book("first") | statements.book("second") | statements.book("next")
    steps |= {"first_holds": statements.hold_schedule(), "desk_locks": statements.lock_provider()}
    play("book", statements, steps, case)


MOVES = {
    "whoever books the new time waits, and is refused": Case(
        "mover_locks mover_looks mover_moves booker_claims mover_commits booker_commits",
        book={"mover": 60, "other": 120},
        waited=["booker_claims"],
        rows={"mover_looks": 0, "booker_claims": 0},
    ),
    "whoever books the new time has it when the move is given up": Case(
        "mover_locks mover_looks mover_moves booker_claims mover_gives_up booker_commits",
        book={"mover": 0, "booker": 60, "other": 120},
        waited=["booker_claims"],
        rows={"booker_claims": 1},
    ),
    "the old time is free with the commit": Case(
        "mover_locks mover_looks mover_moves taker_claims mover_commits taker_commits",
        book={"taker": 0, "mover": 60, "other": 120},
        waited=["taker_claims"],
        rows={"taker_claims": 1},
    ),
    "the old time stays taken when the move is given up": Case(
        "mover_locks mover_looks mover_moves taker_claims mover_gives_up taker_commits",
        book={"mover": 0, "other": 120},
        waited=["taker_claims"],
        rows={"taker_claims": 0},
    ),
    "a booking was faster: the move waits, is refused and has changed nothing": Case(
        "mover_locks mover_looks booker_claims mover_moves booker_commits mover_commits",
        book={"mover": 0, "booker": 60, "other": 120},
        waited=["mover_moves"],
        refused={"mover_moves": TAKEN},
    ),
    "a booking was faster, and is given up": Case(
        "mover_locks mover_looks booker_claims mover_moves booker_gives_up mover_commits",
        book={"mover": 60, "other": 120},
        waited=["mover_moves"],
    ),
    "two moves to one time come one after the other": Case(
        "mover_locks other_locks mover_looks mover_moves mover_commits other_looks other_gives_up",
        book={"mover": 60, "other": 120},
        waited=["other_locks"],
        rows={"mover_looks": 0, "other_looks": 1},
    ),
    "the second of two moves goes on when the first is given up": Case(
        "mover_locks other_locks mover_looks mover_moves mover_gives_up other_looks other_moves other_commits",
        book={"mover": 0, "other": 75},
        waited=["other_locks"],
        rows={"other_looks": 0},
    ),
    "into one's own time": Case(
        "shifter_locks shifter_looks shifter_moves shifter_commits",
        book={"mover": 15, "other": 120},
        rows={"shifter_looks": 0},
    ),
    "two changes of one visit come one after the other": Case(
        "mover_locks shifter_locks mover_moves mover_commits shifter_gives_up",
        book={"mover": 60, "other": 120},
        waited=["shifter_locks"],
    ),
}


@pytest.mark.parametrize("case", MOVES.values(), ids=MOVES)
def test_moves(play: Play, rows: Rows, statements: Statements, case: Case) -> None:
    visit, other = rows.visit(0, patient=0), rows.visit(120, patient=1)
    statements.made |= {visit: "mover", other: "other"}
    moves = {"mover": (visit, 0, 60), "shifter": (visit, 0, 15), "other": (other, 1, 75)}
    steps = statements.book("taker") | statements.book("booker")
    for who, (moved, patient, minutes) in moves.items():
        steps |= {
            f"{who}_locks": statements.locks(moved, rows.patients[patient]),
            f"{who}_looks": statements.look(moved, rows.patients[patient], minutes),
            f"{who}_moves": statements.move(moved, minutes),
        }
    play("move", statements, steps, case)


ARRIVALS = {
    "whoever books the time waits, and is refused": Case(
        "late_locks late_arrives booker_claims late_commits booker_commits",
        book={"late": 0},
        waited=["booker_claims"],
        rows={"booker_claims": 0},
    ),
    "whoever books the time has it when the arrival is given up": Case(
        "late_locks late_arrives booker_claims late_gives_up booker_commits",
        book={"booker": 0},
        waited=["booker_claims"],
        rows={"booker_claims": 1},
    ),
    "a booking was faster: the arrival waits, and is refused": Case(
        "booker_claims late_locks late_arrives booker_commits late_commits",
        book={"booker": 0},
        waited=["late_arrives"],
        refused={"late_arrives": TAKEN},
    ),
    "a booking was faster, and is given up": Case(
        "booker_claims late_locks late_arrives booker_gives_up late_commits",
        book={"late": 0},
        waited=["late_arrives"],
    ),
    "of two arrivals the second is refused": Case(
        "late_locks later_locks late_arrives late_commits later_arrives later_commits",
        book={"late": 0},
        waited=["later_locks"],
        refused={"later_arrives": TAKEN},
    ),
    "of two arrivals the second stays when the first is given up": Case(
        "late_locks later_locks late_arrives late_gives_up later_arrives later_commits",
        book={"later": 15},
        waited=["later_locks"],
    ),
}


@pytest.mark.parametrize("case", ARRIVALS.values(), ids=ARRIVALS)
def test_arrivals(play: Play, rows: Rows, statements: Statements, case: Case) -> None:
    absent = {"status": "no_show", "origin": "imported"}
    late, later = rows.visit(0, patient=0, **absent), rows.visit(15, patient=1, **absent)
    statements.made |= {late: "late", later: "later"}
    steps = {"booker_claims": statements.claim("booker", 0)}
    for who, visit, patient in (("late", late, 0), ("later", later, 1)):
        steps |= {
            f"{who}_locks": statements.locks(visit, rows.patients[patient]),
            f"{who}_arrives": statements.arrive(visit),
        }
    play("arrive", statements, steps, case)
