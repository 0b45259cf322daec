"""What requests and answers about clinics, rooms, specialties, visit types and closures look like."""

from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal, Self
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from frontdesk.web.fields import Body, Day, Flag, Instant, Name, Number, Patch, Short, Text, omitted, storable

LONGEST_CLOSURE_DAYS = 366


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_zone(value: str) -> str:
    if value not in _zones():
        raise ValueError("is no time zone of the IANA database, for example Europe/Berlin")
    return value


def _midnight_utc(value: Any) -> Any:
    return f"{value}T00:00:00Z" if isinstance(value, str) and len(value) == len("2026-01-01") else value


Moment = Annotated[Instant, BeforeValidator(_midnight_utc)]
"""An end of a span in a query: an instant with its offset, or a date, which means its beginning in UTC."""
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
Country = Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z]{2}$")]
"""ISO 3166-1 alpha-2."""
Region = Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z0-9]{1,3}$")]
"""ISO 3166-2 without the country, for public holidays: BY, CA, NSW."""
Latitude = Annotated[float, Field(ge=-90, le=90), Number]
Longitude = Annotated[float, Field(ge=-180, le=180), Number]
Mode = Literal["in_person", "telehealth"]
Minutes = Annotated[int, Field(ge=1, le=1440), Number]
Buffer = Annotated[int, Field(ge=0, le=240), Number]
Notice = Annotated[int, Field(ge=0, le=525_600), Number]
Horizon = Annotated[int, Field(ge=1, le=730), Number]
DayBefore = Annotated[int, Field(ge=60, le=20_160, description="Minutes before a visit; null: no reminder."), Number]
HoursBefore = Annotated[int, Field(ge=15, le=1440, description="Minutes before a visit; null: no reminder."), Number]
PerDay = Annotated[int, Field(ge=1, le=1000), Number]
Seats = Annotated[int, Field(ge=1, le=200), Number]
Bring = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")],
        Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(storable)],
    ],
    Field(
        min_length=1,
        max_length=20,
        description="By language (en, es): what messages say instead of the usual.",
        json_schema_extra={"additionalProperties": False},  # pydantic describes the keys that are right, and no others
    ),
]


class NewClinic(Body):
    name: Name
    time_zone: TimeZone
    country: Country | None = None
    region: Region | None = None
    address: Text | None = None
    phone: Short | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    remind_day_min: DayBefore | None = 1440
    remind_hours_min: HoursBefore | None = 120


class ClinicPatch(Patch):
    name: Name = omitted()
    time_zone: TimeZone = omitted()
    country: Country | None = None
    region: Region | None = None
    address: Text | None = None
    phone: Short | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    remind_day_min: DayBefore | None = None
    remind_hours_min: HoursBefore | None = None
    active: Flag = omitted()


class Stored(BaseModel):
    """What every stored thing carries."""

    id: UUID
    version: int
    created_at: datetime
    changed_at: datetime


class Page(BaseModel):
    next_cursor: str | None


class Clinic(Stored):
    name: str
    time_zone: str
    country: str | None
    region: str | None
    address: str | None
    phone: str | None
    latitude: float | None
    longitude: float | None
    remind_day_min: int | None
    remind_hours_min: int | None
    active: bool


class ClinicPage(Page):
    items: list[Clinic]


class NewRoom(Body):
    name: Name
    kind: Name = "consultation"


class RoomPatch(Patch):
    name: Name = omitted()
    kind: Name = omitted()
    active: Flag = omitted()


class Room(Stored):
    clinic_id: UUID
    name: str
    kind: str
    active: bool


class RoomPage(Page):
    items: list[Room]


class NewSpecialty(Body):
    name: Name


class SpecialtyPatch(Patch):
    name: Name = omitted()


class Specialty(Stored):
    name: str


class SpecialtyPage(Page):
    items: list[Specialty]


class NewVisitType(Body):
    """`slot_step_min` is the duration when left out: the grid of starts lies end to end."""

    name: Name
    duration_min: Minutes
    slot_step_min: Minutes | None = None
    buffer_before_min: Buffer = 0
    buffer_after_min: Buffer = 0
    min_notice_min: Notice = 120
    horizon_days: Horizon = 90
    max_per_day: PerDay | None = None
    one_future_per_provider: Flag = False
    mode: Mode = "in_person"
    room_kind: Name | None = None
    self_bookable: Flag = True
    capacity: Seats = 1
    what_to_bring: Bring | None = None


class VisitTypePatch(Patch):
    name: Name = omitted()
    duration_min: Minutes = omitted()
    slot_step_min: Minutes = omitted()
    buffer_before_min: Buffer = omitted()
    buffer_after_min: Buffer = omitted()
    min_notice_min: Notice = omitted()
    horizon_days: Horizon = omitted()
    max_per_day: PerDay | None = None
    one_future_per_provider: Flag = omitted()
    mode: Mode = omitted()
    room_kind: Name | None = None
    self_bookable: Flag = omitted()
    capacity: Seats = omitted()
    what_to_bring: Bring | None = None
    active: Flag = omitted()


class VisitType(Stored):
    name: str
    duration_min: int
    slot_step_min: int
    buffer_before_min: int
    buffer_after_min: int
    min_notice_min: int
    horizon_days: int
    max_per_day: int | None
    one_future_per_provider: bool
    mode: Mode
    room_kind: str | None
    self_bookable: bool
    capacity: int
    what_to_bring: dict[str, str] | None
    active: bool


class VisitTypePage(Page):
    items: list[VisitType]


class NewClosure(Body):
    """Either `start` and `end`, or whole local days: `on`, and `until_on` (inclusive) for more than one."""

    start: Instant | None = None
    end: Instant | None = None
    on: Day | None = None
    until_on: Day | None = None
    reason: Text | None = None
    override_reason: Name | None = None

    @model_validator(mode="after")
    def _instants_or_days(self) -> Self:
        if self.on is not None:
            if self.start is not None or self.end is not None:
                raise ValueError("give start and end, or on and until_on, not both")
            last = self.until_on or self.on
            if not 0 <= (last - self.on).days < LONGEST_CLOSURE_DAYS:
                raise ValueError("until_on is on or after `on`, and at most a year later")
        elif self.start is None or self.end is None or self.until_on is not None:
            raise ValueError("give start and end, or on and until_on")
        elif not 0 < (self.end - self.start).total_seconds() <= LONGEST_CLOSURE_DAYS * 86_400:
            raise ValueError("end lies after start, and at most a year later")
        return self

    def days(self) -> tuple[date, date] | None:
        """The first and the last local day, or None when instants were given."""
        return (self.on, self.until_on or self.on) if self.on else None


class HolidayYear(Body):
    year: Annotated[int, Field(ge=1970, le=2100), Number]
    override_reason: Name | None = None


class Closure(BaseModel):
    id: UUID
    clinic_id: UUID
    start: datetime
    end: datetime
    reason: str | None
    created_at: datetime


class ClosurePage(Page):
    items: list[Closure]


class HolidaysAdded(BaseModel):
    items: list[Closure]
    skipped: int


Row = dict[str, Any]
