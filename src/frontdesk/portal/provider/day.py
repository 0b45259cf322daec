"""`/my-day`: a provider's list of a day, and the steps they take with each patient."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import clock
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import told
from frontdesk.db import Connection, borrow
from frontdesk.errors import Problem
from frontdesk.portal import steps
from frontdesk.portal.attempt import attempt, go
from frontdesk.portal.pages import link, page
from frontdesk.portal.route import PageRoute
from frontdesk.providers import finding
from frontdesk.web.fields import Day
from frontdesk.web.tx import Read, viewer_of

router = APIRouter(prefix="/my-day", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Step = Literal["checked_in", "in_progress", "completed", "no_show"]

_NEXT: dict[str, tuple[Step, ...]] = {
    "scheduled": ("checked_in", "no_show"),
    "confirmed": ("checked_in", "no_show"),
    "checked_in": ("in_progress", "no_show"),
    "in_progress": ("completed",),
    "no_show": ("checked_in",),
}
"""What may come next, the most usual first. The database decides (invariant 3)."""

_DAY = timedelta(days=1)


@router.get("")
async def my_day(
    request: Request, actor: Annotated[Actor, allow("appointments:read")], conn: Read, on: Day | None = None
) -> Response:
    """Who comes, in order, and what may be done about each. Today, by the clock of the clinic, without `on`."""
    return await _shown(request, actor, conn, on) if actor.provider_id else go("/")


@router.post("/{appointment_id}/{step}")
async def take_step(
    request: Request,
    appointment_id: UUID,
    step: Step,
    actor: Annotated[Actor, allow("appointments:step")],
    version: Annotated[int, Form(ge=1, le=2**31 - 1)],
    on: Annotated[Day | None, Form()] = None,
) -> Response:
    """The patient is here, the visit begins, it is over, or nobody came."""

    async def change(conn: Connection) -> None:
        await steps.step(conn, actor, appointment_id, step, expected=version)

    refused = await attempt(request, change)
    if refused is None or actor.provider_id is None:
        return go(link("/my-day", on=on))
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        return await _shown(request, actor, conn, on, refused=refused)


async def _shown(
    request: Request, actor: Actor, conn: Connection, on: date | None, *, refused: Problem | None = None
) -> Response:
    assert actor.provider_id is not None
    today = today_at((await finding.profile(conn, actor.provider_id, own=True))["clinics"])
    day = on or today
    now = clock.now()
    visits = [
        visit | {"steps": [to for to in _NEXT.get(visit["status"], ()) if steps.in_time(visit, to, now)]}
        for visit in await told.day_of(conn, actor, actor.provider_id, day)
    ]
    said: dict[str, Any] = {"refused": refused, "here": link("/my-day", on=on)}
    template = "provider/_day.html" if request.headers.get("hx-request") else "provider/day.html"
    days = {"day": day, "today": today, "before": day - _DAY, "after": day + _DAY}
    status = refused.status if refused else 200
    return page(request, template, status=status, private=True, visits=visits, **days, **said)


def today_at(clinics: list[dict[str, Any]]) -> date:
    """The day that it is at the first of these."""
    return clock.now().astimezone(ZoneInfo(clinics[0]["time_zone"] if clinics else "UTC")).date()
