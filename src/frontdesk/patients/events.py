"""What others hear about patients: which, and which fields; never what they hold."""

from dataclasses import dataclass
from typing import ClassVar

from frontdesk.auth.events import OfPatient


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientChanged(OfPatient):
    topic: ClassVar[str] = "patients.changed.v1"
    version: int
    fields: list[str]  # sorted names


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientDeleted(OfPatient):
    """With whom nothing had ever happened."""

    topic: ClassVar[str] = "patients.deleted.v1"
