"""The first page of admins, and the accounts: who may log in, as what, and at which desks."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import factors, passwords, service
from frontdesk.auth.guard import allow
from frontdesk.auth.models import AccountRole, ChangeUser, NewUser
from frontdesk.auth.permissions import Actor
from frontdesk.clinics import service as clinics
from frontdesk.db import Connection
from frontdesk.ops import figures, jobs
from frontdesk.portal.admin import forms
from frontdesk.portal.admin.forms import SAVED, Field, Told
from frontdesk.portal.attempt import go
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.portal.search import Query
from frontdesk.providers import service as providers
from frontdesk.web.fields import Text
from frontdesk.web.tx import Read, Tx

router = APIRouter(prefix="/admin", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Manager = Annotated[Actor, allow("users:manage")]

ROLES = ("staff", "provider", "admin", "patient")
_MOST = 1000
"""Names that a form offers."""

_ACCOUNT = (
    Field("email", "email", needed=True),
    Field("role", "word", needed=True, words=ROLES),
    Field("clinic_ids", "many"),
    Field("provider_id", "choice"),
    Field("patient_id"),
    Field("may_report", "flag"),
)
_NEW = (*_ACCOUNT, Field("password", "password", needed=True))
_CHANGED = (*_ACCOUNT, Field("active", "flag"), Field("password", "password"))


class Which(Query):
    """Whom the list shows."""

    role: AccountRole | None = None
    active: bool | None = None
    cursor: Text | None = None


@router.get("")
async def overview(request: Request, _: Manager, conn: Read) -> Response:
    """What there is to look after."""
    laid_aside = any(row["value"] for row in await figures.told(conn) if row["figure"] == "events_laid_aside")
    return page(request, "admin/overview.html", laid_aside=laid_aside, failing=await jobs.told(conn))


@router.get("/users")
async def list_users(request: Request, actor: Manager, conn: Read) -> Response:
    """Accounts in the order of their creation, by role and by whether they may log in."""
    which = Which.of(request)
    listed = await service.list_users(conn, role=which.role, active=which.active, cursor=which.cursor, limit=50)
    named = await _names(conn, actor)
    return page(request, "admin/users.html", which=which, listed=listed, roles=ROLES, **named)


@router.get("/users/new")
async def new_user(request: Request, actor: Manager, conn: Read) -> Response:
    """The form for a new account."""
    return await _form(request, actor, None, conn, forms.told(_NEW, {"role": "staff"}))


@router.post("/users")
async def add_user(request: Request, actor: Manager) -> Response:
    """Make an account with any role. What is wrong, or an address that has one already, is told in the form."""
    body, shown = await forms.read(request, NewUser, _NEW)
    secret = await _hashed(body)

    async def add(conn: Connection, new: NewUser) -> dict[str, Any]:
        return await service.add_user(conn, actor, new.model_dump(exclude={"password"}), secret)

    return await forms.save(request, body, shown, add, partial(_form, request, actor, None), _of)


@router.get("/users/{user_id}")
async def user(request: Request, user_id: UUID, actor: Manager, conn: Read) -> Response:
    """One account, and what can be changed about it."""
    shown = forms.told(_CHANGED, await service.get_user(conn, user_id))
    return await _form(request, actor, user_id, conn, shown)


@router.post("/users/{user_id}")
async def change_user(request: Request, user_id: UUID, actor: Manager) -> Response:
    """Change an account; the last admin stays one. A new role or password, and deactivation, end its sessions."""
    body, shown = await forms.read(request, ChangeUser, _CHANGED)
    secret = await _hashed(body)

    async def change(conn: Connection, asked: ChangeUser) -> dict[str, Any]:
        changes = asked.model_dump(exclude_unset=True, exclude={"password", "version"})
        changes |= {"password_hash": secret} if secret else {}
        return await service.change_user(conn, actor, user_id, asked.version, changes)

    return await forms.save(request, body, shown, change, partial(_form, request, actor, user_id), _of)


@router.post("/users/{user_id}/factors")
async def take_factors(user_id: UUID, actor: Manager, conn: Tx) -> Response:
    """For somebody who has lost all second factors: takes them away, and ends the sessions."""
    await factors.remove_all(conn, actor, user_id)
    return go(f"/admin/users/{user_id}{SAVED}")


async def _hashed(body: NewUser | ChangeUser | None) -> str:
    """The hash of a new password, made before a transaction begins; "" without one."""
    return await passwords.hashed(body.password.get_secret_value()) if body and body.password else ""


def _of(account: dict[str, Any]) -> str:
    return f"/admin/users/{account['id']}{SAVED}"


async def _names(conn: Connection, actor: Actor) -> dict[str, Any]:
    """The clinics and the providers, by their ids as a form sends them."""
    places = await clinics.list_clinics(conn, active=None, limit=_MOST, cursor=None)
    staff = await providers.list_providers(conn, actor, limit=_MOST)
    return {
        "clinics": {str(one["id"]): one["name"] for one in places["items"]},
        "providers": {str(one["id"]): f"{one['last_name']}, {one['first_name']}" for one in staff["items"]},
    }


async def _form(request: Request, actor: Actor, user_id: UUID | None, conn: Connection, shown: Told) -> Response:
    named = await _names(conn, actor)
    choices = {"clinic_ids": named["clinics"], "provider_id": named["providers"]}
    fields = _CHANGED if user_id else _NEW
    return page(
        request, "admin/user.html", status=shown.status, user_id=user_id, fields=fields, shown=shown, choices=choices
    )
