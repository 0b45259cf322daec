"""API keys for other programs, made and revoked by admins, under /api-keys."""

import secrets
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, Field, model_validator
from starlette.responses import Response

from frontdesk.auth import api_keys, passwords
from frontdesk.auth.guard import allow
from frontdesk.auth.models import AccountRole, ClinicIds
from frontdesk.auth.permissions import SCOPES, Actor
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.fields import Body, Instant, Name
from frontdesk.web.pages import Cursor, Limit
from frontdesk.web.tx import Read, Tx

router = APIRouter(prefix="/api-keys", tags=["api keys"])

Manager = Annotated[Actor, allow("api-keys:manage")]


def _scope(value: str) -> str:
    if value not in SCOPES:
        raise ValueError("is no permission that an API key can have")
    return value


Scope = Annotated[str, AfterValidator(_scope), Field(json_schema_extra={"enum": list(SCOPES)})]


class NewApiKey(Body):
    """A key of the account `user_id`; without it, of a new account of role staff at `clinic_ids`, without a password.

    `scopes` are permissions out of those of the account's role. `expires_at`: a year from now unless said otherwise,
    two years at most.
    """

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    expires_at: Instant | None = None
    user_id: UUID | None = None
    role: Literal["staff"] | None = None
    clinic_ids: ClinicIds = Field(default_factory=list)

    @model_validator(mode="after")
    def _of_one_account(self) -> "NewApiKey":
        if self.user_id is not None and (self.role is not None or self.clinic_ids):
            raise ValueError("role and clinic_ids are those of a new account; leave them out beside user_id")
        return self


class ApiKey(BaseModel):
    """A key, known by its first characters. `active`: it has not ended, nor has its account."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    user_id: UUID
    role: AccountRole
    clinic_ids: list[UUID]
    active: bool
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


class IssuedApiKey(ApiKey):
    """A new key. `key` is shown here and never again."""

    key: str


class ApiKeys(BaseModel):
    """One page of keys, in the order of their creation."""

    items: list[ApiKey]
    next_cursor: str | None


async def _password_of_nobody(body: NewApiKey) -> str | None:
    """Hashed before the transaction begins; None where no account is made."""
    return await passwords.hashed(secrets.token_urlsafe()) if body.user_id is None else None


@router.post("", status_code=201, response_model=IssuedApiKey)
async def issue_api_key(
    body: NewApiKey,
    actor: Manager,
    password_hash: Annotated[str | None, Depends(_password_of_nobody)],
    once: OnceOnly,
    conn: Tx,
) -> Response:
    """Make a key for a program. Send it as `Authorization: Bearer fd_…`, or as `X-API-Key`."""
    asked = body.model_dump(exclude={"role"})
    return await once.answer(201, await api_keys.issue(conn, actor, **asked, password_hash=password_hash))


@router.get("", response_model=ApiKeys)
async def list_api_keys(
    actor: Manager,
    conn: Read,
    user_id: Annotated[UUID | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Keys in the order of their creation, those that are over too."""
    return answer(200, await api_keys.list_keys(conn, user_id=user_id, cursor=cursor, limit=limit))


@router.get("/{key_id}", response_model=ApiKey)
async def get_api_key(key_id: UUID, actor: Manager, conn: Read) -> Response:
    """One key, without its secret."""
    return answer(200, await api_keys.get_key(conn, key_id))


@router.delete("/{key_id}", status_code=204, response_class=Response)
async def revoke_api_key(key_id: UUID, actor: Manager, conn: Tx) -> Response:
    """End a key at once. It stays in the list."""
    await api_keys.revoke(conn, actor, key_id)
    return Response(status_code=204)
