"""What changes when a provider can be booked, other than a booking."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursChanged:
    """These providers work at other times at these clinics: another week, time off, an extra session, a closure.

    Nobody's visit: one that was moved or cancelled for it has an event of its own.
    """

    topic: ClassVar[str] = "hours.changed.v1"
    owner_id: UUID  # the provider whose hours were changed, or the clinic that was closed or opened
    provider_ids: Sequence[UUID]
    clinic_ids: Sequence[UUID]

    @property
    def key(self) -> str:
        return str(self.owner_id)
