"""`GET /providers/{id}/availability` and its `explain`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor, Role
from frontdesk.availability import service
from frontdesk.availability.models import Explanation, ProviderAvailability
from frontdesk.availability.service import TimeOfDay
from frontdesk.web.answers import answer
from frontdesk.web.fields import Day, Instant
from frontdesk.web.tx import Read

router = APIRouter(prefix="/providers/{provider_id}/availability", tags=["availability"])


@router.get("", response_model=ProviderAvailability)
async def provider_availability(
    provider_id: UUID,
    visit_type_id: UUID,
    actor: Annotated[Actor, allow("availability:read")],
    conn: Read,
    from_on: Annotated[Day | None, Query(alias="from", description="First day, in the clinic's zone.")] = None,
    to_on: Annotated[Day | None, Query(alias="to", description="Day after the last; 14 days when left out.")] = None,
    clinic_id: UUID | None = None,
    time_of_day: TimeOfDay | None = None,
) -> Response:
    """Every start that can be booked, in order. Each books, unless somebody is faster.

    A patient who is logged in sees those that they can take themselves.
    """
    slots = await service.free_slots(
        conn,
        provider_id=provider_id,
        visit_type_id=visit_type_id,
        clinic_id=clinic_id,
        from_on=from_on,
        to_on=to_on,
        time_of_day=time_of_day,
        self_booking=actor.is_patient_side,
    )
    if actor.role is Role.PATIENT and actor.patient_id is not None:
        slots = await service.fit_for(conn, slots, provider_id=provider_id, patient_id=actor.patient_id)
    return answer(200, {"provider_id": provider_id, "visit_type_id": visit_type_id, "slots": slots})


@router.get("/explain", response_model=Explanation)
async def explain(
    provider_id: UUID,
    visit_type_id: UUID,
    clinic_id: UUID,
    start: Instant,
    actor: Annotated[Actor, allow("availability:read")],
    conn: Read,
) -> Response:
    """Why a start cannot be booked: every reason, not only the first."""
    return answer(
        200,
        await service.explain(
            conn,
            provider_id=provider_id,
            visit_type_id=visit_type_id,
            clinic_id=clinic_id,
            start=start,
            patient_id=actor.patient_id,
            self_booking=actor.is_patient_side,
        ),
    )
