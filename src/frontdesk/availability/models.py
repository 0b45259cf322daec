"""Answers about availability."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel


class Slot(BaseModel):
    start: datetime
    end: datetime
    clinic_id: UUID
    time_zone: str


class ProviderAvailability(BaseModel):
    provider_id: UUID
    visit_type_id: UUID
    slots: list[Slot]


class Reason(BaseModel):
    code: str
    detail: str


class Explanation(BaseModel):
    start: datetime
    bookable: bool
    reasons: list[Reason]
