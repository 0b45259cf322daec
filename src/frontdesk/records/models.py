"""Requests and answers about visits, medical records and broken glass."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from frontdesk.clinics.models import Page
from frontdesk.web.fields import Body, Day, LongText, Name, Number, Patch, Text, omitted, storable

Kind = Literal["note", "allergy", "condition", "medication", "immunization", "result", "document"]


class Prescription(Body):
    medication: Name
    dose: Name | None = None
    instructions: Text | None = None


class VisitPatch(Patch):
    """What is sent is written; what is left out stays."""

    chief_complaint: LongText | None = None
    diagnosis: LongText | None = None
    treatment_plan: LongText | None = None
    prescriptions: Annotated[list[Prescription], Field(max_length=50)] = omitted()
    notes: LongText | None = None
    follow_up_on: Day | None = None


class Visit(BaseModel):
    appointment_id: UUID
    chief_complaint: str | None
    diagnosis: str | None
    treatment_plan: str | None
    prescriptions: list[Prescription]
    notes: str | None
    follow_up_on: date | None
    version: int
    created_at: datetime
    changed_at: datetime


class NewRecord(Body):
    """`replaces`: the record that this one corrects. A record is never edited."""

    kind: Kind
    title: Name
    body: LongText | None = None
    recorded_on: Day | None = Field(None, description="Today (UTC) when left out.")
    appointment_id: UUID | None = None
    replaces: UUID | None = None


class Record(BaseModel):
    id: UUID
    patient_id: UUID
    kind: Kind
    title: str | None = Field(description="null: erased")
    body: str | None
    recorded_on: date
    appointment_id: UUID | None
    replaces: UUID | None
    replaced_by: UUID | None
    created_at: datetime
    written_by: UUID


class RecordPage(Page):
    items: list[Record]


class BreakGlass(Body):
    """Why the record must be read now, in words that the patient will read; and for how long."""

    reason: Annotated[
        str, StringConstraints(min_length=10, max_length=500, strip_whitespace=True), AfterValidator(storable)
    ]
    minutes: Annotated[int, Field(ge=1, le=24 * 60), Number] | None = Field(
        None, description="At most, and when left out, FRONTDESK_BREAK_GLASS_FOR."
    )


class Opened(BaseModel):
    id: UUID
    patient_id: UUID
    user_id: UUID
    reason: str
    opened_at: datetime
    expires_at: datetime


class Glass(BaseModel):
    """One time the glass was broken, as the patient sees it."""

    id: UUID
    patient_id: UUID
    reason: str | None = Field(description="null: erased")
    opened_at: datetime
    expires_at: datetime
    display: str = Field(description="A provider's name, or the administration.")


class GlassPage(Page):
    items: list[Glass]
