"""`/my-schedule`: a provider's week as it is, and time off: what was asked for, and what came of it."""

from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import clock
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection, borrow
from frontdesk.errors import Forbidden, InvalidRequest, Problem
from frontdesk.portal import forms
from frontdesk.portal.attempt import attempt, go
from frontdesk.portal.pages import link, page
from frontdesk.portal.provider.day import today_at
from frontdesk.portal.route import PageRoute
from frontdesk.providers import exceptions, finding, week
from frontdesk.providers.models import LONGEST_TIME_OFF, NewException
from frontdesk.web.fields import Body, Day, Text
from frontdesk.web.tx import Read, still_in, viewer_of

router = APIRouter(prefix="/my-schedule", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Reader = Annotated[Actor, allow("schedules:read")]
Asker = Annotated[Actor, allow("exceptions:ask")]
LocalTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]

Done = Literal["asked", "withdrawn"]

_DAY = timedelta(days=1)
_AT_ONCE = 100


class TimeOff(Body):
    """Days in the zone of a clinic, both inclusive; without times whole days."""

    clinic: UUID
    first: Day
    last: Day
    begins: LocalTime | None = None
    ends: LocalTime | None = None
    reason: Text | None = None

    @property
    def local(self) -> tuple[str, str]:
        """The two local times."""
        until = f"{self.last} {self.ends}" if self.ends else f"{self.last + _DAY} 00:00"
        return f"{self.first} {self.begins or '00:00'}", until

    def refuse(self, start: datetime, end: datetime, longest: timedelta) -> None:
        """Raise Fault, at the field of the end, for a span (instants) that is none, is over, or lasts too long."""
        wrong = {"order": end <= start, "over": end <= clock.now(), "long": end - start > longest}
        if kind := next((kind for kind in wrong if wrong[kind]), None):
            raise forms.Fault("ends" if self.ends else "last", kind)


@router.get("")
async def my_schedule(
    request: Request, actor: Reader, conn: Read, since: Day | None = None, done: Done | None = None
) -> Response:
    """Seven days of working time, and time off from today on."""
    return await _shown(request, actor, conn, since, done=done) if actor.provider_id else go("/")


@router.post("/time-off")
async def ask(request: Request, actor: Asker) -> Response:
    """Ask for time off; the front desk decides. What cannot be is told in place, and nothing typed is lost."""
    if actor.provider_id is None:
        await still_in(request)
        return go("/")
    provider_id, typed = actor.provider_id, await forms.sent(request)
    asked, faults = forms.read(TimeOff, typed)
    refused: Problem | None = InvalidRequest() if asked is None else None
    if asked is not None:

        async def enter(conn: Connection) -> None:
            span = await week.span(conn, asked.clinic, *asked.local)
            asked.refuse(**span, longest=LONGEST_TIME_OFF)
            await exceptions.add(conn, actor, provider_id, NewException(kind="time_off", reason=asked.reason, **span))

        refused = await attempt(request, enter)
    if refused is None:
        return go("/my-schedule?done=asked")
    if isinstance(refused, forms.Fault):
        faults = refused.faults
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        return await _shown(request, actor, conn, None, refused=refused, typed=typed, faults=faults)


@router.post("/time-off/{exception_id}/withdraw")
async def withdraw(request: Request, exception_id: UUID, actor: Asker) -> Response:
    """Take back what was asked for and nobody has approved."""
    if actor.provider_id is None:
        await still_in(request)
        return go("/")
    provider_id = actor.provider_id

    async def take_back(conn: Connection) -> None:
        await exceptions.remove(conn, actor, provider_id, exception_id)

    refused: Problem | None
    try:
        refused = await attempt(request, take_back)
    except Forbidden as approved:  # since the page was shown
        refused = approved
    if refused is None:
        return go("/my-schedule?done=withdrawn")
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        return await _shown(request, actor, conn, None, refused=refused)


async def _shown(
    request: Request,
    actor: Actor,
    conn: Connection,
    since: date | None,
    *,
    refused: Problem | None = None,
    typed: dict[str, str] | None = None,
    **said: Any,
) -> Response:
    assert actor.provider_id is not None
    clinics = (await finding.profile(conn, actor.provider_id, own=True))["clinics"]
    today = today_at(clinics)
    first = since or today - timedelta(days=today.weekday())
    sessions = await week.sessions(conn, actor, actor.provider_id, first)
    span = {"since": clock.now(), "until": None}
    off = await exceptions.list_exceptions(conn, actor, actor.provider_id, **span, limit=_AT_ONCE, cursor=None)
    by_day = {on: list(of) for on, of in groupby(sessions, key=_local_day)}
    days = [(on, by_day.get(on, [])) for on in (first + n * _DAY for n in range(7))]
    told: dict[str, Any] = {
        "days": days,
        "off": sorted(off["items"], key=lambda one: one["start"]),
        "clinics": clinics,
        "zone": clinics[0]["time_zone"] if clinics else "UTC",
        "before": first - 7 * _DAY,
        "after": first + 7 * _DAY,
        "here": link("/my-schedule", since=since),
        "typed": typed or {},
        "faults": {},
        "done": None,
        "refused": refused,
    }
    status = refused.status if refused else 200
    return page(request, "provider/schedule.html", status=status, private=True, **(told | said))


def _local_day(session: dict[str, Any]) -> date:
    return session["start"].astimezone(ZoneInfo(session["time_zone"])).date()  # type: ignore[no-any-return]
