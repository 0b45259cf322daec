"""Requests and answers about the waitlist."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from frontdesk.availability.service import TimeOfDay
from frontdesk.web.fields import Body, Day, Flag, Name, Number, Text

Urgency = Literal["urgent", "normal", "flexible"]
Status = Literal["waiting", "offered", "booked", "expired", "removed"]
OfferStatus = Literal["standing", "accepted", "declined", "expired"]

_Parts = Annotated[list[TimeOfDay], Field(min_length=1, max_length=4)]


class JoinWaitlist(Body):
    """What somebody waits for: one provider, or any of a specialty. What is left out does not matter to them."""

    patient_id: UUID | None = Field(None, description="Implied for a patient.")
    visit_type_id: UUID
    provider_id: UUID | None = None
    specialty: Name | None = Field(None, description="Id or name of a specialty, in place of provider_id.")
    clinic_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    earliest: Day | None = Field(None, description="First local day of the clinic.")
    latest: Day | None = Field(None, description="Last local day of the clinic, inclusive.")
    weekdays: Annotated[list[Annotated[int, Field(ge=1, le=7), Number]], Field(min_length=1, max_length=7)] | None = (
        Field(None, description="ISO: 1 is Monday.")
    )
    time_of_day: TimeOfDay | _Parts | None = None
    urgency: Urgency = "normal"
    auto_book: Flag = Field(False, description="Book what comes without asking.")
    appointment_id: UUID | None = Field(
        None, description="A visit that the patient has: an accepted offer moves it to the earlier time."
    )
    reason: Text | None = None

    @model_validator(mode="after")
    def _one_or_any(self) -> Self:
        if (self.provider_id is None) == (self.specialty is None):
            raise ValueError("give either provider_id or specialty")
        if self.earliest and self.latest and self.latest < self.earliest:
            raise ValueError("latest is not before earliest")
        return self

    @property
    def times_of_day(self) -> list[TimeOfDay] | None:
        """As a list, each part once."""
        asked = [self.time_of_day] if isinstance(self.time_of_day, TimeOfDay) else self.time_of_day
        return asked and list(dict.fromkeys(asked))


class StandingOffer(BaseModel):
    """A time that is kept for them until `expires_at`."""

    id: UUID
    provider_id: UUID
    clinic_id: UUID
    time_zone: str
    start: datetime
    end: datetime
    expires_at: datetime


class WaitlistEntry(BaseModel):
    """Somebody who waits; with `exception_id`, whose visit that time off displaced, and who chooses among `offers`."""

    id: UUID
    patient_id: UUID
    visit_type_id: UUID
    provider_id: UUID | None
    specialty_id: UUID | None
    clinic_ids: list[UUID] | None
    earliest: date | None
    latest: date | None
    weekdays: list[int] | None
    time_of_day: list[TimeOfDay] | None
    urgency: Urgency
    auto_book: bool
    appointment_id: UUID | None
    reason: str | None
    status: Status
    missed: int = Field(description="Offers in a row that nobody answered.")
    offer: StandingOffer | None = Field(description="The first of `offers`.")
    offers: list[StandingOffer]
    exception_id: UUID | None
    version: int
    created_at: datetime
    changed_at: datetime


class Ahead(BaseModel):
    """Who is asked before, of those who wait for a time that might suit both."""

    more_urgent: int
    earlier: int = Field(description="Of the same urgency, and waiting for longer.")


class PlaceInLine(WaitlistEntry):
    position: int | None = Field(description="1 is asked next; null for one that is not waiting.")
    ahead: Ahead | None
    why: str


class WaitlistPage(BaseModel):
    items: list[WaitlistEntry]
    next_cursor: str | None


class WaitlistStats(BaseModel):
    """Of entries made within the span; times in seconds, null where there is nothing to measure."""

    waiting: int
    offered: int
    booked: int
    expired: int
    removed: int
    offers: int
    accepted: int
    conversion_rate: float | None = Field(description="Accepted offers, of those that are over.")
    median_time_to_fill_s: float | None = Field(description="From when a time became free to when it was accepted.")
    average_wait_s: float | None = Field(description="From joining to accepting.")
