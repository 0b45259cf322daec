"""Everything at once at the same few slots, drawn from a seed: only documented answers, and a sound book after it."""

import random

import pytest

from tests.concurrency.book import Ask, Scene, slugs, statuses
from tests.concurrency.conftest import MakeScene

STARTS = (0, 15, 30, 60, 75, 90)
REASON = "the day is full"
ROUNDS, MOST_ROUNDS = 12, 60
"""So many, and more until each of `KINDS` was carried out: of a cancellation there are five in twelve rounds."""

KINDS = {"PATCH", "POST appointments", "POST holds", "POST cancel", "POST no-show", "POST check-in"}


def _hold(book: Scene, draw: random.Random) -> Ask:
    body = book.time(30 * draw.randrange(2), draw.randrange(2)) | {"patient_id": str(draw.choice(book.patients))}
    return Ask(path="/holds", body=body)


def _booking(book: Scene, draw: random.Random) -> Ask:
    patient = draw.randrange(len(book.patients))
    return book.booking(draw.choice(STARTS), draw.randrange(2), patient, override_reason=REASON)


def _on_one(book: Scene, draw: random.Random) -> Ask:
    """A request about something that is in the book, live or not."""
    rows = book.make.conn.execute(
        "SELECT id, status, patient_id, lower(during) FROM appointment WHERE clinic_id = %s ORDER BY id", (book.clinic,)
    ).fetchall()
    if not rows:
        return _booking(book, draw)
    id_, status, patient_id, start = draw.choice(rows[-24:])
    if status == "held":
        if draw.random() < 0.3:
            return Ask(method="DELETE", path=f"/holds/{id_}")
        return Ask(path="/appointments", body={"hold_id": str(id_), "patient_id": str(patient_id)})
    if status == "no_show" or draw.random() < 0.2:
        return Ask(path=f"/appointments/{id_}/check-in")
    if draw.random() < 0.2:
        return book.resize(id_, start, draw.choice((15, 30, 45, 60)), override_reason=REASON)
    if draw.random() < 0.4:
        return book.move(id_, draw.choice(STARTS), draw.randrange(2), override_reason=REASON)
    return Ask(path=f"/appointments/{id_}/{draw.choice(('cancel', 'no-show', 'no-show', 'confirm'))}")


def test_everything_at_once_with_two_rooms(scene: MakeScene) -> None:
    _everything_at_once(scene, rooms=2)


@pytest.mark.postgres("18")
def test_everything_at_once(scene: MakeScene) -> None:
    _everything_at_once(scene, rooms=0)


def _everything_at_once(scene: MakeScene, rooms: int) -> None:
    """Rounds of 24 requests, drawn from what the round before left behind."""
    book = scene(providers=2, patients=4, rooms=rooms, slot_step_min=15)
    draw = random.Random(20_260 + rooms)
    seen: dict[str, int] = {}
    for round_ in range(MOST_ROUNDS):
        if round_ >= ROUNDS and set(seen) >= KINDS:
            break
        asks = [draw.choice((_booking, _hold, _on_one, _on_one, _on_one))(book, draw) for _ in range(24)]
        answers = book.race(asks)
        assert set(statuses(answers)) <= {200, 201, 204, 409}, [a.text for a in answers if a.status_code > 409]
        assert slugs(answers) <= {"slot-taken", "status-step", "hold-gone"}
        for ask, answer in zip(asks, answers, strict=True):
            if answer.status_code < 300:
                kind = f"{ask.method} {ask.path.rsplit('/', 1)[-1] if ask.method == 'POST' else ''}".strip()
                seen[kind] = seen.get(kind, 0) + 1
    # The mixture is one: each kind of change was carried out at least once.
    assert set(seen) >= KINDS, seen


def test_late_arrivals_against_new_bookings(scene: MakeScene) -> None:
    """A no-show's time goes to whoever is first: the late patient who checks in, or one of the rivals who book it."""
    book = scene(patients=10)
    for round_ in range(8):
        mine = book.booked(30 * round_, patient=0)
        assert book.ask(Ask(path=f"/appointments/{mine}/no-show")).status_code == 200
        rivals = [book.booking(30 * round_, patient=1 + n) for n in range(5)]
        late = [Ask(path=f"/appointments/{mine}/check-in") for _ in range(3)]
        answers = book.race(late + rivals if round_ % 2 else rivals[:1] + late + rivals[1:])
        won = [a for a in answers if a.status_code < 300]
        assert len(won) == 1, statuses(answers)
        assert statuses(answers)[409] == 7
        assert len(book.live()) == round_ + 1
