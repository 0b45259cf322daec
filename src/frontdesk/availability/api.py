"""`GET /availability` across providers, `GET /providers/{id}/availability`, their months, and `explain`."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor, Role
from frontdesk.availability import across, service
from frontdesk.availability.explain import explain as reasons_for
from frontdesk.availability.models import Availability, Explanation, FreeDays, ProviderAvailability
from frontdesk.availability.service import Asked, TimeOfDay
from frontdesk.web import pages
from frontdesk.web.answers import answer, answer_json
from frontdesk.web.fields import Day, Instant, Name
from frontdesk.web.query import parameters, read
from frontdesk.web.tx import Read

router = APIRouter(tags=["availability"])


class ProviderQuestion(BaseModel):
    visit_type_id: UUID
    from_on: Day | None = Field(None, alias="from", description="First day, in the clinic's zone.")
    to_on: Day | None = Field(None, alias="to", description="Day after the last; 14 days when left out.")
    clinic_id: UUID | None = None
    time_of_day: TimeOfDay | None = None


From = Annotated[Day | None, Query(alias="from", description="First day, in the clinic's zone.")]
To = Annotated[Day | None, Query(alias="to", description="Day after the last; 14 days when left out.")]
Specialty = Annotated[Name | None, Query(description="An id or a name.")]


@router.get(
    "/providers/{provider_id}/availability",
    response_model=ProviderAvailability,
    openapi_extra=parameters(ProviderQuestion),
)
async def provider_availability(
    provider_id: UUID, actor: Annotated[Actor, allow("availability:read")], request: Request
) -> Response:
    """Every start that can be booked, in order. Each books, unless somebody is faster.

    A patient who is logged in sees those that they can take themselves.
    """
    question = read(ProviderQuestion, request)
    asked = _asked(actor, **dict(question))
    free = await request.app.state.availability.of_provider(provider_id, asked)
    slots = b",".join(free.json()) if free else b""
    form = b'{"provider_id":"%b","visit_type_id":"%b","slots":[%b]}'
    return answer_json(form, provider_id, question.visit_type_id, slots)


@router.get("/availability", response_model=Availability)
async def availability(
    visit_type_id: UUID,
    actor: Annotated[Actor, allow("availability:read")],
    conn: Read,
    specialty: Specialty = None,
    clinic_id: UUID | None = None,
    from_on: From = None,
    to_on: To = None,
    time_of_day: TimeOfDay | None = None,
    per_provider: Annotated[int | None, Query(ge=1, le=1000, description="At most so many of one provider.")] = None,
    limit: pages.Limit = 50,
    cursor: pages.Cursor = None,
) -> Response:
    """The first free starts of all providers who could be booked, in order of start.

    With per_provider=1: when each of them is free first.
    """
    asked = _asked(
        actor,
        visit_type_id=visit_type_id,
        clinic_id=clinic_id,
        from_on=from_on,
        to_on=to_on,
        time_of_day=time_of_day,
    )
    specialty_id = await across.specialty(conn, specialty) if specialty else None
    who = await across.candidates(conn, visit_type_id=visit_type_id, specialty_id=specialty_id, clinic_id=clinic_id)
    place = pages.decode(cursor, ("start", int), ("provider_id", UUID), ("clinic_id", UUID))
    after = None if cursor is None else (place["start"], str(place["provider_id"]), str(place["clinic_id"]))
    slots = await across.first_free(conn, who, asked, limit=limit + 1, each=per_provider, after=after)
    more = f'"{pages.encode(*slots[limit - 1][0])}"' if len(slots) > limit else "null"
    body = b",".join(json for _, json in slots[:limit])
    return answer_json(b'{"visit_type_id":"%b","slots":[%b],"next_cursor":%b}', visit_type_id, body, more)


@router.get("/availability/days", response_model=FreeDays)
async def available_days(
    visit_type_id: UUID,
    actor: Annotated[Actor, allow("availability:read")],
    conn: Read,
    specialty: Specialty = None,
    clinic_id: UUID | None = None,
    from_on: From = None,
    to_on: To = None,
    time_of_day: TimeOfDay | None = None,
) -> Response:
    """The local days on which anybody who could be booked is free: what a calendar of a month shows."""
    asked = _asked(
        actor,
        visit_type_id=visit_type_id,
        clinic_id=clinic_id,
        from_on=from_on,
        to_on=to_on,
        time_of_day=time_of_day,
    )
    specialty_id = await across.specialty(conn, specialty) if specialty else None
    who = await across.candidates(conn, visit_type_id=visit_type_id, specialty_id=specialty_id, clinic_id=clinic_id)
    days = across.by_day(await service.of_providers(conn, who, asked))
    return answer(200, {"visit_type_id": visit_type_id, "days": days})


@router.get("/providers/{provider_id}/availability/days", response_model=FreeDays)
async def provider_available_days(
    provider_id: UUID,
    visit_type_id: UUID,
    actor: Annotated[Actor, allow("availability:read")],
    conn: Read,
    from_on: From = None,
    to_on: To = None,
    clinic_id: UUID | None = None,
    time_of_day: TimeOfDay | None = None,
) -> Response:
    """The local days on which this provider is free: what a calendar of a month shows."""
    asked = _asked(
        actor,
        visit_type_id=visit_type_id,
        clinic_id=clinic_id,
        from_on=from_on,
        to_on=to_on,
        time_of_day=time_of_day,
    )
    days = across.by_day(await service.of_provider(conn, provider_id, asked))
    return answer(200, {"visit_type_id": visit_type_id, "days": days})


@router.get("/providers/{provider_id}/availability/explain", response_model=Explanation)
async def explain(
    provider_id: UUID,
    visit_type_id: UUID,
    clinic_id: UUID,
    start: Instant,
    actor: Annotated[Actor, allow("availability:read")],
    conn: Read,
) -> Response:
    """Why a start cannot be booked: every reason, not only the first."""
    told = await reasons_for(
        conn,
        provider_id=provider_id,
        visit_type_id=visit_type_id,
        clinic_id=clinic_id,
        start=start,
        patient_id=actor.patient_id,
        self_booking=actor.is_patient_side,
    )
    return answer(200, told)


def _asked(
    actor: Actor,
    *,
    visit_type_id: UUID,
    clinic_id: UUID | None,
    from_on: date | None,
    to_on: date | None,
    time_of_day: TimeOfDay | None,
) -> Asked:
    return Asked(
        visit_type_id=visit_type_id,
        clinic_id=clinic_id,
        time_of_day=time_of_day,
        self_booking=actor.is_patient_side,
        patient_id=actor.patient_id if actor.role is Role.PATIENT else None,
        **service.days(from_on, to_on),
    )
