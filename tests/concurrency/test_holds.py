"""Holds: they block like bookings, one rival takes one, and one whose time is over stops nobody."""

from collections.abc import Iterator

import pytest

from frontdesk import ids
from tests.concurrency.book import Ask, Scene, slugs, statuses
from tests.concurrency.conftest import MakeScene
from tests.make import Make

CAP = 3
"""Settings.holds_per_client, as the service under test runs it."""


@pytest.fixture
def no_anonymous_holds(make: Make) -> Iterator[None]:
    """All anonymous callers of these tests have one address, so what one test holds counts against the next."""
    drop = (
        "UPDATE appointment SET status = 'cancelled', changed_by = %s, request_id = %s"
        " WHERE status = 'held' AND hold_client LIKE 'address:%%'"
    )
    make.conn.execute(drop, (ids.SYSTEM, ids.SYSTEM))
    yield
    make.conn.execute(drop, (ids.SYSTEM, ids.SYSTEM))


def _history(book: Scene, hold_id: str) -> list[str]:
    rows = book.make.conn.execute(
        "SELECT to_status FROM appointment_history WHERE appointment_id = %s ORDER BY version", (hold_id,)
    )
    return [status for (status,) in rows]


def _hold(book: Scene, minutes: int, provider: int = 0, **more: object) -> str:
    answer = book.ask(Ask(path="/holds", body=book.time(minutes, provider) | more))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _overdue(book: Scene, hold_id: str) -> None:
    book.make.conn.execute(
        "UPDATE appointment SET hold_expires_at = now() - interval '1 second', changed_by = %s, request_id = %s"
        " WHERE id = %s",
        (ids.SYSTEM, ids.SYSTEM, hold_id),
    )


def test_rivals_hold_one_slot(scene: MakeScene) -> None:
    book = scene(patients=10)
    holds = [Ask(path="/holds", body=book.time(0)) for _ in range(10)]
    answers = book.race([*holds, *(book.booking(0, patient=n) for n in range(10))])
    assert statuses(answers) == {201: 1, 409: 19}
    assert slugs(answers) == {"slot-taken"}


def test_rivals_confirm_one_hold(scene: MakeScene) -> None:
    """One booking, whoever sends it; the others hear that the hold is gone, or that the slot is."""
    book = scene(patients=20)
    for round_ in range(4):
        hold_id = _hold(book, 30 * round_)
        confirm = [Ask(path="/appointments", body={"hold_id": hold_id, "patient_id": str(p)}) for p in book.patients]
        beside = [book.booking(30 * round_, patient=n) for n in range(5)]
        answers = book.race(confirm + beside)
        assert statuses(answers) == {201: 1, 409: 24}
        assert slugs(answers) == {"hold-gone", "slot-taken"}
        assert _history(book, hold_id) == ["held", "scheduled"]


def test_confirming_against_dropping(scene: MakeScene) -> None:
    book = scene()
    for round_ in range(6):
        hold_id = _hold(book, 30 * round_)
        take = Ask(path="/appointments", body={"hold_id": hold_id, "patient_id": str(book.patients[0])})
        drop = Ask(method="DELETE", path=f"/holds/{hold_id}")
        answers = book.race([take, drop] * 4)
        assert statuses(answers) in ({201: 1, 409: 7}, {204: 1, 409: 7})
        assert _history(book, hold_id) in (["held", "scheduled"], ["held", "cancelled"])


def test_one_patient_confirms_two_holds_at_one_time(scene: MakeScene) -> None:
    """The patient is named only at the booking: there the second hold is refused, as the patient is busy."""
    book = scene(providers=2)
    for round_ in range(6):
        held = [_hold(book, 30 * round_, provider) for provider in range(2)]
        patient = str(book.patients[0])
        answers = book.race([Ask(path="/appointments", body={"hold_id": h, "patient_id": patient}) for h in held])
        assert statuses(answers) == {201: 1, 409: 1}
        assert slugs(answers) == {"slot-taken"}


def test_50_rivals_book_over_an_overdue_hold(scene: MakeScene) -> None:
    book = scene(patients=50)
    for round_ in range(2):
        hold_id = _hold(book, 30 * round_)
        _overdue(book, hold_id)
        answers = book.race([book.booking(30 * round_, patient=n) for n in range(50)])
        assert statuses(answers) == {201: 1, 409: 49}
        assert _history(book, hold_id) == ["held", "expired"]


