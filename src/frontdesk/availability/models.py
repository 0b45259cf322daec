"""Answers about availability."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel


class Slot(BaseModel):
    start: datetime
    end: datetime
    clinic_id: UUID
    time_zone: str


class ProviderSlot(Slot):
    provider_id: UUID


class ProviderAvailability(BaseModel):
    provider_id: UUID
    visit_type_id: UUID
    slots: list[Slot]


class Availability(BaseModel):
    visit_type_id: UUID
    slots: list[ProviderSlot]
    next_cursor: str | None


class FreeDay(BaseModel):
    """A local day of the clinics that has anything free: how many starts, and of how many providers."""

    date: date
    free: int
    providers: int


class FreeDays(BaseModel):
    visit_type_id: UUID
    days: list[FreeDay]


class Reason(BaseModel):
    code: str
    detail: str


class Explanation(BaseModel):
    start: datetime
    bookable: bool
    reasons: list[Reason]
