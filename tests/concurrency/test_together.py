"""Bookings that arrive together share a transaction, and each is judged alone (ADR-0015)."""

from tests.concurrency.book import Ask, Scene, statuses
from tests.concurrency.conftest import MakeScene

SLOTS = 60


def ordinary(book: Scene, n: int) -> Ask:
    """A booking of patient `n`; of 60, no two are for the same time of a provider."""
    return book.booking(30 * (n % 15), provider=n // 15, patient=n, key=f"key-{n}" if n % 2 else None)


def test_many_at_once_share_transactions_and_each_has_its_own_trail(scene: MakeScene) -> None:
    book = scene(providers=4, patients=SLOTS)
    answers = book.race([ordinary(book, n) for n in range(SLOTS)])
    assert statuses(answers) == {201: SLOTS}
    rows = book.make.conn.execute(
        "SELECT count(*), count(DISTINCT a.xmin::text), count(DISTINCT a.request_id), count(DISTINCT o.id),"
        " count(DISTINCT h.appointment_id), count(DISTINCT e.id)"
        " FROM appointment a"
        " JOIN outbox o ON o.request_id = a.request_id AND (o.payload ->> 'appointment_id')::uuid = a.id"
        " JOIN appointment_history h ON h.appointment_id = a.id AND h.request_id = a.request_id"
        " JOIN audit_entry e ON e.row_id = a.id::text AND e.request_id = a.request_id"
        " WHERE a.clinic_id = %s",
        [book.clinic],
    ).fetchone()
    assert rows is not None
    appointments, transactions, *each = rows
    assert appointments == SLOTS
    assert transactions < SLOTS
    assert each == [SLOTS] * 4


def test_one_bad_booking_spoils_nobody_elses(scene: MakeScene) -> None:
    """Among good ones: a time outside of hours, an unknown patient, a taken slot, a busy patient, off the grid."""
    book = scene(providers=4, patients=SLOTS)
    assert statuses(book.race([ordinary(book, n) for n in range(30)])) == {201: 30}
    bad = [
        book.booking(-600, patient=50),
        book.booking(0, provider=3, patient_id=str(book.providers[0])),
        book.booking(0, patient=51),
        book.booking(0, provider=3, patient=0),
        book.booking(7, provider=3, patient=52),
    ]
    good = [ordinary(book, n) for n in range(30, 45)]
    answers = book.race([*good[:7], *bad, *good[7:]])
    assert [answer.status_code for answer in answers[7:12]] == [422, 404, 409, 409, 422]
    assert statuses([*answers[:7], *answers[12:]]) == {201: 15}
    assert len(book.live()) == 45


def test_repeated_keys_among_many(scene: MakeScene) -> None:
    """Each request is sent three times at once under its key: one effect, and three times the same answer."""
    book = scene(providers=4, patients=SLOTS)
    keyed = [ordinary(book, n) for n in range(1, 40, 2)]
    answers = book.race(keyed * 3)
    assert statuses(answers) == {201: 60}
    assert len({answer.json()["id"] for answer in answers}) == len(book.live()) == 20
    # Once cancelled, the time is free; the key still tells the old answer, and books nothing.
    book.ask(Ask(path=f"/appointments/{answers[0].json()['id']}/cancel", body={}))
    again = book.ask(keyed[0])
    assert again.json() == answers[0].json()
    assert len(book.live()) == 19


def test_a_refused_request_leaves_its_key_unused(scene: MakeScene) -> None:
    book = scene(patients=2)
    taken = book.booked(0)
    assert book.ask(book.booking(0, patient=1, key="k")).status_code == 409
    book.ask(Ask(path=f"/appointments/{taken}/cancel", body={}))
    assert book.ask(book.booking(0, patient=1, key="k")).status_code == 201
