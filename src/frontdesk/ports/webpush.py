"""Web Push (RFC 8030, 8291, 8292): to a browser that a patient allowed to show messages."""

import asyncio
import base64
import hashlib
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from frontdesk.ports.letters import Away, Deferred, Gone, Inside, Letter, Refused
from frontdesk.secrets import Keys

SERVICES = ("fcm.googleapis.com", "push.services.mozilla.com", "push.apple.com", "notify.windows.com")
"""Whose addresses browsers give out. To any other the worker would speak for whoever names one: it stands inside."""

_KEPT_FOR_S = 12 * 3600  # a device that is off hears of it for so long

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of the points of P-256 (FIPS 186-5)


class WebPush(Inside):
    """Sends to a device: `to` of the letter is what its browser told, as JSON."""

    at_once = 4

    def __init__(self, keys: Keys, contact: str, *, patience_s: float) -> None:
        from py_vapid import Vapid02  # noqa: PLC0415  # 0.2 s that only who pushes shall pay at each start

        self._vapid, self._contact, self._patience_s = Vapid02(private_key=_key(keys)), contact, patience_s

    async def send(self, letter: Letter) -> None:
        """Raises Gone when the device took its permission back."""
        await asyncio.to_thread(self._send, letter)

    def _send(self, letter: Letter) -> None:
        import requests  # noqa: PLC0415  # as above
        from pywebpush import WebPushException, webpush  # noqa: PLC0415

        device = orjson.loads(letter.to)
        if not known(device["endpoint"]):
            raise Gone("UnknownService")
        shown = {"title": letter.subject, "body": letter.text, "tag": str(letter.id)}  # one tag is shown once
        try:
            webpush(
                device,
                orjson.dumps(shown).decode(),
                vapid_private_key=self._vapid,
                vapid_claims={"sub": self._contact},
                timeout=self._patience_s,
                ttl=_KEPT_FOR_S,
                headers={"Topic": letter.id.hex},  # a service that holds it twice keeps the last
            )
        except WebPushException as error:
            code = error.status_code or 0
            meant = Gone if code in (404, 410) else Refused if 400 <= code < 500 and code != 429 else Deferred
            raise meant(f"WebPush {code}") from None
        except requests.RequestException as error:
            raise Away(type(error).__name__) from None
        except ValueError as error:  # keys that are none
            raise Gone(type(error).__name__) from None


def known(endpoint: str) -> bool:
    """Whether the address belongs to a push service that browsers use."""
    try:
        url = urlsplit(endpoint)
        plain = url.scheme == "https" and url.port in (None, 443) and url.username is None
    except ValueError:
        return False
    name = url.hostname or ""
    return plain and any(name == service or name.endswith(f".{service}") for service in SERVICES)


def public_key(keys: Keys) -> str:
    """What a browser is told to subscribe for: the key by which it knows messages of ours (applicationServerKey)."""
    point = _key(keys).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


def _key(keys: Keys) -> ec.EllipticCurvePrivateKey:
    """Made of the installation's secret, so that all processes have the same and none is to be kept beside it."""
    wide = hashlib.sha512(keys.digest("web push", "vapid")).digest()  # wider than the order: no value is likelier
    return ec.derive_private_key(int.from_bytes(wide, "big") % (_ORDER - 1) + 1, ec.SECP256R1())
