"""`GET /availability` across providers, `GET /providers/{id}/availability`, their months, and `explain`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor, Role
from frontdesk.availability import across, service
from frontdesk.availability.explain import explain as reasons_for
from frontdesk.availability.models import Availability, Explanation, FreeDays, ProviderAvailability
from frontdesk.availability.service import Asked, TimeOfDay
from frontdesk.db import Connection
from frontdesk.web import pages
from frontdesk.web.answers import answer, answer_json
from frontdesk.web.fields import Day, Instant, Name
from frontdesk.web.query import parameters, read
from frontdesk.web.tx import Read

router = APIRouter(tags=["availability"])


class Question(BaseModel):
    visit_type_id: UUID
    from_on: Day | None = Field(None, alias="from", description="First day, in the clinic's zone.")
    to_on: Day | None = Field(None, alias="to", description="Day after the last; 14 days when left out.")
    clinic_id: UUID | None = None
    time_of_day: TimeOfDay | None = None

    def asked_by(self, actor: Actor) -> Asked:
        """The question as this caller asks it. Raises InvalidRequest for a span that is empty or too long."""
        return Asked(
            visit_type_id=self.visit_type_id,
            clinic_id=self.clinic_id,
            time_of_day=self.time_of_day,
            self_booking=actor.is_patient_side,
            patient_id=actor.patient_id if actor.role is Role.PATIENT else None,
            **service.days(self.from_on, self.to_on),
        )


class AcrossQuestion(Question):
    specialty: Name | None = Field(None, description="An id or a name.")

    async def candidates(self, conn: Connection) -> list[UUID]:
        """Who might be booked. Raises NotFound."""
        specialty_id = await across.specialty(conn, self.specialty) if self.specialty else None
        return await across.candidates(
            conn, visit_type_id=self.visit_type_id, specialty_id=specialty_id, clinic_id=self.clinic_id
        )


class FirstFreeQuestion(AcrossQuestion):
    per_provider: int | None = Field(None, ge=1, le=1000, description="At most so many of one provider.")
    limit: pages.Limit = 50
    cursor: pages.Cursor = None


@router.get(
    "/providers/{provider_id}/availability", response_model=ProviderAvailability, openapi_extra=parameters(Question)
)
async def provider_availability(
    provider_id: UUID, actor: Annotated[Actor, allow("availability:read")], request: Request
) -> Response:
    """Every start that can be booked, in order. Each books, unless somebody is faster.

    A patient who is logged in sees those that they can take themselves.
    """
    question = read(Question, request)
    free = await request.app.state.availability.of_provider(provider_id, question.asked_by(actor))
    slots = b",".join(free.json()) if free else b""
    form = b'{"provider_id":"%b","visit_type_id":"%b","slots":[%b]}'
    return answer_json(form, provider_id, question.visit_type_id, slots)


@router.get("/availability", response_model=Availability, openapi_extra=parameters(FirstFreeQuestion))
async def availability(actor: Annotated[Actor, allow("availability:read")], conn: Read, request: Request) -> Response:
    """The first free starts of all providers who could be booked, in order of start.

    With per_provider=1: when each of them is free first.
    """
    question = read(FirstFreeQuestion, request)
    place = pages.decode(question.cursor, ("start", int), ("provider_id", UUID), ("clinic_id", UUID))
    slots = await across.first_free(
        conn,
        await question.candidates(conn),
        question.asked_by(actor),
        limit=question.limit + 1,
        each=question.per_provider,
        copies=request.app.state.availability.copies.for_request(),
        after=(place["start"], str(place["provider_id"]), str(place["clinic_id"])) if question.cursor else None,
    )
    page = slots[: question.limit]
    more = f'"{pages.encode(*page[-1][0])}"'.encode() if len(slots) > len(page) else b"null"
    form = b'{"visit_type_id":"%b","slots":[%b],"next_cursor":%b}'
    return answer_json(form, question.visit_type_id, b",".join(json for _, json in page), more)


@router.get("/availability/days", response_model=FreeDays, openapi_extra=parameters(AcrossQuestion))
async def available_days(actor: Annotated[Actor, allow("availability:read")], conn: Read, request: Request) -> Response:
    """The local days on which anybody who could be booked is free: what a calendar of a month shows."""
    question = read(AcrossQuestion, request)
    who, copies = await question.candidates(conn), request.app.state.availability.copies.for_request()
    found = await service.of_providers(conn, who, question.asked_by(actor), copies)
    return answer(200, {"visit_type_id": question.visit_type_id, "days": across.by_day(found)})


@router.get("/providers/{provider_id}/availability/days", response_model=FreeDays, openapi_extra=parameters(Question))
async def provider_available_days(
    provider_id: UUID, actor: Annotated[Actor, allow("availability:read")], conn: Read, request: Request
) -> Response:
    """The local days on which this provider is free: what a calendar of a month shows."""
    question = read(Question, request)
    found = await service.of_provider(conn, provider_id, question.asked_by(actor))
    return answer(200, {"visit_type_id": question.visit_type_id, "days": across.by_day(found)})


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
