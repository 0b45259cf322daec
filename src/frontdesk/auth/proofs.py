"""Signed statements that somebody has just given an account's password, each for one purpose and for five minutes.

None of them is an access token: the audience says what it is good for, and whoever reads it names the audience.
"""

import contextlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import jwt
from starlette.requests import Request

from frontdesk import clock, ids
from frontdesk.auth.permissions import Role
from frontdesk.errors import Unauthenticated
from frontdesk.secrets import Keys

LIFETIME = timedelta(minutes=5)
_ALGORITHM = "HS256"


class Purpose(StrEnum):
    """The audience of a proof."""

    SECOND_FACTOR = "frontdesk-second-factor"  # to log in with the second factor
    ENROLMENT = "frontdesk-enrolment"  # to set up the first one


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Whose password was given, and which one it was: after a new one the proof is worth nothing."""

    token_id: UUID
    user_id: UUID
    role: Role
    password: str  # keyed digest of the password's hash
    expires_at: datetime

    def holds(self, password_hash: str, keys: Keys) -> bool:
        """Whether the account still has the password that was given."""
        return hmac.compare_digest(self.password, _digest(self.user_id, password_hash, keys))


def write(purpose: Purpose, user_id: UUID, role: Role, password_hash: str, keys: Keys) -> str:
    """A proof for `purpose`."""
    at = clock.now()
    claims = {
        "aud": purpose.value,
        "iat": at,
        "exp": at + LIFETIME,
        "jti": str(ids.new_id()),
        "sub": str(user_id),
        "role": role.value,
        "pwd": _digest(user_id, password_hash, keys),
    }
    return jwt.encode(claims, keys.tokens, algorithm=_ALGORITHM)


def read(purpose: Purpose, token: str, keys: Keys) -> Proof:
    """What a proof says. Raises Unauthenticated for one that is expired, forged, or for another purpose."""
    try:
        claims = jwt.decode(
            token,
            keys.tokens,
            algorithms=[_ALGORITHM],
            audience=purpose.value,
            options={"require": ["exp", "sub", "aud", "jti"]},
        )
        return Proof(
            token_id=UUID(claims["jti"]),
            user_id=UUID(claims["sub"]),
            role=Role(claims["role"]),
            password=claims["pwd"],
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unauthenticated("This token is not valid, or no longer; log in again.") from error


def of_enrolment(request: Request) -> Proof | None:
    """The proof by which a request sets up a first factor; None for one with an access token, or with none."""
    with contextlib.suppress(Unauthenticated):
        token = request.headers.get("authorization", "").partition(" ")[2].strip()
        return read(Purpose.ENROLMENT, token, request.app.state.keys)
    return None


def _digest(user_id: UUID, password_hash: str, keys: Keys) -> str:
    return keys.digest("password proofs", str(user_id), password_hash).hex()[:32]
