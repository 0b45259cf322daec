"""What a passkey has signed, as `own/passkeys.js` puts it into a form: the same as the API takes."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Json
from starlette.requests import Request

from frontdesk.auth import passkeys
from frontdesk.auth.new_passwords import CodeRefused
from frontdesk.auth.permissions import Actor
from frontdesk.auth.proofs import Proof
from frontdesk.web.fields import Name
from frontdesk.web.tx import transaction


class Signed(BaseModel):
    """What was signed, and the challenge_id that it was asked for."""

    challenge_id: UUID
    credential: Json[dict[str, Any]]


class Named(BaseModel):
    """What its owner calls a new passkey."""

    name: Name


class NewPasskey(Signed, Named):
    """A new passkey, and what its owner calls it."""


async def register(request: Request, owner: Actor, proof: Proof | None, asked: NewPasskey | None) -> dict[str, Any]:
    """Keep a new passkey, and answer it. Its challenge is used up in any case. Raises CodeRefused, Conflict."""
    if asked is None:
        raise CodeRefused
    async with transaction(request) as conn:
        challenge = await passkeys.take_challenge(conn, owner.user_id, passkeys.REGISTER, asked.challenge_id)
    async with transaction(request) as conn:
        new = await passkeys.register(
            conn,
            request.app.state.keys,
            owner,
            proof,
            name=asked.name,
            credential=asked.credential,
            challenge=challenge,
        )
    return new
