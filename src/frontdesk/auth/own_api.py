"""What somebody does with their own log-in: sessions, a new password, verified addresses, another address.

What is hashed or counted before the transaction is a dependency that stands before `OnceOnly`, and refuses nothing that
the endpoint can refuse itself: a request repeated with its Idempotency-Key must get that far.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import factors, new_addresses, new_passwords, sessions, verification
from frontdesk.auth.guard import allow
from frontdesk.auth.models import (
    AddressAsked,
    AskAddress,
    AskCode,
    AskReset,
    ChangePassword,
    CodeSent,
    ConfirmAddress,
    ConfirmCode,
    Done,
    ResetPassword,
    Sessions,
    User,
)
from frontdesk.auth.permissions import Actor
from frontdesk.secrets import Keys
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.pages import Cursor, Limit
from frontdesk.web.tx import Read, Tx, transaction, viewer_of

router = APIRouter(prefix="/auth", tags=["auth"])

Anybody = Annotated[Actor, allow("public")]
Myself = Annotated[Actor, allow("account")]


def _keys(request: Request) -> Keys:
    keys: Keys = request.app.state.keys
    return keys


ProcessKeys = Annotated[Keys, Depends(_keys)]


async def _change(body: ChangePassword, actor: Myself, request: Request, keys: ProcessKeys) -> new_passwords.Change:
    pool, viewer = request.app.state.pool, viewer_of(request)
    old, new = body.old_password.get_secret_value(), body.new_password.get_secret_value()
    return await new_passwords.prepare_change(pool, viewer, keys, actor, old, new)


async def _reset(body: ResetPassword, actor: Anybody, request: Request) -> tuple[bytes, str] | None:
    return await new_passwords.prepare_reset(request.app.state.pool, body.token, body.password.get_secret_value())


async def _try(body: ConfirmCode, actor: Myself, request: Request) -> bytes | None:
    async with transaction(request) as conn:
        return await verification.take_try(conn, actor, body.channel)


async def _once_more(body: AskAddress, actor: Myself, request: Request, keys: ProcessKeys) -> bool:
    password = body.password.get_secret_value()
    return await factors.reprove(request.app.state.pool, viewer_of(request), keys, actor, password)


async def _try_new(body: ConfirmAddress, actor: Myself, request: Request) -> new_addresses.Asked | None:
    """Takes the body: what is no code uses up no try."""
    async with transaction(request) as conn:
        return await new_addresses.take_try(conn, actor)


@router.post("/logout-everywhere", status_code=204, response_class=Response)
async def log_out_everywhere(actor: Myself, conn: Tx) -> Response:
    """End all sessions of the account, this one too, and the links of a patient and their family."""
    if actor.patient_id is not None:
        await sessions.end_own_links(conn, actor)
    await sessions.log_out_everywhere(conn, actor, actor.user_id)
    return Response(status_code=204)


@router.get("/sessions", response_model=Sessions)
async def list_sessions(actor: Myself, conn: Read, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Where the account is logged in."""
    return answer(200, await sessions.list_own(conn, actor, cursor, limit))


@router.delete("/sessions/{session_id}", status_code=204, response_class=Response)
async def end_session(session_id: UUID, actor: Myself, conn: Tx) -> Response:
    """Log out there."""
    await sessions.end_own(conn, actor, session_id)
    return Response(status_code=204)


@router.post("/password", response_model=User)
async def change_password(
    actor: Myself,
    change: Annotated[new_passwords.Change, Depends(_change)],
    keys: ProcessKeys,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """Set a new password. All other sessions of the account end. 403 wrong-password."""
    return await once.answer(200, await new_passwords.change(conn, keys, actor, change))


@router.post("/password-reset", status_code=202, response_model=Done)
async def ask_for_reset(body: AskReset, actor: Anybody, keys: ProcessKeys, once: OnceOnly, conn: Tx) -> Response:
    """Have a link sent that sets a new password. The answer is the same whether the address has an account or not."""
    await new_passwords.ask_reset(conn, keys, actor, body.email)
    return await once.answer(202, {"detail": "If this address has an account, a link is on its way."})


@router.post("/password-reset/confirm", response_model=Done)
async def reset_password(
    actor: Anybody,
    prepared: Annotated[tuple[bytes, str] | None, Depends(_reset)],
    keys: ProcessKeys,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """Set a new password with the token of such a link, once. All sessions of the account end. 422 code-refused."""
    await new_passwords.reset(conn, keys, actor, prepared)
    return await once.answer(200, {"detail": "The password is set; log in with it."})


@router.post("/verification", status_code=202, response_model=CodeSent)
async def send_code(body: AskCode, actor: Myself, keys: ProcessKeys, once: OnceOnly, conn: Tx) -> Response:
    """Have a code of six digits sent to the account's e-mail address, or to the phone number on record."""
    return await once.answer(202, await verification.send_code(conn, keys, actor, body.channel))


@router.post("/verification/confirm", response_model=User)
async def confirm_code(
    body: ConfirmCode,
    actor: Myself,
    expected: Annotated[bytes | None, Depends(_try)],
    keys: ProcessKeys,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """Show that the code arrived. 422 code-refused; a code has five tries, within ten minutes."""
    return await once.answer(200, await verification.confirm(conn, keys, actor, body.channel, body.code, expected))


@router.post("/address", status_code=202, response_model=AddressAsked)
async def ask_for_address(
    body: AskAddress,
    actor: Myself,
    proven: Annotated[bool, Depends(_once_more)],
    keys: ProcessKeys,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """Have a code sent to the e-mail address to log in by from now on; until it is confirmed nothing changes.

    The answer is the same whether that address has an account or not. An older code works no more. 403 wrong-password.
    """
    return await once.answer(202, await new_addresses.ask(conn, keys, actor, proven, body.email))


@router.post("/address/confirm", response_model=User)
async def confirm_address(
    body: ConfirmAddress,
    actor: Myself,
    asked: Annotated[new_addresses.Asked | None, Depends(_try_new)],
    keys: ProcessKeys,
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """Log in by the new address from now on. All other sessions of the account end, and the old address is told.

    422 code-refused; a code has five tries, within ten minutes. 409 email-taken when it has got an account meanwhile.
    """
    return await once.answer(200, await new_addresses.confirm(conn, keys, actor, body.code, asked))
