"""The way out of a transaction: a message is stored with the change it speaks of, and sent by the background worker.

So a request takes as long with a message as without, and a mail server that is down fails nobody's request.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog
from cryptography.exceptions import InvalidTag

from frontdesk import db, ids
from frontdesk.db import Connection
from frontdesk.ports.letters import Away
from frontdesk.ports.notifications import Message, Notifications
from frontdesk.secrets import Keys
from frontdesk.sql import load

q = load(__package__, "outgoing.sql")
log = structlog.get_logger(__name__)

_MOST_AT_ONCE = 200  # of one round: the other jobs of the worker have their turn too


async def enqueue(conn: Connection, seal: Keys, message: Message, stamp: Mapping[str, UUID], ttl: timedelta) -> None:
    """Send `message` once the caller's transaction has committed, unless `ttl` has passed by then."""
    await db.run(
        conn,
        q.enqueue,
        id=ids.new_id(),
        kind=message.kind,
        channel=message.channel,
        sealed=seal.seal(orjson.dumps({"to": message.to, "parameters": dict(message.parameters)})),
        ttl=ttl,
        **stamp,
    )


async def deliver_to(way: Notifications, conn: Connection, unseal: Keys) -> int:
    """Send what is due by `way`, each message at least once; one that fails is tried again after 1, 2, 4 … minutes."""
    await db.run(conn, q.drop_expired)
    sent = 0
    for _ in range(_MOST_AT_ONCE):
        due = await db.one(conn, q.take_due)
        if due is None:
            break
        try:
            await way.send(_opened(due, unseal))
            outcome = "sent"
            sent += 1
        except InvalidTag:
            # Sealed with another secret: nobody will ever read it.
            log.error("message_unreadable", id=str(due["id"]), kind=due["kind"])
            outcome = "failed"
        except Away as away:
            log.warning("message_not_sent", id=str(due["id"]), kind=due["kind"], error=str(away))
            break  # nobody is there for the others either
        except Exception as error:
            # Of the error only its type: the text of a mail server quotes addresses.
            log.warning("message_not_sent", id=str(due["id"]), kind=due["kind"], error=type(error).__name__)
            continue
        await db.run(conn, q.done, id=due["id"], outcome=outcome)
    return sent


def _opened(due: dict[str, Any], unseal: Keys) -> Message:
    return Message(id=due["id"], kind=due["kind"], channel=due["channel"], **orjson.loads(unseal.unseal(due["sealed"])))
