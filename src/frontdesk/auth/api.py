"""Log-in under /auth, and the management of accounts under /users.

Passwords are hashed in dependencies that stand before `OnceOnly` and `Tx`: FastAPI solves dependencies in the order of
the parameters, so no request holds a database connection, or a transaction, while it hashes.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import db
from frontdesk.auth import devices, passwords, second_step, service, sessions, throttle
from frontdesk.auth.guard import allow
from frontdesk.auth.models import AccountRole, ChangeUser, LogIn, NewUser, Refresh, Registration, Tokens, User, Users
from frontdesk.auth.permissions import Actor
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.limits import limit_account
from frontdesk.web.pages import Cursor, Limit
from frontdesk.web.tx import Read, Tx
from frontdesk.web.versions import IfMatch

router = APIRouter()

Anybody = Annotated[Actor, allow("public")]
Myself = Annotated[Actor, allow("account")]
Manager = Annotated[Actor, allow("users:manage")]


async def _registration(body: Registration) -> tuple[dict[str, Any], str]:
    return body.model_dump(exclude={"password"}), await passwords.hashed(body.password.get_secret_value())


async def _new_user(body: NewUser) -> tuple[dict[str, Any], str]:
    return body.model_dump(exclude={"password"}), await passwords.hashed(body.password.get_secret_value())


async def _changes(body: ChangeUser, if_match: IfMatch) -> tuple[int | None, dict[str, Any]]:
    """The version expected, and the changes with the password hashed."""
    changes = body.model_dump(exclude_unset=True, exclude={"password", "version"})
    if body.password is not None:
        changes["password_hash"] = await passwords.hashed(body.password.get_secret_value())
    return (body.version if if_match is None else if_match), changes


async def _proven(request: Request, actor: Anybody, form: Annotated[LogIn, Form()]) -> sessions.Proven:
    state, email = request.app.state, form.username
    if form.code:
        await limit_account(request, throttle.account_name(email), f"second factor {actor.address}")
        password = form.password.get_secret_value()
        return await second_step.prove_both(state.pool, state.keys, actor, email, password, form.code)
    own = devices.known(request, email)
    await limit_account(request, throttle.account_name(email), own)
    return await sessions.prove(state.pool, state.keys, email, form.password.get_secret_value(), own)


async def _replay_ends_session(request: Request, actor: Anybody) -> AsyncIterator[None]:
    """Outside the transaction, which a refusal rolls back: the end of the session must stay."""
    try:
        yield
    except sessions.RefreshRefused as refused:
        async with db.borrow(request.app.state.pool) as conn:
            await sessions.end_replayed(conn, actor, refused)
        raise


@router.post("/auth/register", status_code=201, response_model=User, tags=["auth"])
async def register(
    actor: Anybody,
    registration: Annotated[tuple[dict[str, Any], str], Depends(_registration)],
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """Open an account as a patient. 409 email-taken when the address has one."""
    return await once.answer(201, await service.register(conn, actor, *registration))


@router.post("/auth/token", response_model=Tokens, tags=["auth"])
async def token(
    actor: Anybody,
    proven: Annotated[sessions.Proven, Depends(_proven)],
    form: Annotated[LogIn, Form()],
    request: Request,
    conn: Tx,
) -> Response:
    """Log in (OAuth2 password grant, as a form): each log-in is a session of its own. 401 says no more than that.

    401 second-factor-required when the password is right and not enough. The cookie `frontdesk_device` lets the same
    device log in while strangers guess at the account (429 too-many-attempts).
    """
    keys = request.app.state.keys
    await second_step.demand(conn, keys, proven)
    response = answer(200, await sessions.log_in(conn, actor, proven, keys.tokens))
    devices.remember(request, response, form.username)
    return response


@router.post(
    "/auth/refresh",
    response_model=Tokens,
    tags=["auth"],
    dependencies=[Depends(_replay_ends_session, scope="function")],
)
async def refresh(body: Refresh, actor: Anybody, request: Request, once: OnceOnly, conn: Tx) -> Response:
    """Exchange a refresh token for new tokens. It works once: coming back with it later ends the session, unless it is
    the same request repeated with its Idempotency-Key."""
    keys = request.app.state.keys
    return await once.answer(200, await sessions.refresh(conn, actor, body.refresh_token, keys.tokens))


@router.post("/auth/logout", status_code=204, response_class=Response, tags=["auth"])
async def logout(actor: Myself, conn: Tx) -> Response:
    """End this session: its tokens open nothing from now on."""
    assert actor.login is not None  # or the guard had refused
    await sessions.log_out(conn, actor, actor.login)
    return Response(status_code=204)


@router.get("/auth/me", response_model=User, tags=["auth"])
async def me(actor: Myself, conn: Read) -> Response:
    """The account that is logged in."""
    return answer(200, await service.get_user(conn, actor.user_id))


@router.get("/users", response_model=Users, tags=["users"])
async def list_users(
    actor: Manager,
    conn: Read,
    role: Annotated[AccountRole | None, Query()] = None,
    active: Annotated[bool | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Accounts in the order of their creation."""
    return answer(200, await service.list_users(conn, role=role, active=active, cursor=cursor, limit=limit))


@router.post("/users", status_code=201, response_model=User, tags=["users"])
async def create_user(
    actor: Manager, new_user: Annotated[tuple[dict[str, Any], str], Depends(_new_user)], once: OnceOnly, conn: Tx
) -> Response:
    """Make an account with any role. 409 email-taken when the address has one."""
    return await once.answer(201, await service.add_user(conn, actor, *new_user))


@router.get("/users/{user_id}", response_model=User, tags=["users"])
async def get_user(user_id: UUID, actor: Manager, conn: Read) -> Response:
    """One account."""
    return answer(200, await service.get_user(conn, user_id))


@router.patch("/users/{user_id}", response_model=User, tags=["users"])
async def change_user(
    user_id: UUID,
    actor: Manager,
    changes: Annotated[tuple[int | None, dict[str, Any]], Depends(_changes)],
    conn: Tx,
) -> Response:
    """Change an account. A new role or password, and deactivation, end its sessions. 409 last-admin."""
    return answer(200, await service.change_user(conn, actor, user_id, *changes))