def test_overdue_holds_of_provider_patient_and_room(scene: MakeScene) -> None:
    """Three overdue holds stand in the way, each in another manner; moves and bookings go over them all."""
    book = scene(providers=3, patients=2, rooms=1)
    for round_ in range(3):
        start = 60 * round_
        patient = str(book.patients[0])
        holds = [_hold(book, start, 0)]
        _overdue(book, holds[0])
        # The room is free again once the first is overdue, and so on.
        holds.append(_hold(book, start, 1, patient_id=patient))
        _overdue(book, holds[1])
        holds.append(_hold(book, start, 2))
        _overdue(book, holds[2])
        mover = book.booked(30 + 60 * round_, 1, 0)
        answers = book.race(
            [
                book.booking(start, 0, 0),
                book.booking(start, 1, 1),
                book.move(mover, start, 1),
                book.move(mover, start, 2),
            ]
        )
        assert len([a for a in answers if a.status_code < 300]) >= 1
        assert set(statuses(answers)) <= {200, 201, 409}
        assert len([row for row in book.live("lower(during)") if row == (book.at(start),)]) == 1


def test_a_late_arrival_over_an_overdue_hold(scene: MakeScene) -> None:
    """The time is free: the hold that somebody let lapse does not keep the patient from being checked in."""
    book = scene()
    mine = book.booked(0)
    assert book.ask(Ask(path=f"/appointments/{mine}/no-show")).status_code == 200
    hold_id = _hold(book, 0)
    assert book.ask(Ask(path=f"/appointments/{mine}/check-in")).status_code == 409
    _overdue(book, hold_id)
    answers = book.race([Ask(path=f"/appointments/{mine}/check-in") for _ in range(5)])
    assert statuses(answers) == {200: 1, 409: 4}
    assert _history(book, hold_id) == ["held", "expired"]


@pytest.mark.usefixtures("no_anonymous_holds")
def test_the_cap_of_a_client_is_never_overshot(scene: MakeScene) -> None:
    book = scene()
    asks = [Ask(path="/holds", body=book.time(30 * (n % 16)), token="") for n in range(20)]
    answers = book.race(asks)
    counted = statuses(answers)
    assert counted[201] == CAP
    assert set(counted) <= {201, 409, 429}
    assert slugs(answers) <= {"too-many-holds", "slot-taken"}
    assert len(book.live()) == CAP
    # One that is overdue no longer counts, nor does one that was dropped.
    tomorrow = 24 * 60
    made = [a.json() for a in answers if a.status_code == 201]
    _overdue(book, made[0]["id"])
    more = [Ask(path="/holds", body=book.time(tomorrow + 30 * n), token="") for n in range(3)]
    assert statuses(book.race(more)) == {201: 1, 429: 2}
    drop = Ask(method="DELETE", path=f"/holds/{made[1]['id']}", token="", headers={"X-Hold-Token": made[1]["token"]})
    assert book.ask(drop).status_code == 204
    more = [Ask(path="/holds", body=book.time(tomorrow + 120 + 30 * n), token="") for n in range(3)]
    assert statuses(book.race(more)) == {201: 1, 429: 2}


@pytest.mark.usefixtures("no_anonymous_holds")
@pytest.mark.postgres("18")
def test_only_the_token_opens_an_anonymous_hold(scene: MakeScene) -> None:
    """Not its id, not a wrong token, not the same address; with the token exactly one of many."""
    book = scene(patients=8)
    made = book.ask(Ask(path="/holds", body=book.time(0), token="")).json()
    users = [book.make.token("patient", patient_id=patient) for patient in book.patients]
    bodies = [{"hold_id": made["id"]}, {"hold_id": made["id"], "hold_token": "x" * 43}]
    wrong = [Ask(path="/appointments", body=body, token=user) for user in users for body in bodies]
    wrong.append(Ask(method="DELETE", path=f"/holds/{made['id']}", token=""))
    wrong.append(Ask(method="DELETE", path=f"/holds/{made['id']}", token="", headers={"X-Hold-Token": "x" * 43}))
    assert statuses(book.race(wrong)) == {404: len(wrong)}
    right = {"hold_id": made["id"], "hold_token": made["token"]}
    answers = book.race([Ask(path="/appointments", body=right, token=user) for user in users])
    assert statuses(answers) == {201: 1, 409: 7}
    assert slugs(answers) == {"hold-gone"}
