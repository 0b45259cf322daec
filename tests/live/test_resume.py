"""Whoever comes back with the last id hears what came since, exactly; or is told to read anew."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.conftest import copy_database, drop_database
from tests.live.world import Event, Place, Watch, Watcher, minute, relay, watching, write
from tests.service import Service

pytestmark = pytest.mark.postgres("18")


def taken(events: list[Event]) -> list[str]:
    return [event.data["times"][0]["start"] for event in events]


@pytest.fixture(scope="module")
def own(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service to kill; whoever does starts it again."""
    running = Service(copy_database(postgres), tmp_path_factory.mktemp("own"), workers=2)
    running.start()
    with relay(running.dsn):
        yield running
    running.stop()
    drop_database(postgres, running.dsn)


def test_over_a_dropped_connection(place: Place, watch: Watch) -> None:
    first = watch(f"provider_id={place.provider}")
    place.book(0)
    first.heard(1)
    first.close()
    place.book(1)
    place.book(2)
    again = watch(f"provider_id={place.provider}", after=first.last_id)
    again.heard(2)
    place.book(3)
    assert taken(first.events + again.heard(3)) == [place.at(n) for n in range(4)]
    by_query = watch(f"provider_id={place.provider}&last_event_id={first.last_id}")
    assert by_query.heard(3) == again.events


def test_a_stream_on_which_nothing_came_goes_on_where_it_began(place: Place, watch: Watch) -> None:
    busy = watch(f"provider_id={place.colleague}")
    place.book(0, provider=place.colleague, patient=place.make.patient())
    busy.heard(1)
    first = watch(f"provider_id={place.provider}")
    first.close()
    assert first.last_id
    place.book(0)
    assert taken(watch(f"provider_id={place.provider}", after=first.last_id).heard(1)) == [place.at(0)]


def test_over_a_server_killed_with_both_its_workers(own: Service) -> None:
    """Twelve watchers, who find themselves with either worker, before and after."""
    with psycopg.connect(own.dsn, autocommit=True) as conn, watching(own) as watch:
        provider, clinic = UUID(int=1), UUID(int=2)
        query = f"provider_id={provider}"
        before = [watch(query) for _ in range(12)]
        write(conn, provider, clinic, count=30)
        for watcher in before[:6]:  # the others may be anywhere in between
            watcher.heard(30)
        own.kill()
        for watcher in before:
            watcher.until(watcher.over.is_set)
        write(conn, provider, clinic, count=30, first=30)
        own.start()
        after = [watch(query, after=watcher.last_id) for watcher in before]
        write(conn, provider, clinic, count=30, first=60)
        for one, other in zip(before, after, strict=True):
            other.heard(90 - len(one.events))
            numbers = [event.data["times"][0]["start"] for event in one.events + other.events]
            assert numbers == [minute(number) for number in range(90)]
            assert {event.name for event in one.events + other.events} == {"change"}


def test_what_is_no_longer_kept_is_to_be_read_anew(own: Service) -> None:
    with psycopg.connect(own.dsn, autocommit=True) as conn, watching(own) as watch:
        provider, clinic = UUID(int=1), UUID(int=2)
        query = f"provider_id={provider}"
        first = watch(query)
        write(conn, provider, clinic, count=20)
        first.heard(20)
        own.kill()
        conn.execute("DELETE FROM outbox WHERE position <= %s", (first.events[9].id,))
        own.start()
        told = watch(query, after=first.events[9].id)
        assert told.heard(10) == first.events[10:]
        missed = watch(query, after=first.events[8].id)
        assert missed.heard(1) == [Event(first.last_id, "reset", {})]
        write(conn, provider, clinic, count=1, first=20)
        assert [event.name for event in missed.heard(2)] == ["reset", "change"]


def test_a_number_that_was_never_given_is_to_be_read_anew(place: Place, watch: Watch) -> None:
    watcher = watch(f"provider_id={place.provider}", after=10**12)
    assert [event.name for event in watcher.heard(1)] == ["reset"]
    place.book(0)
    assert [event.name for event in watcher.heard(2)] == ["reset", "change"]


def test_a_gap_in_the_numbers_is_to_be_read_anew(own: Service) -> None:
    """As when a process was without its database for longer than events are kept."""
    with psycopg.connect(own.dsn, autocommit=True) as conn, watching(own) as watch:
        provider, clinic = UUID(int=1), UUID(int=2)
        watcher: Watcher = watch(f"provider_id={provider}")
        write(conn, provider, clinic, count=1)
        watcher.heard(1)
        conn.execute("UPDATE event_cursor SET position = position + 5 WHERE reader = 'outbox'")
        write(conn, provider, clinic, count=2, first=1)
        assert [event.name for event in watcher.heard(3)] == ["change", "reset", "change"]


def test_over_a_lost_connection_to_the_database(place: Place, watch: Watch) -> None:
    watcher = watch(f"provider_id={place.provider}")
    place.book(0)
    watcher.heard(1)
    there = "FROM pg_stat_activity WHERE application_name = 'frontdesk live' AND datname = current_database()"

    def count() -> tuple[int] | None:
        return place.make.conn.execute(f"SELECT count(*) {there}").fetchone()

    watcher.until(lambda: count() == (2,))  # one for each server worker
    place.make.conn.execute(f"SELECT pg_terminate_backend(pid) {there}")
    place.book(1)
    place.book(2)
    assert taken(watcher.heard(3)) == [place.at(n) for n in range(3)]
    assert [event.name for event in watcher.events] == ["change"] * 3


def test_a_sign_of_life_carries_the_newest_number(place: Place, watch: Watch) -> None:
    """Or whoever watches what seldom changes would be told to read anew whenever they come back."""
    quiet = watch(f"clinic_id={place.elsewhere}")
    busy = watch(f"provider_id={place.provider}")
    place.book(0)
    busy.heard(1)
    quiet.until(lambda: quiet.last_id >= busy.last_id)
    assert quiet.events == []
    assert "\n:\nid: " in quiet.text
