"""What others hear about records: that a glass was broken, never what was behind it."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassOpened:
    topic: ClassVar[str] = "patients.break_glass_opened.v1"
    patient_id: UUID
    user_id: UUID
    expires_at: datetime

    @property
    def key(self) -> str:
        """One patient's events stay in order."""
        return str(self.patient_id)
