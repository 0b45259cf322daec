"""What the desk sees of messages and sends again, and what patients wish. Takes a connection, never commits."""

from datetime import time
from typing import Any
from uuid import UUID

from frontdesk import db, ids
from frontdesk.audit import reads
from frontdesk.auth.permissions import Actor, Role
from frontdesk.booking import service as booking
from frontdesk.clinics import service as clinics
from frontdesk.db import Connection
from frontdesk.errors import Conflict, InvalidRequest, NotFound
from frontdesk.notifications import topics
from frontdesk.notifications.judge import TO_ANSWER, still_true
from frontdesk.notifications.models import NotificationPreferencesPatch
from frontdesk.notifications.parts import with_parts
from frontdesk.patients import service as patients
from frontdesk.ports.letters import Channel
from frontdesk.secrets import Keys
from frontdesk.settings import settings
from frontdesk.sql import load
from frontdesk.web import pages
from frontdesk.web.versions import check

q = load(__package__)

_OF_AN_ADDRESS = frozenset(
    {
        "BadAddress",
        "GatewayFailed",
        "HeaderParseError",
        "IndexError",
        "InvalidHeaderDefect",
        "NonASCIILocalPartDefect",
        "SMTPNotSupported",
        "UnicodeEncodeError",
        "ValueError",
    }
)
"""What is said of an address that no header holds, or no server or gateway takes; a gateway does not say why."""


async def of_appointment(conn: Connection, actor: Actor, appointment_id: UUID) -> dict[str, Any]:
    """All messages about one visit. Raises NotFound."""
    visit = await booking.find(conn, actor, appointment_id)
    rows = await db.many(conn, q.of_appointment, appointment_id=appointment_id)
    await reads.looked(conn, actor, [visit["patient_id"]], "appointments:notifications")
    return {"items": [_told(row) for row in rows], "next_cursor": None}


async def of_clinic(
    conn: Connection, actor: Actor, clinic_id: UUID, *, status: str, limit: int, cursor: str | None
) -> dict[str, Any]:
    """A page of a clinic's messages in one status, the latest first. Raises NotFound for one that is not theirs."""
    await clinics.get_clinic(conn, clinic_id)
    if not booking.within(actor, clinic_id):
        raise NotFound("There is no such clinic of yours.")
    place = pages.after_id(cursor)
    rows = await db.many(conn, q.of_clinic, clinic_id=clinic_id, status=status, rows=limit + 1, **place)
    page = pages.page(rows, limit, "id")
    await reads.looked(conn, actor, {row["patient_id"] for row in page["items"]}, "clinics:notifications")
    return page | {"items": [_told(row) for row in page["items"]]}


async def unheard(conn: Connection, actor: Actor, clinic_id: UUID, *, limit: int) -> list[dict[str, Any]]:
    """The failed messages of a clinic that `resend` would take and the patient agrees to hear, the latest first."""
    of = {"only_clinics": actor.only["only_clinics"], "to_answer": TO_ANSWER}
    rows = await db.many(conn, q.unheard, clinic_id=clinic_id, rows=limit, **of)
    await reads.looked(conn, actor, {row["patient_id"] for row in rows}, "clinics:notifications")
    return [_told(row) for row in rows]


def blames_address(message: dict[str, Any]) -> bool:
    """Whether one of `unheard` may have failed for the address or number that the patient still has."""
    reason = message["reason"] or ""
    of_address = reason.startswith("SMTPRecipientRefused") or reason in _OF_AN_ADDRESS
    return of_address and message["channel"] != "push" and not message["address_changed"]


async def resend(conn: Connection, actor: Actor, notification_id: UUID) -> dict[str, Any]:
    """Have a message sent once more, by the same channel. Raises NotFound, and Conflict for what is no longer true.

    One that failed is sent again once; when its copy fails too, that is the one to send.
    """
    row = await db.one(conn, q.find, id=notification_id, only_clinics=actor.only["only_clinics"])
    if row is None:
        raise NotFound("There is no such notification.")
    if row["status"] in ("pending", "sending"):
        raise Conflict("It has not been sent yet, and is on its way.")
    row = await with_parts(conn, row)
    if row["start_at"] <= row["now"] or not still_true(row):
        raise Conflict("The visit has changed since, or has begun: what this message says is no longer true.")
    made = await db.one(conn, q.copy, id=ids.new_id(), original=notification_id, **actor.stamp)
    if made is None:
        raise Conflict("It has been sent again already, or somebody else does so at this moment.")
    return _told(made)


async def wishes(conn: Connection, keys: Keys, actor: Actor, patient_id: UUID) -> dict[str, Any]:
    """What a patient agreed to, and for themself how they subscribe to push messages. Raises NotFound."""
    await patients.get_patient(conn, actor, patient_id)
    await reads.looked(conn, actor, [patient_id], "patients:notification-preferences")
    return _wished(await _wishes(conn, patient_id)) | _subscription(keys, actor, patient_id)


async def change_wishes(
    conn: Connection,
    keys: Keys,
    actor: Actor,
    patient_id: UUID,
    body: NotificationPreferencesPatch,
    expected: int | None,
) -> dict[str, Any]:
    """Change what a patient agrees to. Raises NotFound, StaleVersion, and InvalidRequest for half of quiet hours."""
    await patients.get_patient(conn, actor, patient_id)
    await db.one(conn, q.lock_patient, patient_id=patient_id)
    old = _wished(await _wishes(conn, patient_id))
    check(expected, old["version"])
    check(body.version, old["version"])
    new = old | body.given()
    if (new["quiet_from"] is None) != (new["quiet_until"] is None) or (
        new["quiet_from"] is not None and new["quiet_from"] == new["quiet_until"]
    ):
        raise InvalidRequest("Quiet hours begin at quiet_from and end at quiet_until, which differ; or both are null.")
    del new["version"]
    row = await db.one(conn, q.keep_wishes, patient_id=patient_id, **new, **actor.stamp)
    assert row is not None
    return _wished(row) | _subscription(keys, actor, patient_id)


async def unsubscribe(conn: Connection, actor: Actor, patient_id: UUID, channel: Channel) -> None:
    """End the reminders of one channel, for the bearer of a link that was proven to be ours. Idempotent."""
    nobody = actor.role is Role.ANONYMOUS
    stamp = actor.stamp | ({"changed_by": ids.ANONYMOUS} if nobody else {})
    await db.run(conn, q.unsubscribe, patient_id=patient_id, channel=channel, **stamp)


async def _wishes(conn: Connection, patient_id: UUID) -> dict[str, Any]:
    row = await db.one(conn, q.wishes, patient_id=patient_id)
    if row is None:
        raise NotFound("There is no such patient.")
    return row


def _wished(row: dict[str, Any]) -> dict[str, Any]:
    return row | {name: _shown(row[name]) for name in ("quiet_from", "quiet_until")}


def _subscription(keys: Keys, actor: Actor, patient_id: UUID) -> dict[str, str | None]:
    """The desk does not learn it: with it, messages could be read."""
    if actor.patient_id != patient_id:
        return {"push_topic": None, "push_subscribe_at": None}
    return topics.subscription(settings(), keys, patient_id)


def _shown(value: time | None) -> str | None:
    return value.isoformat("minutes") if value is not None else None


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """`version` of a row would become its ETag; this one is the appointment's."""
    told = dict(row)
    return told | {"appointment_version": told.pop("version"), "copy_number": told.pop("copy")}
