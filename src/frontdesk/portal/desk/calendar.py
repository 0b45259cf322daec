"""The calendar of a clinic's day: a column for each provider, and visits that are dragged, or longer by their edge."""

from bisect import bisect
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import clock
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import board
from frontdesk.db import borrow
from frontdesk.errors import Problem
from frontdesk.portal.desk import choosing, day, moving
from frontdesk.portal.desk.choosing import Chosen
from frontdesk.portal.desk.day import Look
from frontdesk.portal.forms import Fault
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.web.answers import answer
from frontdesk.web.tx import Read, transaction, viewer_of

router = APIRouter(prefix="/desk/calendar", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Desk = Annotated[Actor, allow("board:read")]
Mover = Annotated[Actor, allow("appointments:move")]

_NOT_SHOWN = ("cancelled", "no_show")
_MINUTE = timedelta(minutes=1)
_TWO_LINES = timedelta(minutes=30)
"""What is shorter is drawn too low for its time and its name one above the other."""
_ONE_LINE = 15
"""What has fewer minutes would be too low for any words, and is drawn as if it had these."""


@router.get("")
async def calendar(request: Request, actor: Desk, conn: Read) -> Response:
    """The calendar; its script asks for what is in it."""
    return page(request, "desk/calendar.html", place=await day.place(conn, actor, Look.of(request)))


@router.get("/events")
async def events(request: Request, actor: Desk, conn: Read) -> Response:
    """The columns and what stands in them. Times are those of the clinic's clocks, without an offset."""
    place = await day.place(conn, actor, Look.of(request))
    visits = await board.day(conn, actor, place.id, place.on)
    there = {row["provider_id"]: row["provider"] for row in visits}
    providers = {one["id"]: one["name"] for one in await board.providers(conn, place.id)} | there
    shown = [_event(row) for row in visits if row["status"] not in _NOT_SHOWN]
    away = [_shade(row, list(providers)) for row in await board.away(conn, place.id, place.on, providers)]
    columns = [{"id": id_, "title": name} for id_, name in providers.items()]
    told = {"resources": columns, "events": shown, "away": away}
    response = answer(200, told)
    response.headers["Cache-Control"] = "no-store"
    return response


def _event(row: dict[str, Any]) -> dict[str, Any]:
    zone = ZoneInfo(row["time_zone"])
    local = {name: row[name].astimezone(zone) for name in ("start", "end")}
    # Within one zone clocks are compared and moved, not instants. Where they go back a visit may end before it begins,
    # and would not be drawn.
    if local["end"] <= local["start"]:
        local["end"] = local["start"] + (row["end"] - row["start"])
    short = ["is-short"] if local["end"] - local["start"] < _TWO_LINES else []
    times = _clocks(**local)
    drawn = max(local["end"], local["start"] + _ONE_LINE * _MINUTE)
    return {
        "start": times["start"],
        "end": _clocks(end=drawn)["end"],
        "id": row["id"],
        "resourceIds": [row["provider_id"]],
        "title": f"{row['first_name']} {row['last_name']} · {row['visit_type']}",
        "startEditable": row["status"] in moving.MOVABLE,
        "durationEditable": row["status"] in moving.MOVABLE,
        "classNames": [f"is-{row['status']}", *short],
        "extendedProps": {
            "version": row["version"],
            **times,
            "at": row["start"],
            "minutes": moving.minutes(row),
            "drawn": max(moving.minutes(row), _ONE_LINE),
            "provider": row["provider"],
        },
    }


def _shade(row: dict[str, Any], columns: list[UUID]) -> dict[str, Any]:
    zone = ZoneInfo(row["time_zone"])
    start, end = row["start"].astimezone(zone), row["end"].astimezone(zone)
    drawn = {"start": start, "end": end}
    if end.utcoffset() < start.utcoffset():
        # The clocks go back within it: they show an hour twice, and both are in it as far as they are drawn.
        minutes = range(int((row["end"] - row["start"]).total_seconds()) // 60 + 1)
        later = [(row["start"] + n * _MINUTE).astimezone(zone) for n in minutes]
        first = bisect(later, False, key=lambda at: at.utcoffset() != start.utcoffset())
        drawn = {"start": min(start, later[first]), "end": max(end, start + first * _MINUTE)}
    return _clocks(**drawn) | {
        "id": row["id"],
        "resourceIds": [row["provider_id"]] if row["provider_id"] else columns,
        "extendedProps": {"closed": row["provider_id"] is None, "reason": row["reason"], "whole": row["whole"]}
        | _clocks(start=start, end=end),
    }


def _clocks(**local: datetime) -> dict[str, str]:
    """Without their offsets."""
    return {name: at.isoformat("T", "minutes")[:16] for name, at in local.items()}


@router.post("/visits/{appointment_id}/move")
async def move(request: Request, appointment_id: UUID, actor: Mover, chosen: Annotated[Chosen, Form()]) -> Response:
    """What became of a drag, of a visit or of its end, in words.

    A refusal is an answer here, not an error: its words are in `.refused`.
    """
    refused = None
    try:
        async with transaction(request) as conn:
            await moving.move(conn, actor, appointment_id, chosen)
    except Problem as problem:
        if isinstance(problem, Fault) or not choosing.told_in_place(problem, actor):
            raise
        refused = problem
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        visit = day.marked(await board.visit(conn, actor, appointment_id), clock.now())
    resized, minutes = chosen.minutes is not None, moving.minutes(visit)
    return page(request, "desk/_moved.html", visit=visit, refused=refused, resized=resized, minutes=minutes)
