"""What others hear about patients' rights."""

from dataclasses import dataclass
from typing import ClassVar

from frontdesk.auth.events import OfPatient


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientErased(OfPatient):
    """Whoever keeps a copy of the patient has to let go of it; `scope` as in the erasure."""

    topic: ClassVar[str] = "patients.erased.v1"
    scope: str  # contact, everything
