"""The transactional outbox: an event is stored with the change it speaks of, or neither is."""

from collections.abc import Iterable
from typing import ClassVar, Protocol
from uuid import UUID

import orjson

from frontdesk import db, ids
from frontdesk.db import Connection
from frontdesk.sql import load

q = load(__package__)


class Event(Protocol):
    """A frozen dataclass of ids, instants and words of the domain; never a name or a clinical text."""

    topic: ClassVar[str]

    @property
    def key(self) -> str:
        """Events of one key stay in order."""
        ...


class Author(Protocol):
    """Whoever does what the event speaks of."""

    @property
    def stamp(self) -> dict[str, UUID]:
        """`changed_by` and `request_id`."""
        ...


async def record_all(conn: Connection, events: Iterable[tuple[Author, Event]]) -> None:
    """Write several events of different actors by one statement, in the caller's transaction."""
    lines = [
        {"event_id": ids.new_id(), "topic": event.topic, "key": event.key, "payload": event, **actor.stamp}
        for actor, event in events
    ]
    await db.run(conn, q.record_events, lines=orjson.dumps(lines).decode())


async def record(conn: Connection, actor: Author, event: Event) -> None:
    """Write `event` to the outbox, in the caller's transaction."""
    await db.run(
        conn,
        q.record_event,
        event_id=ids.new_id(),
        topic=event.topic,
        key=event.key,
        payload=orjson.dumps(event).decode(),
        **actor.stamp,
    )
