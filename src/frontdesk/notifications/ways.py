"""Which way each channel takes: what the settings name, and the file of the data folder where they name nothing."""

from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag

from frontdesk import db
from frontdesk.db import Connection
from frontdesk.notifications.handler import q
from frontdesk.ports.letters import Way, stand_in
from frontdesk.ports.smtp import Smtp
from frontdesk.secrets import keys
from frontdesk.settings import Settings

log = structlog.get_logger(__name__)


def ways_of(config: Settings) -> dict[str, Way]:
    """A way for each channel, not yet open."""
    patience_s = config.delivery_timeout.total_seconds()
    mail: Way = stand_in(config)
    if config.smtp_url is not None:
        mail = Smtp(config.smtp_url.get_secret_value(), config.mail_from, patience_s=patience_s)
    return {"email": mail, "sms": stand_in(config), "push": stand_in(config)}


async def devices(conn: Connection, patient_id: UUID) -> list[str]:
    """Addresses and keys of the patient's devices, each as JSON; one that no key of ours opens is left out."""
    found = []
    for row in await db.many(conn, q.devices, patient_id=patient_id):
        try:
            found.append(keys().unseal(row["sealed"]).decode())
        except InvalidTag:
            log.error("device_unreadable", id=str(row["id"]))
    return found
