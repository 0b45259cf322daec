"""Admins see what was laid aside and have it handled again; nobody else does, and nobody reads what it says."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from frontdesk import db as connections
from frontdesk import ids
from frontdesk.db import SERVICE_ROLE
from frontdesk.envelope import Envelope
from frontdesk.events import handling
from frontdesk.events.handling import Handler
from frontdesk.events.replaying import Replay
from frontdesk.ops.figures import told
from tests.canaries import WORD
from tests.events.world import Hearer, heard, settings
from tests.make import Make

Service = psycopg.Connection[dict[str, object]]


@pytest.fixture
def service(database: str, db: psycopg.Connection) -> Iterator[Service]:
    """A connection as the service has it."""
    Hearer.prepare(db)
    role = f"-c role={SERVICE_ROLE}"
    with psycopg.connect(database, autocommit=True, options=role, row_factory=dict_row) as conn:
        yield conn


def enter_as(service: Service, make: Make, role: str) -> UUID:
    """Have the connection work for somebody with this role; who that is."""
    link = {"patient": {"patient_id": make.patient()}, "provider": {"provider_id": make.provider()}}.get(role, {})
    user = make.row("user_account", email=f"{uuid4()}@example.test", password_hash="none", role=role, **link)
    until = datetime.now(UTC) + timedelta(hours=1)
    login = make.row("login_session", user_id=user, refresh_hash=ids.new_id().bytes, expires_at=until)
    assert service.execute("SELECT enter(%s, %s) AS alive", (login, ids.new_id())).fetchone() == {"alive": True}
    return user


def lay_aside(database: str, *words: str, handler: str = "hearer") -> list[UUID]:
    """Events that say these words, which the handler could not take."""
    said: dict[str, Any] = {"topic": "tests.said.v1", "key": "k", "occurred_at": datetime.now(UTC)}
    events = [Envelope(position=n, event_id=ids.new_id(), payload={"word": w}, **said) for n, w in enumerate(words)]

    async def bury() -> None:
        async with await connections.connect(settings(database), database) as conn:
            for event in events:
                await handling.bury(conn, handler, event, "ValueError at world.py:1", handling.ATTEMPTS)

    asyncio.run(bury())
    return [event.event_id for event in events]


def seen(service: Service) -> list[object]:
    return [row["event_id"] for row in service.execute(handling.q.laid_aside, {"most": 10})]


def ask(service: Service, handler: str, event: UUID | None = None) -> object:
    row = service.execute(handling.q.ask_again, {"handler": handler, "event_id": event}).fetchone()
    assert row is not None
    return row["count"]


def work(database: str, handlers: Sequence[Handler]) -> int:
    """One round of the worker."""

    async def round_() -> int:
        async with await connections.connect(settings(database), database) as conn:
            return await Replay(handlers)(conn)

    return asyncio.run(round_())


def test_only_admins_see_and_ask(database: str, db: psycopg.Connection, service: Service) -> None:
    [event] = lay_aside(database, f"bad {WORD}")
    service.execute("SELECT enter(NULL, NULL)")
    assert (seen(service), ask(service, "hearer")) == ([], 0)
    for role in ("patient", "provider", "staff"):
        enter_as(service, Make(db), role)
        assert (seen(service), ask(service, "hearer")) == ([], 0), role
    for statement in ("SELECT FROM dead_event", "UPDATE dead_event SET asked_at = NULL", "DELETE FROM dead_event"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute(statement)  # type: ignore[call-overload]
    assert work(database, [Hearer()]) == 0, "nobody who may has asked"
    admin = enter_as(service, Make(db), "admin")
    rows = service.execute(handling.q.laid_aside, {"most": 10}).fetchall()
    assert [(row["event_id"], row["topic"], row["asked_at"]) for row in rows] == [(event, "tests.said.v1", None)]
    assert WORD not in str(rows)
    assert ask(service, "hearer") == 1
    assert db.execute("SELECT asked_by FROM dead_event").fetchall() == [(admin,)]


def test_one_is_handled_again_then_all(database: str, db: psycopg.Connection, service: Service) -> None:
    enter_as(service, Make(db), "admin")
    first, second, third = lay_aside(database, "first", "second", "third")
    [elsewhere] = lay_aside(database, "elsewhere", handler="other")
    handlers = [Hearer(), Hearer("other")]
    assert ask(service, "hearer", second) == 1
    assert ask(service, "hearer", elsewhere) == 0, "it was not laid aside for that one"
    assert work(database, handlers) == 1
    assert heard(db) == ["second"]
    assert seen(service) == [first, third, elsewhere]
    assert ask(service, "hearer", second) == 0, "it is not there any more"
    assert ask(service, "hearer") == 2
    assert work(database, handlers) == 2
    assert heard(db) == ["second", "first", "third"]
    assert (heard(db, "other"), seen(service)) == ([], [elsewhere])
    assert work(database, handlers) == 0


def test_what_fails_again_stays_with_the_newest_reason_and_stops_no_other(
    database: str, db: psycopg.Connection, service: Service
) -> None:
    enter_as(service, Make(db), "admin")
    bad, _ = lay_aside(database, f"bad {WORD}", "good")
    [lost] = lay_aside(database, "lost", handler="gone")
    assert (ask(service, "hearer"), ask(service, "gone")) == (2, 1)
    assert work(database, [Hearer()]) == 3
    assert heard(db) == ["good"], "and nothing of what the other had begun"
    stay = {row["event_id"]: row for row in service.execute(handling.q.laid_aside, {"most": 10})}
    assert set(stay) == {bad, lost}
    assert [stay[bad][name] for name in ("attempts", "asked_at")] == [handling.ATTEMPTS + 1, None]
    assert str(stay[bad]["reason"]).startswith("ValueError at world.py:")
    assert stay[bad]["reason"] != "ValueError at world.py:1"
    assert stay[lost]["reason"] == "there is no such handler any more"
    assert WORD not in str(stay)
    assert work(database, [Hearer()]) == 0, "it was asked for once"


def test_an_event_that_was_handled_meanwhile_has_no_second_effect(
    database: str, db: psycopg.Connection, service: Service
) -> None:
    enter_as(service, Make(db), "admin")
    [event] = lay_aside(database, "once")
    db.execute("INSERT INTO handled_event (handler, event_id) VALUES ('hearer', %s)", [event])
    assert ask(service, "hearer", event) == 1
    assert work(database, [Hearer()]) == 1
    assert (heard(db), seen(service)) == ([], [])


def test_offers_of_a_sick_day_are_counted_apart(database: str, db: psycopg.Connection) -> None:
    make = Make(db)
    clinic, provider, kind, at = make.clinic(), make.provider(), make.visit_type(), datetime.now(UTC)
    away = make.exception(provider, at, at + timedelta(days=1))
    for number, displaced in enumerate((None, away)):
        patient = make.patient()
        visit = make.appointment(provider, clinic, kind, at + timedelta(days=1 + number), patient_id=patient)
        hold = make.appointment(provider, clinic, kind, at + timedelta(days=4 + number), patient_id=patient)
        wish = {"provider_id": provider, "visit_type_id": kind, "urgency": "normal", "exception_id": displaced}
        entry = make.row("waitlist_entry", patient_id=patient, appointment_id=visit, **wish)
        make.row("waitlist_offer", entry_id=entry, appointment_id=hold, freed_at=at, expires_at=at + timedelta(hours=1))

    async def figures() -> list[dict[str, object]]:
        async with await connections.connect(settings(database), database) as conn:
            return await told(conn)

    counted = {row["figure"]: (row["labels"], row["value"]) for row in asyncio.run(figures())}
    assert counted["waitlist_offers_day"] == ({"status": "standing"}, 1)
    assert counted["sick_day_offers_day"] == ({"status": "standing"}, 1)
