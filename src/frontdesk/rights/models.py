"""What is asked for and answered about a patient's rights."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from frontdesk.web.fields import Body, storable

Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500), AfterValidator(storable)
]


class AskErasure(Body):
    """Why: who asked, and how they proved who they are. No clinical text; it is kept."""

    reason: Reason


class Removed(BaseModel):
    """Of one table: how many rows lost values, and which columns held any."""

    rows: int
    columns: list[str]


class Erasure(BaseModel):
    """What was erased, and what the law keeps until when."""

    id: UUID
    patient_id: UUID
    at: datetime
    scope: Literal["contact", "everything"] = Field(
        description="contact: the law still keeps the clinical record and whose it is, until keep_until."
    )
    reason: str
    keep_until: datetime | None
    removed: dict[str, Removed]


class ErasureList(BaseModel):
    items: list[Erasure]
    next_cursor: str | None


class Export(BaseModel):
    """Everything that is kept about one patient, as far as the caller may read it."""

    exported_at: datetime
    clinical: Literal["included", "withheld"]
    patient: dict[str, Any]
    appointments: list[dict[str, Any]]
    records: list[dict[str, Any]]
    broken_glass: list[dict[str, Any]]
    notification_preferences: dict[str, Any]
    notifications: list[dict[str, Any]]
    waitlist: list[dict[str, Any]]
    devices: int
    family: list[dict[str, Any]]
    accounts: list[dict[str, Any]]
    accesses: list[dict[str, Any]]
    erasures: list[Erasure]
