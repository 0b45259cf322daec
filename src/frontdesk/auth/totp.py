"""Codes of an authenticator app: time-based one-time passwords (RFC 6238) of six digits, SHA-1, 30 seconds."""

import base64
import hashlib
import hmac
from datetime import datetime
from urllib.parse import quote, urlencode

SECRET_BYTES = 20  # RFC 4226 §4 R6: 160 bits
PERIOD_S = 30
_DIGITS = 6
_DRIFT = 1  # steps that a clock may be wrong, or a person slow, in either direction (RFC 6238 §5.2)


def step_at(at: datetime) -> int:
    """The time step of an aware instant."""
    return int(at.timestamp()) // PERIOD_S


def code(secret: bytes, step: int, digits: int = _DIGITS) -> str:
    """The code of one time step (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}}"


def step_of(secret: bytes, given: str, at: datetime, after: int) -> int | None:
    """The step that `given` is the code of: that of `at` or a neighbour, and later than `after`. None if of none."""
    now = step_at(at)
    steps = (step for step in range(now - _DRIFT, now + _DRIFT + 1) if step > after)
    matching = [step for step in steps if hmac.compare_digest(code(secret, step).encode(), given.encode())]
    return matching[0] if matching else None


def typed(secret: bytes) -> str:
    """The secret as a person types it into an app (base32)."""
    return base64.b32encode(secret).decode()


def uri(secret: bytes, account: str, issuer: str) -> str:
    """What the QR code for an app says (otpauth, the Key URI format)."""
    parameters = {"secret": typed(secret), "issuer": issuer, "period": PERIOD_S, "digits": _DIGITS}
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{urlencode(parameters)}"
