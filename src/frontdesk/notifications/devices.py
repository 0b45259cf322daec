"""Devices that a patient allowed to show messages. The patient alone sees and changes them. Never commits."""

from typing import Any
from uuid import UUID

import orjson

from frontdesk import db, ids
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.errors import InvalidRequest, NotFound
from frontdesk.notifications.models import NewDevice
from frontdesk.notifications.service import q
from frontdesk.patients import service as patients
from frontdesk.ports import webpush
from frontdesk.secrets import Keys


async def devices(conn: Connection, keys: Keys, actor: Actor, patient_id: UUID) -> dict[str, Any]:
    """The patient's devices. Raises NotFound."""
    await patients.get_patient(conn, actor, patient_id)
    rows = await db.many(conn, q.devices, patient_id=patient_id)
    return {"items": rows, "next_cursor": None, "application_server_key": webpush.public_key(keys)}


async def add(conn: Connection, keys: Keys, actor: Actor, patient_id: UUID, body: NewDevice) -> dict[str, Any]:
    """Keep a device; the same one again replaces it. Raises NotFound, InvalidRequest for a strange address."""
    await patients.get_patient(conn, actor, patient_id)
    if not webpush.known(body.endpoint):
        raise InvalidRequest("This address is of no push service that browsers use.")
    told = {"endpoint": body.endpoint, "keys": body.keys.model_dump()}
    row = await db.one(
        conn,
        q.add_device,
        id=ids.new_id(),
        patient_id=patient_id,
        endpoint=keys.digest("push endpoints", body.endpoint),
        sealed=keys.seal(orjson.dumps(told)),
        **actor.stamp,
    )
    assert row is not None
    return row


async def drop(conn: Connection, actor: Actor, patient_id: UUID, device_id: UUID) -> None:
    """Forget a device. Raises NotFound."""
    await patients.get_patient(conn, actor, patient_id)
    await db.run(conn, q.say_who, **actor.stamp)
    if not await db.run(conn, q.drop_device, id=device_id, patient_id=patient_id):
        raise NotFound("There is no such device.")
