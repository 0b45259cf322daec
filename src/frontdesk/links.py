"""Links by which a patient manages one appointment without a log-in: how they are written and read (ADR-0025).

A token is the id of the appointment and a keyed digest of it, of its patient, and of the number of times that the
patient's links were ended. Nothing is stored, so a message that is written again holds the same link.
"""

import base64
import hmac
import re
from datetime import timedelta
from uuid import UUID

from frontdesk.secrets import Keys

LIVES_ON = timedelta(days=1)
"""So long after the end of its visit a link still opens."""

_MAC_BYTES = 17  # 136 bits; with the 16 of the id a multiple of 3, so that base64 has no spare bits and one spelling
_TOKEN = re.compile(r"[A-Za-z0-9_-]{44}", re.ASCII)


def manage_url(origin: str, keys: Keys, *, appointment_id: UUID, patient_id: UUID, generation: int) -> str:
    """The address of the page on which its bearer sees, confirms, moves or cancels this appointment.

    `origin` is `settings.origin`, `generation` is `patient.link_generation`. The same facts give the same address. It
    is a secret: it belongs into a message to the patient, and neither into a log nor into an error.
    """
    return f"{origin}/m/{token_of(keys, appointment_id=appointment_id, patient_id=patient_id, generation=generation)}"


def token_of(keys: Keys, *, appointment_id: UUID, patient_id: UUID, generation: int) -> str:
    """The token of the link: 44 characters of base64url."""
    mac = keys.digest("guest links", str(appointment_id), str(patient_id), str(generation))[:_MAC_BYTES]
    return base64.urlsafe_b64encode(appointment_id.bytes + mac).decode()


def appointment_in(token: str) -> UUID | None:
    """Which appointment the token claims to be for, not yet proven; None for what cannot be a token."""
    return UUID(bytes=base64.urlsafe_b64decode(token)[:16]) if _TOKEN.fullmatch(token) else None


def proves(token: str, keys: Keys, *, appointment_id: UUID, patient_id: UUID, generation: int) -> bool:
    """Whether this is the token of that appointment, compared in constant time."""
    right = token_of(keys, appointment_id=appointment_id, patient_id=patient_id, generation=generation)
    said = token if _TOKEN.fullmatch(token) else "-" * len(right)
    return hmac.compare_digest(said.encode("ascii"), right.encode("ascii"))
