"""What requests and answers about providers, schedules and exceptions look like."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from frontdesk.clinics.models import Page, Stored
from frontdesk.web.fields import (
    BirthDate,
    Body,
    Code,
    Day,
    Email,
    Flag,
    Instant,
    LongText,
    Name,
    Number,
    Patch,
    Short,
    Text,
    omitted,
)

LONGEST_SESSION = timedelta(hours=24)
"""A session that holds a visit begins on its local day or the day before: nobody looks further back."""

LONGEST_TIME_OFF = timedelta(days=730)

_LOCAL_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::00)?")


def _local_time(value: str) -> str:
    if not _LOCAL_TIME.fullmatch(value):
        raise ValueError("is no local time from 00:00 to 23:59")
    return value[:5]


def _local_end(value: str) -> str:
    # An end at or before the start is on the next day, so 24:00 and 00:00 mean the same.
    return "00:00" if value in ("24:00", "24:00:00") else _local_time(value)


StartTime = Annotated[str, StringConstraints(max_length=8), AfterValidator(_local_time)]
EndTime = Annotated[str, StringConstraints(max_length=8), AfterValidator(_local_end)]
Codes = Annotated[list[Code], Field(max_length=30)]
Ids = Annotated[list[UUID], Field(max_length=500)]
Url = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://[^\s\x00]+$")]
Kind = Literal["time_off", "extra_session"]
Status = Literal["requested", "approved", "declined"]


class NewProvider(Body):
    first_name: Name
    last_name: Name
    license_number: Name
    title: Short | None = None
    credentials: Codes = Field(default_factory=list)
    bio: LongText | None = None
    languages: Codes = Field(default_factory=list)
    specialty_ids: Ids = Field(default_factory=list)
    clinic_ids: Ids = Field(default_factory=list)
    visit_type_ids: Ids = Field(default_factory=list)
    accepting_new_patients: Flag = True
    gender: Short | None = None
    date_of_birth: BirthDate | None = None
    email: Email | None = None
    phone: Short | None = None
    address: Text | None = None
    photo_url: Url | None = None


class ProviderPatch(Patch):
    first_name: Name = omitted()
    last_name: Name = omitted()
    license_number: Name = omitted()
    title: Short | None = None
    credentials: Codes = omitted()
    bio: LongText | None = None
    languages: Codes = omitted()
    specialty_ids: Ids = omitted()
    clinic_ids: Ids = omitted()
    visit_type_ids: Ids = omitted()
    accepting_new_patients: Flag = omitted()
    active: Flag = omitted()
    gender: Short | None = None
    date_of_birth: BirthDate | None = None
    email: Email | None = None
    phone: Short | None = None
    address: Text | None = None
    photo_url: Url | None = None


class Provider(Stored):
    """`license_number` to `address` at the end are there only for the desk and for the provider."""

    first_name: str
    last_name: str
    title: str | None
    credentials: list[str]
    bio: str | None
    languages: list[str]
    specialty_ids: list[UUID]
    clinic_ids: list[UUID]
    visit_type_ids: list[UUID]
    accepting_new_patients: bool
    active: bool
    gender: str | None
    photo_url: str | None
    license_number: str = ""
    date_of_birth: date | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None


class ProviderPage(Page):
    items: list[Provider]


class WeeklySession(Body):
    """A session of one weekday in the clinic's zone. `end_time` at or before `start_time` is on the next day.

    `effective_from` is today in the clinic's zone when left out; an equal session that is there keeps its own.
    With `visit_type_ids` it is reserved for these, and open to all `release_hours` before it begins.
    """

    clinic_id: UUID
    weekday: Annotated[int, Field(ge=1, le=7, description="ISO: 1 = Monday."), Number]
    start_time: StartTime
    end_time: EndTime
    effective_from: Day | None = None
    effective_until: Annotated[Day | None, Field(description="The last day, inclusive.")] = None
    interval_weeks: Annotated[int, Field(ge=1, le=52), Number] = 1
    visit_type_ids: Annotated[list[UUID], Field(max_length=200)] | None = None
    release_hours: Annotated[int, Field(ge=0, le=8760), Number] | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.start_time == self.end_time != "00:00":
            raise ValueError("a session has a length; 00:00 to 00:00 is the whole day")
        if self.effective_from and self.effective_until and self.effective_until < self.effective_from:
            raise ValueError("effective_until is not before effective_from")
        if self.release_hours is not None and not self.visit_type_ids:
            raise ValueError("release_hours needs visit_type_ids: only what is reserved can be released")
        return self


class WeeklySet(Body):
    items: Annotated[list[WeeklySession], Field(max_length=200)]
    override_reason: Name | None = None


class Schedule(BaseModel):
    id: UUID
    clinic_id: UUID
    weekday: int
    start_time: str
    end_time: str
    effective_from: date
    effective_until: date | None
    interval_weeks: int
    visit_type_ids: list[UUID] | None
    release_hours: int | None


class ScheduleSet(BaseModel):
    items: list[Schedule]


def _fits(kind: str, start: datetime, end: datetime) -> None:
    longest = LONGEST_SESSION if kind == "extra_session" else LONGEST_TIME_OFF
    if not timedelta(0) < end - start <= longest:
        raise ValueError("end lies after start; an extra session lasts at most 24 hours, time off two years")


class NewException(Body):
    """Time off, or a session besides the weekly ones. A provider asks; the desk approves."""

    kind: Kind
    start: Instant
    end: Instant
    clinic_id: UUID | None = None
    visit_type_ids: Annotated[list[UUID], Field(max_length=200)] | None = None
    reason: Text | None = None
    status: Status | None = None
    override_reason: Name | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _fits(self.kind, self.start, self.end)
        if self.kind == "extra_session" and self.clinic_id is None:
            raise ValueError("an extra session has a clinic_id")
        return self


class ExceptionPatch(Patch):
    status: Status = omitted()
    start: Instant = omitted()
    end: Instant = omitted()
    reason: Text | None = None
    override_reason: Name | None = None


class ScheduleException(Stored):
    provider_id: UUID
    kind: Kind
    clinic_id: UUID | None
    start: datetime
    end: datetime
    status: Status
    visit_type_ids: list[UUID] | None
    reason: str | None


class ExceptionPage(Page):
    items: list[ScheduleException]
