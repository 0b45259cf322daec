"""What others hear about people who register. Ids and nothing else: whoever hears looks up what they may see."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OfPatient:
    """One patient's events stay in order."""

    patient_id: UUID

    @property
    def key(self) -> str:
        return str(self.patient_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRegistered(OfPatient):
    """By themselves, or by the desk."""

    topic: ClassVar[str] = "patients.registered.v1"
