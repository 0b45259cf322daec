"""Push messages to the devices of whoever is logged in, and their consent to them: one cannot be without the other."""

from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.notifications import devices, service
from frontdesk.notifications.models import NewDevice, NotificationPreferencesPatch
from frontdesk.secrets import Keys


async def show(conn: Connection, keys: Keys, actor: Actor, device: NewDevice) -> None:
    """Keep the device, and agree to push messages and reminders. Raises InvalidRequest for a strange address."""
    assert actor.patient_id is not None
    await devices.add(conn, keys, actor, actor.patient_id, device)
    wished = await service.wishes(conn, keys, actor, actor.patient_id)
    more = {name: sorted({*wished[name], "push"}) for name in ("channels", "reminders")}
    if any(set(more[name]) != set(wished[name]) for name in more):
        patch = NotificationPreferencesPatch.model_validate(more)
        await service.change_wishes(conn, keys, actor, actor.patient_id, patch, None)


async def stop(conn: Connection, keys: Keys, actor: Actor) -> None:
    """Forget all devices, and the consent to push messages. Who agreed to nothing else hears by mail again."""
    assert actor.patient_id is not None
    for device in (await devices.devices(conn, keys, actor, actor.patient_id))["items"]:
        await devices.drop(conn, actor, actor.patient_id, device["id"])
    wished = await service.wishes(conn, keys, actor, actor.patient_id)
    if "push" in wished["channels"]:
        left = {name: [one for one in wished[name] if one != "push"] for name in ("channels", "reminders")}
        patch = NotificationPreferencesPatch.model_validate(left | {"channels": left["channels"] or ["email"]})
        await service.change_wishes(conn, keys, actor, actor.patient_id, patch, None)
