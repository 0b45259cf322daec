"""What the pages of a patient's visits are drawn from, as it stands or after a refusal."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.audit import reads
from frontdesk.auth.permissions import Actor
from frontdesk.availability import service as availability
from frontdesk.availability.service import Asked
from frontdesk.booking import told
from frontdesk.db import Connection
from frontdesk.errors import Problem
from frontdesk.portal.attempt import go
from frontdesk.portal.pages import link, page
from frontdesk.waitlist import told as waiting

When = Literal["past"]
Done = Literal["booked", "confirmed", "moved", "cancelled", "taken", "declined", "left", "joined"]
"""What has just happened: a page says so once."""

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
    visit = await told.one(conn, actor, appointment_id)
    await reads.looked(conn, actor, [visit["patient_id"]], "appointments:read")
    here = f"/visits/{appointment_id}"
    both = ("visits/_visit.html", "visits/visit.html")
    return _page(request, both, refused, here=here, visit=visit, done=done, typed=typed or "", faults=faults)


async def one_place(
    request: Request, actor: Actor, conn: Connection, entry_id: UUID, *, refused: Problem | None = None
) -> Response:
    """One place on the waitlist. Raises NotFound."""
    place = await waiting.one(conn, actor, entry_id)
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
    visit = await told.one(conn, actor, appointment_id)
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
