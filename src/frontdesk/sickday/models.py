"""Requests and answers about time off that displaces visits."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from frontdesk.providers.models import NewException, Status
from frontdesk.waitlist.models import StandingOffer
from frontdesk.web.fields import Flag

Kind = Literal["same_provider", "same_clinic", "other_clinic"]
State = Literal["offered", "accepted", "needs_call", "cancelled"]


class NewTimeAway(NewException):
    """Time off or an extra session; time off may offer other times to the visits that it displaces."""

    offer_alternatives: Flag = Field(
        False, description="Approved time off alone: keep the visits, and hold up to three other times for each."
    )

    @model_validator(mode="after")
    def _displaces(self) -> Self:
        if self.offer_alternatives and (self.kind != "time_off" or self.status not in (None, "approved")):
            raise ValueError("offer_alternatives is for approved time off")
        return self


class AlternativeTime(BaseModel):
    """A time that the patient could have instead."""

    kind: Kind
    provider_id: UUID
    clinic_id: UUID
    time_zone: str
    start: datetime
    end: datetime


class StrandedVisit(BaseModel):
    """A visit that the time off would displace. Without alternatives the patient has to be called."""

    id: UUID
    patient_id: UUID
    visit_type_id: UUID
    clinic_id: UUID
    start: datetime
    end: datetime
    status: str
    alternatives: list[AlternativeTime] = Field(description="Up to three, best first; no two of all visits collide.")


class TimeOffPreview(BaseModel):
    appointments: list[StrandedVisit]


class NewTime(BaseModel):
    """Where the visit is now."""

    provider_id: UUID
    clinic_id: UUID
    start: datetime
    end: datetime


class DisplacedVisit(BaseModel):
    """A visit that the time off displaced, as it stood, and what became of it."""

    entry_id: UUID = Field(description="Its place on the waitlist.")
    appointment_id: UUID
    patient_id: UUID | None = Field(description="Null for a patient whom the caller may not see.")
    visit_type_id: UUID
    clinic_id: UUID
    start: datetime
    end: datetime
    state: State = Field(
        description="needs_call: nothing was found, all was declined or has expired, no message about it can leave,"
        " or it stands."
    )
    stands: bool = Field(description="It takes place after all, and a message told its patient otherwise.")
    offers: list[StandingOffer]
    new: NewTime | None = Field(description="Of an accepted one.")


class CallList(BaseModel):
    status: Status = Field(description="Of the time off.")
    items: list[DisplacedVisit]
    counts: dict[State, int]
