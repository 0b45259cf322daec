"""The link of a reminder that ends reminders: signed, for one patient and one channel, good for nothing else."""

import base64
import binascii
import hmac
from uuid import UUID

from frontdesk.ports.letters import Channel
from frontdesk.secrets import Keys, keys
from frontdesk.settings import settings

_CHANNELS: tuple[Channel, ...] = ("email", "sms", "push")

_MAC_BYTES = 16  # 128 bits: nobody guesses them over HTTP

PATH = "/api/v1/unsubscribe"


def url_of(patient_id: UUID, channel: Channel) -> str:
    """Where one POST ends the reminders of this channel. It works for ever (RFC 8058 wants it to work for long)."""
    return f"{settings().origin}{PATH}/{token_of(keys(), patient_id, channel)}"


def token_of(seal: Keys, patient_id: UUID, channel: Channel) -> str:
    """The same for the same patient and channel, so that a mail can be written again."""
    named = patient_id.bytes + bytes([_CHANNELS.index(channel)])
    return base64.urlsafe_b64encode(named + _mac(seal, named)).decode().rstrip("=")


def read(seal: Keys, token: str) -> tuple[UUID, Channel] | None:
    """Whom and what a token is for; None when it is none of ours."""
    try:
        whole = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    named, mac = whole[:-_MAC_BYTES], whole[-_MAC_BYTES:]
    if len(named) != 17 or not hmac.compare_digest(mac, _mac(seal, named)) or named[16] >= len(_CHANNELS):
        return None
    return UUID(bytes=named[:16]), _CHANNELS[named[16]]


def _mac(seal: Keys, named: bytes) -> bytes:
    return seal.digest("links to unsubscribe", named.hex())[:_MAC_BYTES]
