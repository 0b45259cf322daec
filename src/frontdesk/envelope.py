"""An event on its way: what happened, under which number, in the words of CloudEvents 1.0."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

SPEC = "1.0"
SOURCE = "/frontdesk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One event as the relay read it. What it speaks of is ids, instants and words of the book, never a name."""

    position: int  # in the outbox: events of one key come in the order of their positions
    event_id: UUID
    topic: str  # versioned, without the prefix of the installation: "appointments.scheduled.v1"
    key: str  # a provider's id, for what happens in the book
    occurred_at: datetime  # aware, UTC
    payload: dict[str, Any]

    def to_json(self) -> bytes:
        """The structured form of CloudEvents 1.0 (JSON), with its extensions `partitionkey` and `sequence`."""
        return orjson.dumps(
            {
                "specversion": SPEC,
                "id": str(self.event_id),
                "source": SOURCE,
                "type": self.topic,
                "time": self.occurred_at,
                "datacontenttype": "application/json",
                "partitionkey": self.key,
                "sequence": f"{self.position:020}",  # as text it sorts like the number
                "data": self.payload,
            }
        )

    @classmethod
    def from_json(cls, text: bytes | str) -> "Envelope":
        """Read `to_json`. Raises ValueError when it is none of ours."""
        try:
            event = orjson.loads(text)
            if event["specversion"] != SPEC:
                raise ValueError("not CloudEvents 1.0")
            read = cls(
                position=int(event["sequence"]),
                event_id=UUID(event["id"]),
                topic=event["type"],
                key=event["partitionkey"],
                occurred_at=datetime.fromisoformat(event["time"]),
                payload=event["data"],
            )
            if not (isinstance(read.topic, str) and isinstance(read.key, str) and isinstance(read.payload, dict)):
                raise ValueError("not an event of this service")
            if read.occurred_at.tzinfo is None:
                raise ValueError("an instant without an offset")
            return read
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not an event of this service") from error
