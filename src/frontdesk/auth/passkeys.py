"""Passkeys (WebAuthn level 3): keys that stay in a device and sign for this site alone (ADR-0019).

The site is the host of `FRONTDESK_PUBLIC_URL`; a page of another name gets no signature, so there is nothing to phish.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import orjson
import structlog
import webauthn
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes, generate_challenge
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from frontdesk import clock, db, ids
from frontdesk.auth import factors
from frontdesk.auth.new_passwords import CodeRefused
from frontdesk.auth.permissions import Actor
from frontdesk.auth.proofs import Proof
from frontdesk.db import Connection
from frontdesk.errors import Conflict
from frontdesk.secrets import Keys
from frontdesk.settings import settings
from frontdesk.sql import load

q = load(__package__, "passkeys.sql")

log = structlog.get_logger(__name__)

REGISTER, LOG_IN = "register", "log_in"
MOST = 20  # of one account
CHALLENGE_TTL = timedelta(minutes=5)  # WebAuthn §15.1 recommends five to ten


async def registration_options(
    conn: Connection, keys: Keys, actor: Actor, proof: Proof | None, proven: bool
) -> dict[str, Any]:
    """What a browser passes to `navigator.credentials.create`, and the id to send back with what it answers.

    Raises WrongPassword unless `proven`, Conflict when there are too many.
    """
    owner = await factors.hold_owner(conn, keys, actor, proof)
    factors.demand(proven)
    if owner["passkeys"] >= MOST:
        raise Conflict(f"An account has {MOST} passkeys at most; remove one first.")
    options = webauthn.generate_registration_options(
        rp_id=_site(),
        rp_name=factors.ISSUER,
        user_name=owner["email"],
        user_id=actor.user_id.bytes,
        challenge=generate_challenge(),
        timeout=_timeout_ms(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=await _known(conn, actor.user_id),
    )
    return await _asked(conn, actor.user_id, REGISTER, options.challenge, webauthn.options_to_json(options))


async def register(
    conn: Connection,
    keys: Keys,
    actor: Actor,
    proof: Proof | None,
    *,
    name: str,
    credential: dict[str, Any],
    challenge: bytes | None,
) -> dict[str, Any]:
    """Keep a new passkey, and answer it, with recovery codes unless there are some.

    Raises CodeRefused when it did not sign `challenge` for this site with its user verified, Conflict for a known one.
    """
    await factors.hold_owner(conn, keys, actor, proof)
    verified = _registered(credential, challenge)
    if verified is None:
        raise CodeRefused("Ask for new options, and let the browser answer those.")
    made = await db.one(
        conn,
        q.insert_passkey,
        id=ids.new_id(),
        user_id=actor.user_id,
        name=name,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=_transports(credential),
        **actor.stamp,
    )
    if made is None:
        raise Conflict("This passkey is registered already.")
    return {**made, "recovery_codes": await factors.first_recovery_codes(conn, actor)}


async def log_in_options(conn: Connection, user_id: UUID) -> dict[str, Any]:
    """What a browser passes to `navigator.credentials.get`, and the id to send back with what it answers."""
    options = webauthn.generate_authentication_options(
        rp_id=_site(),
        challenge=generate_challenge(),
        timeout=_timeout_ms(),
        allow_credentials=await _known(conn, user_id),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return await _asked(conn, user_id, LOG_IN, options.challenge, webauthn.options_to_json(options))


async def take_challenge(conn: Connection, user_id: UUID, purpose: str, challenge_id: UUID | None) -> bytes | None:
    """The challenge, once. Commit it whatever comes of it: a wrong signature is not tried again."""
    if challenge_id is None:
        return None
    taken = await db.one(conn, q.take_challenge, challenge_id=challenge_id, user_id=user_id, purpose=purpose)
    return taken["challenge"] if taken else None


async def spend_assertion(
    conn: Connection, user_id: UUID, stamp: dict[str, UUID], credential: dict[str, Any], challenge: bytes | None
) -> bool:
    """Whether a passkey of the account has signed `challenge`, for this site, its user verified, its counter ahead."""
    known = await db.one(conn, q.find_passkey, user_id=user_id, credential_id=_id_of(credential))
    verified = known and _asserted(credential, challenge, known["public_key"], known["sign_count"])
    if not known or not verified:
        return False
    return bool(await db.run(conn, q.use_passkey, id=known["id"], sign_count=verified.new_sign_count, **stamp))


async def purge(conn: Connection) -> int:
    """Forget challenges that nothing came back for. Idempotent."""
    return await db.run(conn, q.purge_challenges)


def _registered(credential: dict[str, Any], challenge: bytes | None) -> VerifiedRegistration | None:
    if challenge is None:
        return None
    try:
        return webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_site(),
            expected_origin=settings().origin,
            require_user_verification=True,
        )
    except Exception as error:  # a stranger's CBOR and keys break parsers in many ways; all of them are a refusal
        log.warning("passkey refused", error=type(error).__name__)
        return None


def _asserted(
    credential: dict[str, Any], challenge: bytes | None, public_key: bytes, sign_count: int
) -> VerifiedAuthentication | None:
    if challenge is None:
        return None
    try:
        return webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_site(),
            expected_origin=settings().origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # as above
        log.warning("passkey refused", error=type(error).__name__)
        return None


async def _asked(conn: Connection, user_id: UUID, purpose: str, challenge: bytes, options: str) -> dict[str, Any]:
    challenge_id = ids.new_id()
    await db.run(
        conn,
        q.insert_challenge,
        id=challenge_id,
        user_id=user_id,
        purpose=purpose,
        challenge=challenge,
        ttl=CHALLENGE_TTL,
    )
    return {
        "challenge_id": challenge_id,
        "expires_at": clock.now() + CHALLENGE_TTL,
        "options": orjson.loads(options),
    }


async def _known(conn: Connection, user_id: UUID) -> list[PublicKeyCredentialDescriptor]:
    rows = await db.many(conn, factors.q.passkeys_of, user_id=user_id)
    return [
        PublicKeyCredentialDescriptor(
            id=row["credential_id"], transports=[AuthenticatorTransport(name) for name in row["transports"]]
        )
        for row in rows
    ]


def _transports(credential: dict[str, Any]) -> list[str]:
    """How the browser says that it reaches the passkey, as far as we know the words."""
    told = credential["response"].get("transports")
    known = {transport.value for transport in AuthenticatorTransport}
    return sorted({word for word in told if isinstance(word, str)} & known) if isinstance(told, list) else []


def _id_of(credential: dict[str, Any]) -> bytes:
    try:
        return base64url_to_bytes(credential["id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return b""


def _site() -> str:
    return urlsplit(settings().origin).hostname or ""


def _timeout_ms() -> int:
    return int(CHALLENGE_TTL.total_seconds() * 1000)
