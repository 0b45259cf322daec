"""What requests and answers about patients look like."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from frontdesk.clinics.models import Mode, Page, Stored
from frontdesk.web.fields import BirthDate, Body, Email, Flag, Name, Number, Patch, Short, Text, omitted

Channel = Literal["email", "sms", "push", "phone"]
TimeOfDay = Literal["night", "morning", "afternoon", "evening"]
ClinicIds = Annotated[list[UUID], Field(max_length=500)]


class Insurance(Body):
    provider: Name
    member_id: Name | None = None


class EmergencyContact(Body):
    name: Name
    phone: Short | None = None
    relation: Short | None = None


class Preferences(Body):
    """How and when the patient likes to be reached and seen. Wishes, never limits."""

    channels: Annotated[list[Channel], Field(max_length=4)] | None = None
    clinics: ClinicIds | None = None
    weekdays: Annotated[list[Annotated[int, Field(ge=1, le=7), Number]], Field(max_length=7)] | None = None
    time_of_day: TimeOfDay | Annotated[list[TimeOfDay], Field(max_length=4)] | None = None


class NewPatient(Body):
    """`clinic_ids`, where the patient is registered, are the clinics of the front desk when left out."""

    first_name: Name
    last_name: Name
    date_of_birth: BirthDate
    gender: Short | None = None
    email: Email | None = None
    phone: Short | None = None
    language: Short | None = None
    address: Text | None = None
    national_id: Name | None = None
    insurance: Insurance | None = None
    emergency_contact: EmergencyContact | None = None
    external_ref: Name | None = None
    clinic_ids: ClinicIds | None = None
    preferences: Preferences = Field(default_factory=Preferences)


class PatientPatch(Patch):
    """Nested objects are replaced as a whole; `clinic_ids` too. Some fields are only for the desk."""

    first_name: Name = omitted()
    last_name: Name = omitted()
    date_of_birth: BirthDate = omitted()
    gender: Short | None = None
    email: Email | None = None
    phone: Short | None = None
    language: Short | None = None
    address: Text | None = None
    national_id: Name | None = None
    insurance: Insurance | None = None
    emergency_contact: EmergencyContact | None = None
    external_ref: Name | None = None
    clinic_ids: ClinicIds = omitted()
    preferences: Preferences = omitted()
    active: Flag = omitted()


class Patient(Stored):
    first_name: str
    last_name: str
    date_of_birth: date
    gender: str | None
    email: str | None
    phone: str | None
    language: str | None
    address: str | None
    national_id: str | None
    insurance: Insurance | None
    emergency_contact: EmergencyContact | None
    external_ref: str | None
    clinic_ids: list[UUID]
    preferences: Preferences
    active: bool


class NewlyRegistered(Patient):
    """`possible_duplicates`: patients whom the caller may see and who may be the same person."""

    possible_duplicates: list[UUID]


class PatientPage(Page):
    items: list[Patient]


class PatientAppointment(BaseModel):
    id: UUID
    status: str
    version: int
    provider_id: UUID
    patient_id: UUID
    clinic_id: UUID
    room_id: UUID | None
    visit_type_id: UUID
    start: datetime
    end: datetime
    mode: Mode
    reason: str | None
    hold_expires_at: datetime | None


class PatientAppointmentPage(Page):
    items: list[PatientAppointment]
