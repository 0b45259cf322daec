"""From a cancellation to the mail, the link in it, and the next mail: service, worker and mail server as they are."""

from collections.abc import Iterator
from itertools import count
from uuid import UUID

import httpx
import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.conftest import copy_database, drop_database
from tests.make import Make
from tests.notifications.posting import link_in, until, working
from tests.notifications.sink import Sink
from tests.service import Service
from tests.waitlist.conftest import World, world_of

pytestmark = pytest.mark.postgres("18")

OFFER = {"en": "A time is free for you", "es": "Hay una hora libre para usted"}
BOOKED = {"en": "Your appointment", "es": "Su cita"}
CHANGED = "Your appointment has changed"

_numbers = count(1)


class Post:
    """A world whose patients hear by mail what the worker sends them."""

    def __init__(self, world: World, sink: Sink) -> None:
        self.world, self.sink, self._number = world, sink, next(_numbers)
        self.guest = world.service.client()
        self.guest.base_url = httpx.URL(world.service.url)

    def someone(self, name: str, language: str) -> tuple[UUID, httpx.Client]:
        patient, me = self.world.someone()
        change = "UPDATE patient SET email = %s, language = %s WHERE id = %s"
        self.world.make.conn.execute(change, (self._address(name), language, patient))
        return patient, me

    def _address(self, name: str) -> str:
        return f"{name}-{self._number}@post.test"

    def subjects(self, name: str) -> list[str]:
        """Of what has come for somebody, up to the time that it names."""
        mine = [mail for mail in self.sink.messages if mail["To"] == self._address(name)]
        return [str(mail["Subject"]).partition(":")[0] for mail in mine]

    def link(self, name: str) -> str:
        """In the last message that has come for somebody."""
        return link_in([mail for mail in self.sink.messages if mail["To"] == self._address(name)][-1])

    def quiet(self) -> bool:
        """Whether every event was heard by all, and every message has left or never will."""
        row = self.world.make.conn.execute(
            "SELECT (SELECT count(*) FROM outbox WHERE position IS NULL)"
            " + (SELECT count(*) FROM event_cursor c JOIN event_cursor o ON o.reader = 'outbox'"
            "    WHERE c.reader <> 'outbox' AND c.position < o.position)"
            " + (SELECT count(*) FROM notification WHERE status IN ('pending', 'sending'))"
        ).fetchone()
        return row == (0,)


@pytest.fixture(scope="module")
def mailed(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Sink]]:
    dsn, folder = copy_database(postgres), tmp_path_factory.mktemp("mailed")
    sink, service = Sink(), Service(dsn, folder, workers=1)
    sink.open()
    service.start()
    try:
        with working(service, sink, folder):
            yield service, sink
    finally:
        service.stop()
        sink.close()
        drop_database(postgres, dsn)


@pytest.fixture
def post(mailed: tuple[Service, Sink]) -> Iterator[Post]:
    """A world and people of the test's own, with one worker and one mail server for all."""
    service, sink = mailed
    with psycopg.connect(service.dsn, autocommit=True, options="-c timezone=UTC") as conn:
        yield Post(world_of(service, Make(conn)), sink)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_cancellation_a_mail_a_link_a_booking(post: Post, language: str) -> None:
    world = post.world
    visits = world.fill_day()
    (_, first), (patient, second) = (post.someone(name, language) for name in ("first", "second"))
    world.wait(first)
    entry = world.wait(second)
    world.cancel(visits[1])
    until(lambda: post.subjects("first") == [OFFER[language]])
    assert post.subjects("second") == []
    page = {"Accept": "text/html"}
    assert post.guest.post(post.link("first") + "/decline", headers=page, follow_redirects=True).status_code == 200
    until(lambda: post.subjects("second") == [OFFER[language]])
    link = post.link("second")
    assert post.guest.post(f"{link}/accept").json()["status"] == "scheduled"
    assert world.entry(second, entry)["status"] == "booked"
    until(lambda: len(post.subjects("second")) == 2)
    until(post.quiet)
    assert post.subjects("first") == [OFFER[language]]
    assert post.subjects("second") == [OFFER[language], BOOKED[language]]
    assert post.link("second") == link
    row = world.make.conn.execute(
        "SELECT patient_id, status FROM appointment WHERE provider_id = %s AND start_at = %s AND status = 'scheduled'",
        (world.provider, world.at(9.5)),
    ).fetchall()
    assert row == [(patient, "scheduled")]
    assert set(post.sink.ids.values()) == {1}


def test_of_a_visit_that_is_moved_the_change_is_told_and_nothing_else(post: Post) -> None:
    world = post.world
    patient, me = post.someone("mover", "en")
    visits = [world.book(9 + n / 2) for n in range(3)]
    later = world.book(10.5, patient)
    until(lambda: post.subjects("mover") == [BOOKED["en"]])
    world.wait(me, appointment_id=later)
    world.cancel(visits[0])
    until(lambda: len(post.subjects("mover")) == 2)
    offered = post.link("mover")
    assert post.guest.post(f"{offered}/accept").status_code == 200
    until(lambda: len(post.subjects("mover")) == 3)
    until(post.quiet)
    assert post.subjects("mover") == [BOOKED["en"], OFFER["en"], CHANGED]
    own, by_offer = (post.guest.get(link).json() for link in (post.link("mover"), offered))
    assert own == by_offer
    assert own["start"] == world.at(9).isoformat()


def test_who_takes_what_comes_is_told_that_it_is_booked(post: Post) -> None:
    world = post.world
    visits = world.fill_day()
    _, me = post.someone("taker", "en")
    entry = world.wait(me, auto_book=True)
    world.cancel(visits[2])
    until(lambda: post.subjects("taker") != [])
    until(post.quiet)
    assert post.subjects("taker") == [BOOKED["en"]]
    assert world.entry(me, entry)["status"] == "booked"
