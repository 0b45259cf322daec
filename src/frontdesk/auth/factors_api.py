"""Second factors: an authenticator app and recovery codes, under /auth/factors."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import factors, proofs
from frontdesk.auth.guard import allow
from frontdesk.auth.models import Password
from frontdesk.auth.own_api import ProcessKeys
from frontdesk.auth.permissions import Actor
from frontdesk.auth.proofs import Proof
from frontdesk.errors import Unauthenticated
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.fields import Body
from frontdesk.web.tx import Read, Tx, viewer_of

router = APIRouter(tags=["second factors"])

Myself = Annotated[Actor, allow("account")]
Enrolling = Annotated[Actor, allow("factors:enrol")]
Manager = Annotated[Actor, allow("users:manage")]

AppCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
RecoveryCode = Annotated[str, StringConstraints(min_length=16, max_length=40)]


class Secretive(Body):
    """A body whose errors do not repeat what was sent."""

    model_config = ConfigDict(hide_input_in_errors=True)


class WithPassword(Secretive):
    """The password once more; not needed beside an enrolment token."""

    password: Password | None = None


class ConfirmApp(Secretive):
    """The code that the app shows."""

    code: AppCode


class RemoveApp(Secretive):
    """The password once more, and a code of the app or a recovery code."""

    password: Password
    code: AppCode | None = None
    recovery_code: RecoveryCode | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "RemoveApp":
        if (self.code is None) is (self.recovery_code is None):
            raise ValueError("give code or recovery_code")
        return self


class Passkey(BaseModel):
    """A passkey, by the name its owner gave it."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


class Factors(BaseModel):
    """What guards a log-in besides the password. `required`: the role needs a second factor."""

    required: bool
    totp: bool
    totp_since: datetime | None
    passkeys: list[Passkey]
    recovery_codes: int


class NewApp(BaseModel):
    """For the authenticator app: `secret` to type (base32), `uri` as a QR code. Shown once."""

    secret: str
    uri: str


class RecoveryCodes(BaseModel):
    """Each stands in for the second factor once. Shown once; empty where there are some already."""

    recovery_codes: list[str]


async def _proof(request: Request, actor: Enrolling) -> Proof | None:
    """What somebody without a session sets up their first factor by."""
    if actor.login is not None:
        return None
    proof = proofs.of_enrolment(request)
    if proof is None:  # it has expired since the guard looked
        raise Unauthenticated("This token is not valid, or no longer; log in again.")
    return proof


ByProof = Annotated[Proof | None, Depends(_proof)]


async def once_more(request: Request, body: WithPassword, actor: Enrolling, proof: ByProof, keys: ProcessKeys) -> bool:
    if proof is not None:
        return True
    password = body.password.get_secret_value() if body.password else None
    return await factors.reprove(request.app.state.pool, viewer_of(request), keys, actor, password)


async def owner_once_more(request: Request, body: WithPassword, actor: Myself, keys: ProcessKeys) -> bool:
    password = body.password.get_secret_value() if body.password else None
    return await factors.reprove(request.app.state.pool, viewer_of(request), keys, actor, password)


async def _removal(request: Request, body: RemoveApp, actor: Myself, keys: ProcessKeys) -> AsyncIterator[bool]:
    """Whether the password is right. A wrong code is counted when the transaction that found it wrong is over."""
    pool = request.app.state.pool
    async with factors.guessing(pool, keys, actor, body.code):
        yield await factors.reprove(pool, viewer_of(request), keys, actor, body.password.get_secret_value())


@router.get("/auth/factors", response_model=Factors)
async def list_factors(actor: Myself, conn: Read) -> Response:
    """What guards this log-in besides the password."""
    return answer(200, await factors.overview(conn, actor))


@router.post("/auth/factors/totp", status_code=201, response_model=NewApp)
async def set_up_app(
    body: WithPassword,
    actor: Enrolling,
    proof: ByProof,
    proven: Annotated[bool, Depends(once_more)],
    keys: ProcessKeys,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """A secret for an authenticator app. It counts when a code of it is confirmed. 403 wrong-password."""
    return await once.answer(201, await factors.begin_totp(conn, keys, actor, proof, proven))


@router.post("/auth/factors/totp/confirm", response_model=RecoveryCodes)
async def confirm_app(
    body: ConfirmApp, actor: Enrolling, proof: ByProof, keys: ProcessKeys, once: OnceOnly, conn: Tx
) -> Response:
    """From here on log-in asks for a code of the app. Answers recovery codes, once. 422 code-refused."""
    return await once.answer(200, await factors.confirm_totp(conn, keys, actor, proof, body.code))


@router.post("/auth/factors/totp/remove", status_code=204, response_class=Response)
async def remove_app(
    body: RemoveApp,
    actor: Myself,
    proven: Annotated[bool, Depends(_removal, scope="function")],
    keys: ProcessKeys,
    conn: Tx,
) -> Response:
    """No code is asked for any more. 403 wrong-password, 422 code-refused."""
    await factors.remove_totp(conn, keys, actor, proven, body.code, body.recovery_code)
    return Response(status_code=204)


@router.post("/auth/factors/recovery-codes", status_code=201, response_model=RecoveryCodes)
async def renew_recovery_codes(
    body: WithPassword,
    actor: Myself,
    proven: Annotated[bool, Depends(owner_once_more)],
    keys: ProcessKeys,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """Ten new recovery codes; those before work no more. 403 wrong-password."""
    return await once.answer(201, await factors.renew_recovery_codes(conn, keys, actor, proven))


@router.delete("/users/{user_id}/factors", status_code=204, response_class=Response)
async def remove_factors(user_id: UUID, actor: Manager, conn: Tx) -> Response:
    """For somebody who has lost all second factors: takes them away and ends the sessions. Make sure who asks."""
    await factors.remove_all(conn, actor, user_id)
    return Response(status_code=204)
