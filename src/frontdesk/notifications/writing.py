"""A message as it leaves: to which addresses, with which words, of the visit as it is at this moment."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag

from frontdesk import db, ids
from frontdesk.db import Connection
from frontdesk.notifications import unsubscribing
from frontdesk.notifications.facts import Facts, facts_of
from frontdesk.notifications.handler import q
from frontdesk.notifications.render import render
from frontdesk.notifications.topics import topic_of
from frontdesk.ports.letters import Letter
from frontdesk.secrets import keys
from frontdesk.settings import settings

log = structlog.get_logger(__name__)


async def letters_of(conn: Connection, row: dict[str, Any]) -> list[tuple[Letter, UUID | None]]:
    """One letter, or one for each device with the device's id; none when there is nowhere to send it."""
    addresses = await _addresses(conn, row)
    if not addresses:
        return []
    facts = await _facts(conn, row)
    said = render(row["kind"], row["channel"], facts)
    letter = Letter(
        id=row["id"],
        kind=row["kind"],
        channel=row["channel"],
        to="",
        subject=said.subject,
        text=said.text,
        html=said.html,
        ics=said.ics,
        more_ics=said.more_ics,
        unsubscribe_url=facts.unsubscribe_url,
    )
    return [(replace(letter, to=to), device) for to, device in addresses.items()]


async def forget_device(conn: Connection, device_id: UUID) -> None:
    """A device that took its permission back is asked no more."""
    async with conn.transaction():
        await db.run(conn, q.say_who, actor=str(ids.SYSTEM), request_id=str(ids.new_id()))
        await db.run(conn, q.forget_device, id=device_id)


async def _addresses(conn: Connection, row: dict[str, Any]) -> dict[str, UUID | None]:
    if row["channel"] != "push":
        return {to: None for to in [row["email"] if row["channel"] == "email" else row["phone"]] if to}
    if settings().push_url is not None:
        return {topic_of(keys(), row["patient_id"]): None}
    return await _devices(conn, row["patient_id"])


async def _devices(conn: Connection, patient_id: UUID) -> dict[str, UUID | None]:
    """Addresses and keys of the patient's devices, each as JSON; one that no key of ours opens is left out."""
    found: dict[str, UUID | None] = {}
    for row in await db.many(conn, q.devices, patient_id=patient_id):
        try:
            found[keys().unseal(row["sealed"]).decode()] = row["id"]
        except InvalidTag:
            log.error("device_unreadable", id=str(row["id"]))
    return found


async def _facts(conn: Connection, row: dict[str, Any]) -> Facts:
    parts = [await facts_of(conn, part) for part in row["parts"]]
    facts = replace(parts[0], parts=tuple(parts)) if len(parts) > 1 else parts[0]
    if row["kind"].startswith("reminder"):
        facts = replace(facts, unsubscribe_url=unsubscribing.url_of(row["patient_id"], row["channel"]))
    if row["kind"] == "change":
        told = await db.one(conn, q.told_start, appointment_id=row["appointment_id"], version=row["version"])
        facts = replace(facts, old_start=told["start"] if told and told["start"] != row["start_at"] else None)
    return facts
