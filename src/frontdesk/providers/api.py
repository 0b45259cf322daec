"""Endpoints of providers, their weekly schedules and exceptions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.clinics.models import Moment
from frontdesk.providers import exceptions, schedules, service
from frontdesk.providers.models import (
    ExceptionPage,
    ExceptionPatch,
    NewProvider,
    Provider,
    ProviderPage,
    ProviderPatch,
    ScheduleException,
    ScheduleSet,
    WeeklySet,
)
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.fields import Name, Short, Text
from frontdesk.web.pages import Cursor, Limit
from frontdesk.web.tx import Read, Tx
from frontdesk.web.versions import IfMatch

router = APIRouter(prefix="/providers", tags=["providers"])

Reader = Annotated[Actor, allow("directory:read")]
Writer = Annotated[Actor, allow("directory:write")]
ScheduleReader = Annotated[Actor, allow("schedules:read")]
Desk = Annotated[Actor, allow("schedules:write")]
Asker = Annotated[Actor, allow("exceptions:ask")]


@router.get("", response_model=ProviderPage)
async def list_providers(
    actor: Reader,
    conn: Read,
    specialty: Annotated[Name | None, Query(description="An id or a name.")] = None,
    clinic_id: UUID | None = None,
    q: Annotated[
        Text | None, Query(description="A part of the name, or one much like it; accents do not matter.")
    ] = None,
    language: Annotated[Short | None, Query(description="BCP 47; en finds en-GB too.")] = None,
    accepting: Annotated[bool | None, Query(description="Whether they take new patients.")] = None,
    active: Annotated[bool | None, Query(description="Left out: the public sees those in use, the desk all.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Find providers."""
    found = await service.list_providers(
        conn,
        actor,
        specialty=specialty,
        clinic_id=clinic_id,
        text=q,
        language=language,
        accepting=accepting,
        active=active,
        limit=limit,
        cursor=cursor,
    )
    return answer(200, found)


@router.post("", status_code=201, response_model=Provider)
async def create_provider(body: NewProvider, actor: Writer, once: OnceOnly, conn: Tx) -> Response:
    """Add a provider. 409 when the license number is in use."""
    return await once.answer(201, await service.create_provider(conn, actor, body))


@router.get("/{provider_id}", response_model=Provider)
async def get_provider(provider_id: UUID, actor: Reader, conn: Read) -> Response:
    """One provider; contact data only for the desk and the provider."""
    return answer(200, await service.get_provider(conn, actor, provider_id))


@router.patch("/{provider_id}", response_model=Provider)
async def change_provider(
    provider_id: UUID, body: ProviderPatch, actor: Writer, expected: IfMatch, conn: Tx
) -> Response:
    """Change a provider; the sets of ids are replaced as a whole."""
    return answer(200, await service.change_provider(conn, actor, provider_id, body, expected))


@router.delete("/{provider_id}", status_code=204)
async def deactivate(provider_id: UUID, actor: Writer, expected: IfMatch, conn: Tx) -> Response:
    """Deactivate a provider. 409 while appointments stand ahead."""
    await service.deactivate(conn, actor, provider_id, expected)
    return Response(status_code=204)


@router.get("/{provider_id}/schedules", response_model=ScheduleSet)
async def get_schedules(provider_id: UUID, actor: ScheduleReader, conn: Read) -> Response:
    """The whole weekly set."""
    return answer(200, await schedules.get_schedules(conn, actor, provider_id))


@router.put("/{provider_id}/schedules", response_model=ScheduleSet)
async def replace_schedules(provider_id: UUID, body: WeeklySet, actor: Desk, conn: Tx) -> Response:
    """Replace the weekly set. 409 appointments-stranded when visits would lie outside; override_reason keeps them."""
    return answer(200, await schedules.replace_schedules(conn, actor, provider_id, body))


@router.get("/{provider_id}/exceptions", response_model=ExceptionPage)
async def list_exceptions(
    provider_id: UUID,
    actor: ScheduleReader,
    conn: Read,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Time off and extra sessions between two instants."""
    found = await exceptions.list_exceptions(
        conn, actor, provider_id, since=since, until=until, limit=limit, cursor=cursor
    )
    return answer(200, found)


@router.patch("/{provider_id}/exceptions/{exception_id}", response_model=ScheduleException)
async def change_exception(
    provider_id: UUID, exception_id: UUID, body: ExceptionPatch, actor: Desk, expected: IfMatch, conn: Tx
) -> Response:
    """Approve, decline or change an exception."""
    return answer(200, await exceptions.change(conn, actor, provider_id, exception_id, body, expected))


@router.delete("/{provider_id}/exceptions/{exception_id}", status_code=204)
async def remove_exception(
    provider_id: UUID, exception_id: UUID, actor: Asker, conn: Tx, override_reason: Name | None = None
) -> Response:
    """Take an exception back. 409 appointments-stranded when visits stand in an extra session."""
    await exceptions.remove(conn, actor, provider_id, exception_id, override_reason)
    return Response(status_code=204)
