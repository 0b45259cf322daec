"""`/family`: for whom a patient books, and acting for one of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth import browsers
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection, borrow
from frontdesk.errors import InvalidRequest, Problem
from frontdesk.family import service
from frontdesk.family.models import NewWard
from frontdesk.portal import forms
from frontdesk.portal.attempt import attempt, go
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.web.tx import Read, transaction, viewer_of

router = APIRouter(prefix="/family", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Guarding = Annotated[Actor, allow("family")]
Done = Literal["added", "stopped"]

_NOTHING: Mapping[str, str] = MappingProxyType({})


@router.get("")
async def family(request: Request, actor: Guarding, conn: Read, done: Done | None = None) -> Response:
    """Everybody for whom they may book, themself first."""
    return await _family(request, actor, conn, done=done)


@router.post("")
async def add(request: Request, actor: Guarding) -> Response:
    """Register a child. What cannot be is told at its field, and nothing typed is lost."""
    typed = await forms.sent(request)
    new, faults = forms.read(NewWard, typed)
    refused: Problem | None = InvalidRequest() if new is None else None
    if new is not None:

        async def change(conn: Connection) -> None:
            await service.add(conn, actor, new)

        refused = await attempt(request, change)
    if refused is None:
        return go("/family?done=added")
    if refused.extra.get("errors"):
        faults = {"date_of_birth": "age"}
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        return await _family(request, actor, conn, refused=refused, sent=typed, faults=faults)


@router.post("/act")
async def act(request: Request, actor: Guarding, whom: Annotated[UUID, Form()]) -> Response:
    """From now on this browser acts for one of the family, or for its owner again."""
    async with transaction(request) as conn:
        person = await service.demand(conn, actor, whom)
        switched = None if whom == actor.patient_id else await switch_to(request, conn, actor, person)
    response = go("/visits")
    if switched:
        browsers.remember(request, response, switched.login, switched.ends_at)
    return response


@router.post("/{patient_id}/stop")
async def stop(request: Request, patient_id: UUID, actor: Guarding) -> Response:
    """Act for them no longer. Whoever does at the moment is themself again."""
    switched = None
    async with transaction(request) as conn:
        if patient_id == actor.patient_id and actor.own_patient is not None:
            myself = await service.demand(conn, actor, actor.own_patient)
            switched = await switch_to(request, conn, actor, myself)
        await service.leave(conn, switched.actor if switched else actor, patient_id)
    response = go("/family?done=stopped")
    if switched:
        browsers.remember(request, response, switched.login, switched.ends_at)
    return response


async def switch_to(
    request: Request, conn: Connection, actor: Actor, person: Mapping[str, object]
) -> browsers.Switched:
    """Let the browser act for somebody of the family, in this transaction from now on, too."""
    name = f"{person['first_name']} {person['last_name']}"
    return await browsers.switch(request, conn, actor, UUID(str(person["patient_id"])), name)


async def _family(
    request: Request,
    actor: Actor,
    conn: Connection,
    *,
    done: Done | None = None,
    refused: Problem | None = None,
    sent: Mapping[str, str] = _NOTHING,
    faults: Mapping[str, str] = _NOTHING,
) -> Response:
    wards = (await service.family(conn, actor))["items"]
    told = {"wards": wards, "done": done, "refused": refused and refused.slug, "sent": sent, "faults": faults}
    return page(request, "family/family.html", status=refused.status if refused else 200, private=True, **told)
