"""What changes when a provider can be booked, other than a booking."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursChanged:
    """These providers can be booked at other times at these clinics.

    For another week, time off, an extra session, a closure; because they left or came back, or offer other visit types;
    because the rules of a visit type changed, or the clinic's zone, or whether either is in use.

    Nobody's visit: one that was moved or cancelled for it has an event of its own.
    """

    topic: ClassVar[str] = "hours.changed.v1"
    owner_id: UUID  # the provider, the clinic or the visit type that was changed
    provider_ids: Sequence[UUID]
    clinic_ids: Sequence[UUID]

    @property
    def key(self) -> str:
        return str(self.owner_id)
