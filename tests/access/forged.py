"""Access tokens that are not what they say: expired, cut, signed by others, by nobody, or for somebody else's ears."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt

from frontdesk.secrets import Keys
from tests.access.world import Account
from tests.service import SECRET

KEY = Keys(SECRET).tokens
ELSEWHERE = Keys("the secret of another installation, just as long").tokens
_HOUR = 3600

Forge = Callable[[Account], str]


def _claims(account: Account, **changes: Any) -> dict[str, Any]:
    """What the true token says, changed; a change to None leaves the claim out."""
    true = jwt.decode(account.token, options={"verify_signature": False})
    return {name: value for name, value in (true | changes).items() if name not in changes or value is not None}


def _signed(key: bytes = KEY, **changes: Any) -> Forge:
    return lambda account: jwt.encode(_claims(account, **changes), key, algorithm="HS256")


def _part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def sealed(header: dict[str, Any], claims: Any, key: bytes | None, digest: str = "sha256") -> str:
    """Signed with HMAC whatever header and claims say; with no key, not at all."""
    message = f"{_part(json.dumps({'typ': 'JWT', **header}).encode())}.{_part(json.dumps(claims).encode())}"
    signature = b"" if key is None else hmac.digest(key, message.encode(), digest)
    return f"{message}.{_part(signature)}"


def _by_hand(header: dict[str, Any], key: bytes | None, digest: str = "sha256") -> Forge:
    return lambda account: sealed(header, _claims(account), key, digest)


def _promoted(account: Account) -> str:
    """Another role in the claims, the signature as it was."""
    header, _, signature = account.token.split(".")
    claims = _claims(account, role="admin" if account.login.role != "admin" else "staff")
    return ".".join([header, _part(json.dumps(claims).encode()), signature])


def _expired(account: Account) -> str:
    issued = _claims(account)["iat"]
    return jwt.encode(_claims(account, iat=issued - 2 * _HOUR, exp=issued - _HOUR), KEY, algorithm="HS256")


FORGED: dict[str, Forge] = {
    "expired": _expired,
    "without an end": _signed(exp=None),
    "for another audience": _signed(aud="another-api"),
    "for no audience": _signed(aud=None),
    "of no session": _signed(sid=None),
    "of no known role": _signed(role="owner"),
    "of another installation": _signed(ELSEWHERE),
    "signed with nothing": _by_hand({"alg": "HS256"}, b""),
    "signed with the secret itself": _by_hand({"alg": "HS256"}, SECRET.encode()),
    "signed with the audience": _by_hand({"alg": "HS256"}, b"frontdesk-api"),
    "signed with the key's digest": _by_hand({"alg": "HS256"}, hashlib.sha256(KEY).digest()),
    "alg none": _by_hand({"alg": "none"}, None),
    "alg None": _by_hand({"alg": "None"}, None),
    "alg none, with a signature": _by_hand({"alg": "none"}, KEY),
    "alg left out": _by_hand({}, KEY),
    "alg RS256 over HMAC": _by_hand({"alg": "RS256"}, KEY),
    "alg HS512": _by_hand({"alg": "HS512"}, KEY, "sha512"),
    "a key of its own in the header": _by_hand({"alg": "HS256", "jwk": {"kty": "oct", "k": _part(b"")}}, b""),
    "a key id that leads elsewhere": _by_hand({"alg": "HS256", "kid": "../../dev/null"}, b""),
    "with a role that was not signed": _promoted,
    "cut": lambda account: account.token.rsplit(".", 1)[0] + ".",
    "half": lambda account: account.token[: len(account.token) // 2],
}
