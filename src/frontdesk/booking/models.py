"""Requests and answers about holds and appointments."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from frontdesk.availability.models import ProviderSlot
from frontdesk.web.fields import Body, Flag, Instant, Number, Text

Status = Literal[
    "held", "scheduled", "confirmed", "checked_in", "in_progress", "completed", "cancelled", "no_show", "expired"
]
Mode = Literal["in_person", "telehealth"]
Token = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_-]+$")]


class MakeHold(Body):
    provider_id: UUID
    visit_type_id: UUID
    clinic_id: UUID
    start: Instant
    patient_id: UUID | None = None


class Hold(BaseModel):
    id: UUID
    provider_id: UUID
    visit_type_id: UUID
    clinic_id: UUID
    start: datetime
    end: datetime
    expires_at: datetime
    token: str | None = Field(None, description="Only for a caller without a log-in; shown once.")


class BookAppointment(Body):
    """Either a time, or a `hold_id` (then the rest may be left out, or must be what is held).

    `specialty_id` in place of `provider_id`: any provider of that specialty; then `start` may be left out.
    """

    provider_id: UUID | None = None
    specialty_id: UUID | None = None
    visit_type_id: UUID | None = None
    clinic_id: UUID | None = None
    start: Instant | None = None
    patient_id: UUID | None = Field(None, description="Implied for a patient.")
    reason: Text | None = None
    mode: Mode | None = None
    hold_id: UUID | None = None
    hold_token: Token | None = Field(None, description="The secret of a hold made without a log-in.")
    override_reason: Text | None = Field(None, min_length=1, description="The desk's reason for breaking a rule.")
    overbook: Flag = False

    @model_validator(mode="after")
    def _time_or_hold(self) -> "BookAppointment":
        if self.hold_id is None:
            any_of = self.specialty_id is not None
            needed = [name for name in TIME if not (any_of and name in ("provider_id", "start"))]
            missing = [name for name in needed if getattr(self, name) is None]
            if missing:
                raise ValueError(f"without a hold_id these are needed: {', '.join(missing)}")
            if any_of and (self.provider_id is not None or self.override_reason is not None or self.overbook):
                raise ValueError("specialty_id stands in place of provider_id, and overrides need a provider_id")
        elif self.specialty_id is not None:
            raise ValueError("a hold already has its provider: leave specialty_id out")
        elif self.override_reason is not None or self.overbook:
            raise ValueError("a hold already has its time: leave override_reason and overbook out")
        return self

    @property
    def is_plain(self) -> bool:
        """A time with one provider, and nothing beside it."""
        special = self.hold_id or self.specialty_id or self.override_reason or self.overbook
        return not special

    def time(self) -> dict[str, Any]:
        """Provider, visit type, clinic and start."""
        return {name: getattr(self, name) for name in TIME}


TIME = ("provider_id", "visit_type_id", "clinic_id", "start")
PLAIN = {*TIME, "patient_id", "reason", "mode"}
"""All that a plain booking says."""


class ChangeAppointment(Body):
    """What to change; what is left out stays. `version` may stand in for If-Match."""

    start: Instant | None = None
    end: Instant | None = Field(None, description="For the desk: how long this one visit is. Left out: as it was.")
    provider_id: UUID | None = None
    clinic_id: UUID | None = None
    room_id: UUID | None = None
    reason: Text | None = None
    override_reason: Text | None = Field(None, min_length=1)
    version: Annotated[int, Number] | None = None

    @model_validator(mode="after")
    def _no_empty_time(self) -> "ChangeAppointment":
        emptied = [
            n
            for n in ("start", "end", "provider_id", "clinic_id", "room_id")
            if n in self.model_fields_set and getattr(self, n) is None
        ]
        if emptied:
            raise ValueError(f"cannot be null: {', '.join(emptied)}")
        return self


class Cancel(Body):
    reason: Text | None = None
    version: Annotated[int, Number] | None = None


class Appointment(BaseModel):
    id: UUID
    status: Status
    version: int
    provider_id: UUID
    patient_id: UUID | None
    clinic_id: UUID
    room_id: UUID | None
    visit_type_id: UUID
    start: datetime
    end: datetime
    mode: Mode
    reason: str | None
    status_reason: str | None
    override_reason: str | None
    lane: int
    hold_expires_at: datetime | None
    join_url: str | None = Field(description="Where a telehealth visit takes place.")
    created_at: datetime
    changed_at: datetime


class AppointmentPage(BaseModel):
    items: list[Appointment]
    next_cursor: str | None


class Change(BaseModel):
    version: int
    from_status: Status | None
    to_status: Status
    provider_id: UUID
    clinic_id: UUID
    room_id: UUID | None
    start: datetime
    end: datetime
    reason: str | None
    at: datetime
    changed_by: UUID | None


class History(BaseModel):
    items: list[Change]
    next_cursor: str | None


class BusyTime(BaseModel):
    """`day`: the provider has as many visits of the type on that local day as are allowed."""

    resource: Literal["provider", "patient", "room", "day"]
    start: datetime
    end: datetime


class SlotTakenProblem(BaseModel):
    """409 `/problems/slot-taken`."""

    type: str
    title: str
    status: int
    detail: str | None = None
    conflicts: list[BusyTime] = []
    alternatives: list[ProviderSlot] = []
