"""The calls on the waitlist and on offers. Each translates and delegates; the transaction commits before the answer."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from frontdesk.audit import reads
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import service as booking
from frontdesk.booking.models import Appointment
from frontdesk.waitlist import offers, service
from frontdesk.waitlist.models import (
    JoinWaitlist,
    PlaceInLine,
    Status,
    WaitlistEntry,
    WaitlistPage,
    WaitlistStats,
)
from frontdesk.web import pages
from frontdesk.web.answers import OnceOnly, answer
from frontdesk.web.fields import Day
from frontdesk.web.tx import Read, Tx
from frontdesk.web.versions import IfMatch

router = APIRouter(tags=["waitlist"])

Reader = Annotated[Actor, allow("waitlist:read")]
Joiner = Annotated[Actor, allow("waitlist:join")]


@router.post("/waitlist", status_code=201, response_model=WaitlistEntry)
async def join_waitlist(body: JoinWaitlist, actor: Joiner, once: OnceOnly, conn: Tx) -> Response:
    """Wait for a time. The answer holds an `offer` at once when a time that suits is free already."""
    row = await service.join(conn, actor, body)
    return await once.answer(201, row, Location=f"/api/v1/waitlist/{row['id']}")


@router.get("/waitlist", response_model=WaitlistPage)
async def list_waitlist(
    actor: Reader,
    conn: Read,
    patient_id: UUID | None = None,
    provider_id: UUID | None = None,
    specialty_id: UUID | None = None,
    visit_type_id: UUID | None = None,
    clinic_id: UUID | None = None,
    status: Annotated[list[Status] | None, Query()] = None,
    limit: pages.Limit = 50,
    cursor: pages.Cursor = None,
) -> Response:
    """Who waits, in the order in which they joined; with `clinic_id`, who would come to that clinic."""
    page = await service.list_entries(
        conn,
        actor,
        patient_id=patient_id,
        provider_id=provider_id,
        specialty_id=specialty_id,
        visit_type_id=visit_type_id,
        clinic_id=clinic_id,
        status=status,
        limit=limit,
        cursor=cursor,
    )
    if patient_id is not None:
        await reads.looked(conn, actor, (row["patient_id"] for row in page["items"]), "waitlist:list")
    return answer(200, page)


@router.get("/waitlist/stats", response_model=WaitlistStats)
async def waitlist_stats(
    actor: Annotated[Actor, allow("waitlist:stats")],
    conn: Read,
    clinic_id: UUID | None = None,
    from_: Annotated[Day | None, Query(alias="from", description="First day of joining, UTC.")] = None,
    to: Annotated[Day | None, Query(description="Day after the last.")] = None,
) -> Response:
    """How many offers are taken, how fast a freed time is filled, how long people wait."""
    return answer(200, await service.stats(conn, actor, clinic_id=clinic_id, from_on=from_, to_on=to))


@router.get("/waitlist/{entry_id}", response_model=PlaceInLine)
async def waitlist_place(entry_id: UUID, actor: Reader, conn: Read) -> Response:
    """One place on the waitlist: the position, why, and the offer if one stands."""
    row = await service.place(conn, actor, entry_id)
    await reads.looked(conn, actor, [row["patient_id"]], "waitlist:read")
    return answer(200, row)


@router.delete("/waitlist/{entry_id}", status_code=204)
async def leave_waitlist(entry_id: UUID, actor: Joiner, expected: IfMatch, conn: Tx) -> Response:
    """Wait no longer. A time that was kept goes to the next."""
    await service.leave(conn, actor, entry_id, expected)
    return Response(status_code=204)


@router.post("/offers/{offer_id}/accept", status_code=201, response_model=Appointment)
async def accept_offer(offer_id: UUID, actor: Joiner, once: OnceOnly, conn: Tx) -> Response:
    """Book the time that was offered. Somebody's later visit is moved there, and its time goes to the next."""
    row = await offers.accept(conn, actor, offer_id)
    return await once.answer(201, booking.public(row), Location=f"/api/v1/appointments/{row['id']}")


@router.post("/offers/{offer_id}/decline", response_model=WaitlistEntry)
async def decline_offer(offer_id: UUID, actor: Joiner, once: OnceOnly, conn: Tx) -> Response:
    """Give the time to the next, and go on waiting: the place stays."""
    entry_id = await service.decline(conn, actor, offer_id)
    return await once.answer(200, await service.find(conn, actor, entry_id))
