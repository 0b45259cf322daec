"""What happens on the waitlist. Partition key is the entry, so that what happens to one stays in order."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfEntry:
    entry_id: UUID
    patient_id: UUID

    @property
    def key(self) -> str:
        return str(self.entry_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitlistJoined(_OfEntry):
    topic: ClassVar[str] = "waitlist.joined.v1"
    visit_type_id: UUID
    provider_id: UUID | None
    specialty_id: UUID | None
    clinic_ids: list[UUID] | None  # None: any
    urgency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitlistLeft(_OfEntry):
    """The entry is removed, or has expired: `status` says which. One that found its time is answered, not left."""

    topic: ClassVar[str] = "waitlist.left.v1"
    clinic_ids: list[UUID] | None  # None: any
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitlistOffered(_OfEntry):
    """A time is kept for the patient until `expires_at`; `appointment_id` is the hold."""

    topic: ClassVar[str] = "waitlist.offered.v1"
    offer_id: UUID
    appointment_id: UUID
    provider_id: UUID
    clinic_id: UUID
    start: datetime  # aware, UTC
    end: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitlistAnswered(_OfEntry):
    """Accepted, declined, or expired because nobody answered: `status` says which. `appointment_id` was the hold."""

    topic: ClassVar[str] = "waitlist.answered.v1"
    offer_id: UUID
    appointment_id: UUID
    provider_id: UUID
    clinic_id: UUID
    status: str
