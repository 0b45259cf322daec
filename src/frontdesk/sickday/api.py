"""Entering time off, with a look at what it would displace before, and the call list after."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.providers import exceptions
from frontdesk.providers.models import ScheduleException
from frontdesk.sickday import service
from frontdesk.sickday.models import CallList, NewTimeAway, TimeOffPreview
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.tx import Read, Tx

router = APIRouter(prefix="/providers", tags=["providers"])

Asker = Annotated[Actor, allow("exceptions:ask")]
ScheduleReader = Annotated[Actor, allow("schedules:read")]


@router.post(
    "/{provider_id}/exceptions",
    status_code=201,
    response_model=ScheduleException,
    responses={200: {"model": TimeOffPreview, "description": "With `preview`: what it would displace."}},
)
async def add_exception(
    provider_id: UUID,
    body: NewTimeAway,
    actor: Asker,
    once: OnceOnly,
    conn: Tx,
    preview: Annotated[bool, Query(description="Change nothing; answer what the time off would displace.")] = False,
) -> Response:
    """Enter time off or an extra session; a provider's own is a request. 409 appointments-stranded as for schedules.

    With `offer_alternatives` the visits in it are kept, and each is offered up to three other times, all in one.
    """
    if preview:
        return await once.answer(200, await service.preview(conn, actor, provider_id, body))
    add = service.enter if body.offer_alternatives else exceptions.add
    return await once.answer(201, await add(conn, actor, provider_id, body))


@router.get("/{provider_id}/exceptions/{exception_id}/displaced", response_model=CallList)
async def displaced_visits(provider_id: UUID, exception_id: UUID, actor: ScheduleReader, conn: Read) -> Response:
    """What became of the visits that this time off displaced, and whose patients have to be called."""
    return answer(200, await service.call_list(conn, actor, provider_id, exception_id))
