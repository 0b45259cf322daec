"""The providers of a clinic, and the weekly editor: what is typed, what it would come to, then the change itself."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import board
from frontdesk.clinics import service as clinics
from frontdesk.db import Connection
from frontdesk.errors import Problem, StaleVersion
from frontdesk.portal import forms
from frontdesk.portal.admin.forms import SAVED
from frontdesk.portal.attempt import IN_PLACE, attempt, go
from frontdesk.portal.desk import day
from frontdesk.portal.desk.day import Look
from frontdesk.portal.hours import outlook, outside
from frontdesk.portal.hours.sheet import Full, Sheet, mark_of
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.providers import exceptions, preview, schedules
from frontdesk.providers import service as providers
from frontdesk.providers.models import WeeklySet
from frontdesk.web.tx import Read, connection

router = APIRouter(prefix="/desk/providers", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Desk = Annotated[Actor, allow("board:read")]
Keeper = Annotated[Actor, allow("schedules:write")]

_MOST = 1000
"""Kinds of visits that a form offers."""


@router.get("")
async def at_clinic(request: Request, actor: Desk, conn: Read) -> Response:
    """Who works at the clinic, with the ways to their hours."""
    place = await day.place(conn, actor, Look.of(request))
    staff = await board.providers(conn, place.id) if place.clinic else []
    asked = await exceptions.requested(conn, [one["id"] for one in staff])
    return page(request, "hours/providers.html", place=place, providers=staff, asked=asked)


@router.get("/{provider_id}/week")
async def week(request: Request, provider_id: UUID, actor: Keeper, conn: Read) -> Response:
    """The whole weekly set as a form."""
    rows = await schedules.get_schedules(conn, actor, provider_id)
    return await _shown(request, conn, actor, provider_id, Sheet.of_set(rows["items"]))


@router.post("/{provider_id}/week")
async def edit(request: Request, provider_id: UUID, actor: Keeper) -> Response:
    """A button of the form: a row more or less, a look at what it would come to, or the change. What is typed stays."""
    try:
        form = await forms.whole(request)
    except forms.Unreadable as unreadable:
        async with connection(request) as conn:
            rows = await schedules.get_schedules(conn, actor, provider_id)
            return await _shown(request, conn, actor, provider_id, Sheet.of_set(rows["items"]), refused=unreadable)
    sheet = Sheet.of_form(form)
    refused: Problem | None = None
    do, _, what = str(form.get("do", "")).partition("-")
    match do:
        case "add":
            try:
                sheet.add(what)
            except Full as full:
                refused = full
        case "remove":
            sheet.remove(what)
        case _:
            return await _judged(request, actor, provider_id, sheet, save=do == "save")
    async with connection(request) as conn:
        return await _shown(request, conn, actor, provider_id, sheet, refused=refused)


async def _judged(request: Request, actor: Actor, provider_id: UUID, sheet: Sheet, *, save: bool) -> Response:
    """Save only what was looked at; all else is looked at now."""
    meant, refused, found = sheet.meant(), None, None
    looked_at = meant is not None and sheet.aside["shown"] == mark_of(meant)
    if meant is not None and save and looked_at:
        change = partial(
            schedules.replace_schedules,
            actor=actor,
            provider_id=provider_id,
            body=meant,
            seen=sheet.aside["seen"],
            known=sheet.outside,
        )
        refused = await attempt(request, change)
        if refused is None:
            return go(f"/desk/providers/{provider_id}/week{SAVED}")
    if meant is not None:
        try:
            async with connection(request) as conn:
                found = await _look(conn, actor, provider_id, sheet, meant)
        except Problem as problem:
            if problem.status not in IN_PLACE:
                raise
            refused = refused or problem
        else:
            sheet.aside["shown"] = mark_of(meant)
            sheet.outside = found["outside"]
    changed = save and meant is not None and not looked_at
    async with connection(request) as conn:
        return await _shown(request, conn, actor, provider_id, sheet, found=found, refused=refused, changed=changed)


async def _look(conn: Connection, actor: Actor, provider_id: UUID, sheet: Sheet, meant: WeeklySet) -> dict[str, Any]:
    """What the set would come to: the weeks that were asked about, and what would stand outside."""
    around = await _around(conn, actor, provider_id, sheet)
    kind, zones = around["kind"], around["zones"]
    days = outlook.mondays(sheet.aside["first"], sheet.aside["second"], zones, kind["horizon_days"]) if kind else []
    asked = [outlook.asked(kind["id"], monday) for monday in days]
    came = await preview.of_week(conn, actor, provider_id, meant, asked, sheet.aside["seen"])
    return {
        "weeks": outlook.weeks(came, days, zones),
        "stranded": await outside.told(conn, actor, came.stranded),
        "outside": [one["id"] for one in came.stranded],
    }


async def _around(conn: Connection, actor: Actor, provider_id: UUID, sheet: Sheet) -> dict[str, Any]:
    """What the rows are about. Raises NotFound for a provider whose hours are not the caller's to see."""
    await schedules.refuse_unseen(conn, actor, provider_id)
    provider = await providers.get_provider(conn, actor, provider_id)
    places = (await clinics.list_clinics(conn, active=None, limit=_MOST, cursor=None))["items"]
    kinds = (await clinics.list_visit_types(conn, active=None, limit=_MOST, cursor=None))["items"]
    offered = [one for one in kinds if one["active"] and one["capacity"] == 1]
    offered = [one for one in offered if not provider["visit_type_ids"] or one["id"] in provider["visit_type_ids"]]
    kind = next((one for one in offered if str(one["id"]) == sheet.aside["visit"]), offered[0] if offered else None)
    mine = {str(one["id"]) for one in places if not schedules.is_elsewhere(actor, {one["id"]})}
    worked_at = {str(one) for one in provider["clinic_ids"]} | {row.typed["clinic_id"] for row in sheet.rows}
    return {
        "provider": provider,
        "clinics": {str(one["id"]): one for one in places},
        "own": await board.clinics(conn, actor),
        "mine": mine,  # those out of use, too
        "kinds": sorted(kinds, key=lambda one: str(one["name"])),
        "offered": offered,
        "kind": kind,
        "zones": sorted({one["time_zone"] for one in places if str(one["id"]) in worked_at}),
    }


async def _shown(
    request: Request,
    conn: Connection,
    actor: Actor,
    provider_id: UUID,
    sheet: Sheet,
    *,
    found: dict[str, Any] | None = None,
    refused: Problem | None = None,
    changed: bool = False,
) -> Response:
    """`changed`: the rows are others than those that were looked at before."""
    around = await _around(conn, actor, provider_id, sheet)
    standing = None
    if refused:
        sheet.blame(refused, around["clinics"], {str(one["id"]) for one in around["kinds"]})
    if isinstance(refused, StaleVersion):
        standing = Sheet.of_set((await schedules.get_schedules(conn, actor, provider_id))["items"])
        sheet.aside |= {"seen": standing.aside["seen"], "shown": ""}  # they have been told, and look once more
    told: dict[str, Any] = {
        "sheet": sheet,
        "standing": standing,
        "found": found,
        "refused": refused,
        "changed": changed,
    }
    status = refused.status if refused else 422 if sheet.wrong else 200
    return page(request, "hours/week.html", status=status, **around, **told)
