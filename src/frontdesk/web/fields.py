"""The kinds of text, instants and bodies that requests are made of."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
)

from frontdesk import clock


def _number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError("is no number")
    return value


# Left to itself pydantic takes "no" and 0 for false, true and "1" for 1, which the OpenAPI document does not say.
# `Number` stands after the bounds of its type: pydantic describes only what stands before it.
Flag = Annotated[bool, Strict()]
Number = BeforeValidator(_number)


class Body(BaseModel):
    """A request body: an unknown field is an error, so that a typing mistake never loses data in silence."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def omitted() -> Any:
    """The default of a field that may be left out of a PATCH but not set to null: its column is NOT NULL."""
    return Field(default_factory=lambda: None)


class Patch(Body):
    """The body of a PATCH: a field that is left out stays as it is. `version` does the same as If-Match."""

    version: Annotated[int, Number] | None = None

    def given(self) -> dict[str, Any]:
        """The fields that the caller sent."""
        return self.model_dump(exclude_unset=True, exclude={"version"})


def storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain a NUL character")
    value.encode("utf-8")  # a lone surrogate is no text; UnicodeEncodeError is a ValueError
    return value


def _lines(value: Any) -> Any:
    """A form sends a break as CR LF, but a field of a page with a `maxlength` counts it as one."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def _email(value: str) -> str:
    try:
        # test_environment: addresses under .test exist in demos and tests.
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError("is not an e-mail address") from error


def _in_calendar(value: datetime) -> datetime:
    if not 1900 <= value.year <= 2200:
        raise ValueError("lies outside the years 1900 to 2200")
    return value


def _birth_date(value: date) -> date:
    if not value.year >= 1880 or value > clock.now().date() + timedelta(days=1):
        raise ValueError("is no possible date of birth")
    return value


def _calendar_date(value: date) -> date:
    if not 1900 <= value.year <= 2200:
        raise ValueError("lies outside the years 1900 to 2200")
    return value


_ISO_DATE = re.compile(r"\s*\d{4}-\d\d-\d\d", re.ASCII)


def _written_out(value: Any) -> Any:
    """Refuse a number of seconds: 20261121 would be a day of 1970, in silence."""
    if isinstance(value, int | float) or (isinstance(value, str) and not _ISO_DATE.match(value)):
        raise ValueError("is not written as ISO 8601 with hyphens, as 2026-11-21")
    return value


Name = Annotated[str, StringConstraints(min_length=1, max_length=120), AfterValidator(storable)]
Short = Annotated[str, StringConstraints(max_length=40), AfterValidator(storable)]
"""A phone number, a title."""
Code = Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(storable)]
"""A language (BCP 47), a credential (MD)."""
Text = Annotated[str, StringConstraints(max_length=500), AfterValidator(storable), BeforeValidator(_lines)]
LongText = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(storable)]
Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(storable), AfterValidator(_email)]
Instant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_calendar)]
"""An instant with its offset; one without an offset is refused."""
Day = Annotated[date, BeforeValidator(_written_out), AfterValidator(_calendar_date)]
BirthDate = Annotated[date, BeforeValidator(_written_out), AfterValidator(_birth_date)]
