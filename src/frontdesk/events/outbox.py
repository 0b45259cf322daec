"""The transactional outbox: an event is stored with the change it speaks of, or neither is."""

from dataclasses import asdict
from typing import ClassVar, Protocol

import orjson

from frontdesk import db, ids
from frontdesk.auth.permissions import Actor
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


async def record(conn: Connection, actor: Actor, event: Event) -> None:
    """Write `event` to the outbox, in the caller's transaction."""
    await db.run(
        conn,
        q.record_event,
        event_id=ids.new_id(),
        topic=event.topic,
        key=event.key,
        payload=orjson.dumps(asdict(event)).decode(),  # type: ignore[call-overload]
        **actor.stamp,
    )
