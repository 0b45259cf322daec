"""What the events of the book ask to be told. Nothing leaves here: the sender judges each row again."""

from typing import Any

from frontdesk import db, ids
from frontdesk.db import Connection
from frontdesk.envelope import Envelope
from frontdesk.settings import settings
from frontdesk.sql import load

q = load(__package__, "queue.sql")

CHANNELS = ("email", "sms", "push")


class TellPatients:
    """Hears of appointments and offers. An event that comes late or twice makes no second row (invariant 9)."""

    name = "notifications"
    topics = ("appointments.*", "waitlist.offered.*")

    async def handle(self, conn: Connection, envelope: Envelope) -> None:
        """Write down what the patient is to hear, in the caller's transaction, if anything."""
        event = envelope.payload
        if "offer_id" in event:
            await tell_offer(conn, event["offer_id"])
            return
        if event["patient_id"] is None:
            return
        kind = await _kind(conn, envelope.topic, event)
        if kind is not None:
            await tell(conn, event["appointment_id"], event["version"], kind)


async def tell(conn: Connection, appointment_id: Any, version: int, kind: str) -> int:
    """Have the patient of a visit that is ahead told `kind` about this version of it; how many messages are new."""
    return await db.run(conn, q.tell, appointment_id=appointment_id, version=version, kind=kind, **_ways())


async def tell_offer(conn: Connection, offer_id: Any) -> int:
    """Have the patient told of a time that is kept for them; how many messages are new.

    None for who takes what comes: they hear that it is booked.
    """
    return await db.run(conn, q.tell_offer, offer_id=offer_id, **_ways())


def _ways() -> dict[str, Any]:
    return {
        "channels": list(CHANNELS),
        "by_topic": settings().push_url is not None,
        "ids": [ids.new_id() for _ in CHANNELS],
        "changed_by": ids.SYSTEM,
        "request_id": ids.new_id(),
    }


async def _kind(conn: Connection, topic: str, event: dict[str, Any]) -> str | None:
    """What to tell, or None: holds are nobody's news, and neither is what happens on the day itself."""
    of = {"appointment_id": event["appointment_id"], "version": event["version"]}
    match topic.rpartition(".")[0], event.get("status"):
        case "appointments.scheduled", _:
            return "confirmation"
        case "appointments.moved", _:
            row = await db.one(conn, q.moved_by, **of)
            return "change" if row is not None and row["moved"] else None
        case "appointments.status-changed", "cancelled" if event["old_status"] != "held":
            return "cancellation"
        case "appointments.status-changed", "confirmed":
            row = await db.one(conn, q.confirmed_by_clinic, **of)
            return "status" if row is not None and row["yes"] else None
    return None
