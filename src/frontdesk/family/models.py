"""What requests and answers about families look like."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from frontdesk.web.fields import BirthDate, Body, Code, Day, Name, Short


class Ward(BaseModel):
    """Somebody for whom the caller may act; `until_on`: the day on which they come of age, null for an adult."""

    patient_id: UUID
    first_name: str
    last_name: str
    date_of_birth: date
    relation: str | None
    until_on: date | None
    since: datetime


class Family(BaseModel):
    """The caller's own record, whose record this log-in acts for now, and all for whom it might."""

    patient_id: UUID
    acts_for: UUID
    items: list[Ward]
    next_cursor: str | None


class NewWard(Body):
    """A child without a record here; it gets the caller's addresses. `relation`: what the caller is to the child."""

    first_name: Name
    last_name: Name
    date_of_birth: BirthDate
    gender: Short | None = None
    relation: Code | None = None


class ActFor(Body):
    """The newest refresh token of the session that is replaced."""

    refresh_token: Annotated[str, Field(max_length=200)]


class NewGuardian(Body):
    """`until_on`: when it ends by itself; left out, the day on which a child comes of age, for an adult never."""

    guardian_id: UUID
    relation: Code
    until_on: Day | None = None


class Guardian(BaseModel):
    guardian_id: UUID
    first_name: str
    last_name: str
    relation: str | None
    until_on: date | None
    since: datetime


class GuardianList(BaseModel):
    items: list[Guardian]
    next_cursor: str | None
