"""The second step of a log-in, and passkeys under /auth/factors/passkeys."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, StringConstraints, model_validator
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import devices, factors, passkeys, second_step, sessions
from frontdesk.auth.factors_api import (
    AppCode,
    ByProof,
    Enrolling,
    Myself,
    Passkey,
    RecoveryCode,
    Secretive,
    WithPassword,
    once_more,
    owner_once_more,
)
from frontdesk.auth.guard import allow
from frontdesk.auth.models import Tokens
from frontdesk.auth.own_api import ProcessKeys
from frontdesk.auth.permissions import Actor
from frontdesk.auth.second_step import Attempt, Given
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.fields import Name
from frontdesk.web.tx import Tx, transaction

router = APIRouter(tags=["second factors"])

Anybody = Annotated[Actor, allow("public")]
Token = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Credential = Annotated[dict[str, Any], Field(description="`PublicKeyCredential.toJSON()` of the browser.")]


class Signed(Secretive):
    """What a passkey has signed, and the challenge_id that it was asked for."""

    challenge_id: UUID
    credential: Credential


class SecondStep(Secretive):
    """The factor_token of POST /auth/token, and one of the others."""

    factor_token: Token
    code: AppCode | None = None
    recovery_code: RecoveryCode | None = None
    passkey: Signed | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "SecondStep":
        if sum(given is not None for given in (self.code, self.recovery_code, self.passkey)) != 1:
            raise ValueError("give one of code, recovery_code and passkey")
        return self

    @property
    def given(self) -> Given:
        """The second factor itself."""
        signed = self.passkey
        return Given(
            code=self.code,
            recovery_code=self.recovery_code,
            credential=signed.credential if signed else None,
            challenge_id=signed.challenge_id if signed else None,
        )


class AskPasskey(Secretive):
    """The factor_token of POST /auth/token."""

    factor_token: Token


class NewPasskey(Signed):
    """A new passkey, and what its owner calls it."""

    name: Name


class Options(BaseModel):
    """`options` go to `navigator.credentials`; what it answers comes back with `challenge_id`, once, until then."""

    challenge_id: UUID
    expires_at: datetime
    options: dict[str, Any]


class RegisteredPasskey(Passkey):
    """A new passkey. `recovery_codes` are shown once; empty where there are some already."""

    recovery_codes: list[str]


async def _attempt(request: Request, body: SecondStep, actor: Anybody, keys: ProcessKeys) -> AsyncIterator[Attempt]:
    """One try of this log-in. A wrong code is counted when the transaction that found it wrong is over."""
    pool = request.app.state.pool
    attempt = await second_step.begin(pool, keys, body.factor_token, body.given)
    try:
        yield attempt
    except second_step.SecondFactorRefused:
        await second_step.count_refusal(pool, keys, attempt)
        raise


async def _challenge(request: Request, body: NewPasskey, actor: Enrolling) -> bytes | None:
    """Used up in a transaction of its own. None is refused by the endpoint, which may have its answer already."""
    async with transaction(request) as conn:
        return await passkeys.take_challenge(conn, actor.user_id, passkeys.REGISTER, body.challenge_id)


@router.post("/auth/token/second-factor", response_model=Tokens)
async def finish_log_in(
    body: SecondStep,
    actor: Anybody,
    attempt: Annotated[Attempt, Depends(_attempt, scope="function")],
    request: Request,
    keys: ProcessKeys,
    conn: Tx,
) -> Response:
    """The second step of a log-in. 401 second-factor-refused; five tries for each password given."""
    email, proven = await second_step.finish(conn, keys, actor, attempt)
    response = answer(200, await sessions.log_in(conn, actor, proven, keys.tokens))
    devices.remember(request, response, email)
    return response


@router.post("/auth/token/second-factor/passkey-options", response_model=Options)
async def ask_passkey(body: AskPasskey, actor: Anybody, keys: ProcessKeys, conn: Tx) -> Response:
    """What a passkey is to sign for this log-in."""
    return answer(200, await second_step.passkey_options(conn, keys, body.factor_token))


@router.post("/auth/factors/passkeys/options", response_model=Options)
async def ask_new_passkey(
    body: WithPassword,
    actor: Enrolling,
    proof: ByProof,
    proven: Annotated[bool, Depends(once_more)],
    keys: ProcessKeys,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """What a new passkey is to sign. 403 wrong-password."""
    return await once.answer(200, await passkeys.registration_options(conn, keys, actor, proof, proven))


@router.post("/auth/factors/passkeys", status_code=201, response_model=RegisteredPasskey)
async def register_passkey(
    body: NewPasskey,
    actor: Enrolling,
    proof: ByProof,
    challenge: Annotated[bytes | None, Depends(_challenge)],
    keys: ProcessKeys,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """From here on log-in asks for a second factor, and this is one. 422 code-refused."""
    made = await passkeys.register(
        conn, keys, actor, proof, name=body.name, credential=body.credential, challenge=challenge
    )
    return await once.answer(201, made)


@router.post("/auth/factors/passkeys/{passkey_id}/remove", status_code=204, response_class=Response)
async def remove_passkey(
    passkey_id: UUID,
    body: WithPassword,
    actor: Myself,
    proven: Annotated[bool, Depends(owner_once_more)],
    keys: ProcessKeys,
    conn: Tx,
) -> Response:
    """This passkey opens nothing any more. 403 wrong-password."""
    await factors.remove_passkey(conn, keys, actor, proven, passkey_id)
    return Response(status_code=204)
