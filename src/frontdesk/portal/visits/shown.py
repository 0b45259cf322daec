"""What the pages of a patient's visits are drawn from, as it stands or after a refusal."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from types import MappingProxyType
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Form
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.audit import reads
from frontdesk.auth.permissions import Actor
from frontdesk.availability import service as availability
from frontdesk.availability.service import Asked, Moving
from frontdesk.booking import told
from frontdesk.db import Connection, borrow
from frontdesk.errors import NotFound, Problem
from frontdesk.family import service as family
from frontdesk.portal.attempt import go
from frontdesk.portal.family import whom
from frontdesk.portal.pages import link, page
from frontdesk.waitlist import told as waiting
from frontdesk.web.browsers import wants_page
from frontdesk.web.tx import viewer_of

When = Literal["past"]
Done = Literal["booked", "confirmed", "moved", "cancelled", "taken", "declined", "left", "joined"]
"""What has just happened: a page says so once."""

Meant = Annotated[str | None, Form(alias="whom")]
"""For whom the page of a form was shown."""

_NOTHING: Mapping[str, str] = MappingProxyType({})

_AT_ONCE = 20
"""Visits on a page."""


async def all_visits(
    request: Request,
    actor: Actor,
    conn: Connection,
    *,
    when: When | None = None,
    cursor: str | None = None,
    done: Done | None = None,
    refused: Problem | None = None,
) -> Response:
    """A patient's visits: those ahead, before them offers and places on the waitlist; or those that are over."""
    assert actor.patient_id is not None
    ahead = when is None
    found = await told.of_patient(conn, actor, actor.patient_id, ahead=ahead, cursor=cursor, limit=_AT_ONCE)
    places = await waiting.of_patient(conn, actor, actor.patient_id) if ahead and cursor is None else []
    await reads.looked(conn, actor, [actor.patient_id], "appointments:list")
    return _page(
        request,
        ("visits/_list.html", "visits/list.html"),
        refused,
        here=link("/visits", when=when, cursor=cursor),
        ahead=ahead,
        visits=found["items"],
        more=found["next_cursor"],
        places=places,
        done=done,
    )


async def one_visit(
    request: Request,
    actor: Actor,
    conn: Connection,
    appointment_id: UUID,
    *,
    done: Done | None = None,
    refused: Problem | None = None,
    typed: str | None = None,
    faults: Mapping[str, str] = _NOTHING,
) -> Response:
    """One visit. Whoever is not its patient leaves an entry in the list of looks. Raises NotFound."""
    try:
        visit = await told.one(conn, actor, appointment_id)
    except NotFound as gone:
        return await others(request, actor, conn, gone)
    await reads.looked(conn, actor, [visit["patient_id"]], "appointments:read")
    here = f"/visits/{appointment_id}"
    both = ("visits/_visit.html", "visits/visit.html")
    return _page(request, both, refused, here=here, visit=visit, done=done, typed=typed or "", faults=faults)


async def one_place(
    request: Request, actor: Actor, conn: Connection, entry_id: UUID, *, refused: Problem | None = None
) -> Response:
    """One place on the waitlist. Raises NotFound."""
    try:
        place = await waiting.one(conn, actor, entry_id)
    except NotFound as gone:
        return await others(request, actor, conn, gone)
    await reads.looked(conn, actor, [place["patient_id"]], "waitlist:read")
    both = ("visits/_place.html", "visits/place.html")
    return _page(request, both, refused, here=f"/waitlist/{entry_id}", place=place, places=[place])


async def times(
    request: Request,
    actor: Actor,
    conn: Connection,
    appointment_id: UUID,
    since: date | None,
    *,
    refused: Problem | None = None,
) -> Response:
    """Free times for a move, by local day; after a refusal the nearest ones first. Raises NotFound."""
    try:
        visit = await told.one(conn, actor, appointment_id)
    except NotFound as gone:
        return await others(request, actor, conn, gone)
    await reads.looked(conn, actor, [visit["patient_id"]], "appointments:read")
    if "move" not in visit["actions"]:
        return go(f"/visits/{appointment_id}")
    span = availability.days(since, None)
    asked = Asked(
        visit_type_id=visit["visit_type_id"],
        clinic_id=visit["clinic_id"],
        patient_id=visit["patient_id"],
        self_booking=actor.is_patient_side,
        known=True,
        length=visit["end"] - visit["start"],
        moving=Moving.of(visit),
        **span,
    )
    free = await availability.of_provider(conn, visit["provider_id"], asked)
    nearest = refused.extra.get("alternatives", ()) if refused else ()
    return _page(
        request,
        ("visits/_times.html", "visits/times.html"),
        refused,
        here=link(f"/visits/{appointment_id}/move", **{"from": since}),
        visit=visit,
        days=_by_day(slot for one in free for slot in one.slots()),
        nearest=_by_day(nearest),
        later=span["to_on"],
        earlier=since and since - timedelta(days=availability.DEFAULT_DAYS),
    )


async def others(
    request: Request, actor: Actor, conn: Connection, refused: Problem, *, meant: str | None = None, typed: str = ""
) -> Response:
    """That it is not theirs for whom the caller acts by now, and for whom they may act to get at it: all of the family,
    or the one who was `meant`. What was `typed` is shown again. Nobody learns from it whether there is such a thing.

    Raises `refused` for a program, and when there is nobody else.
    """
    people = [one for one in await family.named(conn, actor) if one["patient_id"] != actor.patient_id]
    if not people or not wants_page(request):
        raise refused
    people = [one for one in people if str(one["patient_id"]) == meant] or people
    told = {"people": people, "typed": typed, "changing": request.method != "GET"}
    return page(request, "visits/others.html", status=refused.status, private=True, **told)


async def of_another(
    request: Request, actor: Actor, sent: Mapping[str, str | None], typed: str | None = None
) -> Response | None:
    """What `others` says, when the form was shown for somebody else than the caller acts for; else None."""
    try:
        whom.check(actor, sent)
    except whom.OtherPerson as refused:
        async with borrow(request.app.state.pool, viewer_of(request)) as conn:
            return await others(request, actor, conn, refused, meant=sent["whom"], typed=typed or "")
    return None


def _by_day(slots: Iterable[dict[str, Any]]) -> list[tuple[date, list[dict[str, Any]]]]:
    def day(slot: dict[str, Any]) -> date:
        start: datetime = slot["start"]
        return start.astimezone(ZoneInfo(slot["time_zone"])).date()

    return [(on, list(of)) for on, of in groupby(slots, key=day)]


def _page(request: Request, templates: tuple[str, str], refused: Problem | None, **said: Any) -> Response:
    """The page, or to htmx the part of it that changes."""
    template = templates[0 if request.headers.get("hx-request") else 1]
    status = refused.status if refused else 200
    said = {"refused": refused and refused.slug, "why": refused.extra if refused else {}, "done": None} | said
    return page(request, template, status=status, private=True, **said)
