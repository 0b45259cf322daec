"""What happens in the book. Partition key is the provider, so that one provider's events stay in order."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfAppointment:
    appointment_id: UUID
    version: int
    provider_id: UUID
    clinic_id: UUID
    patient_id: UUID | None
    start: datetime  # aware, UTC
    end: datetime

    @property
    def key(self) -> str:
        return str(self.provider_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentHeld(_OfAppointment):
    topic: ClassVar[str] = "appointments.held.v1"
    hold_expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentScheduled(_OfAppointment):
    topic: ClassVar[str] = "appointments.scheduled.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentMoved(_OfAppointment):
    """Another time, length, provider, clinic or room; `status` is what it is now: a time that was confirmed is not."""

    topic: ClassVar[str] = "appointments.moved.v1"
    status: str
    old_provider_id: UUID
    old_clinic_id: UUID
    old_start: datetime
    old_end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentStepped(_OfAppointment):
    """Confirmed, checked in, begun, completed, missed, cancelled or expired: `status` says which."""

    topic: ClassVar[str] = "appointments.status-changed.v1"
    status: str
    old_status: str
