"""A record becomes a row: texts become instants, lengths and words of ours, or the record is refused.

Nothing here asks the database. A local time stays text until the zone of its clinic is known, and becomes an instant in
SQL, through `local_instant`, as everywhere.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NewType

from frontdesk import clock
from frontdesk.imports.columns import Columns, FieldName
from frontdesk.imports.records import Record
from frontdesk.imports.refusals import Code, Refusal, Unfit

STATUSES = ("scheduled", "confirmed", "checked_in", "in_progress", "completed", "cancelled", "no_show")
"""What a file may say of a visit. Holds are nobody's history."""

BORN_UNKNOWN = date(1900, 1, 1)
"""Stands for a date of birth that the file does not tell: the column is required."""

MOST_LENGTH = timedelta(hours=24)

Local = NewType("Local", str)
"""A wall clock's time without a zone, as PostgreSQL reads a timestamp."""

_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,6})?", re.ASCII)
_MOST_NAME, _MOST_REASON = 120, 500  # characters, as in the API
_SPELLED = {"canceled": "cancelled", "noshow": "no_show"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What the file tells of a patient; used only if nobody with this `ref` is in the book."""

    ref: str
    first_name: str
    last_name: str
    date_of_birth: date
    gender: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One visit as the file tells it; names are not yet looked up. Exactly one of `end` and `length` is set."""

    line: int
    provider: str | None
    clinic: str | None
    visit_type: str | None
    patient: Patient
    start: datetime | Local
    end: datetime | Local | None
    length: timedelta | None
    status: str | None  # None: what the time of the visit says
    reason: str | None
    external_id: str | None


def read_row(record: Record, columns: Columns) -> Row | Refusal:
    """The row of a record, or why there is none."""
    try:
        return _row(record, columns)
    except Unfit as unfit:
        return Refusal(record.line, unfit.code, unfit.detail)


def _row(record: Record, columns: Columns) -> Row:
    field = columns.reader(record.cells)
    formats = columns.mapping.formats

    def text(name: FieldName, most: int = _MOST_NAME) -> str | None:
        value = field(name)
        if len(value) > most:
            raise Unfit(Code.TOO_LONG, f"{name}: more than {most} characters")
        return value or None

    start = field("start")
    if not start:
        raise Unfit(Code.MISSING, "start is empty")
    ref = text("patient_ref")
    if ref is None:
        raise Unfit(Code.MISSING, "patient_ref is empty")
    end = field("end")
    return Row(
        line=record.line,
        provider=text("provider"),
        clinic=text("clinic"),
        visit_type=text("visit_type"),
        patient=Patient(
            ref=ref,
            first_name=text("patient_first_name") or "Patient",
            last_name=text("patient_last_name") or ref,
            date_of_birth=_born(field("date_of_birth"), formats.get("date_of_birth")),
            gender=text("gender", 40),
        ),
        start=_moment(start, formats.get("start"), Code.BAD_START),
        end=_moment(end, formats.get("end"), Code.BAD_END) if end else None,
        length=None if end else _length(field("duration_s"), field("duration_min")),
        status=_status(field("status"), columns.mapping.statuses),
        reason=text("reason", _MOST_REASON),
        external_id=text("external_id"),
    )


def _moment(value: str, pattern: str | None, code: Code) -> datetime | Local:
    """An aware instant, or a local time when the text has no offset. Raises Unfit with `code`."""
    try:
        if pattern is None:
            found = _ISO.fullmatch(value)
            if found is None:
                raise Unfit(code, "not written as ISO 8601, such as 2016-01-01T08:31:40+08:00")
            moment = datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or '+00:00'}")
            local = found[3] is None
        else:
            local = "%z" not in pattern
            if local:  # checked against the calendar as if it were UTC
                value, pattern = f"{value} +0000", f"{pattern} %z"
            moment = datetime.strptime(value, pattern)  # noqa: DTZ007 - the pattern has %z now
    except ValueError:
        raise Unfit(code, "no time of the calendar, or not of the format that the mapping file gives") from None
    if not 1900 <= moment.year <= 2200:
        raise Unfit(code, "outside the years 1900 to 2200")
    return Local(f"{moment:%Y-%m-%dT%H:%M:%S.%f}") if local else moment


def _length(seconds: str, minutes: str) -> timedelta:
    """The length of a visit. Raises Unfit when it is not given, no number, not positive or over 24 hours."""
    name, text, factor = ("duration_s", seconds, 1) if seconds else ("duration_min", minutes, 60)
    if not text:
        raise Unfit(Code.MISSING, "neither an end nor a length")
    if _NUMBER.fullmatch(text) is None:
        raise Unfit(Code.BAD_LENGTH, f"{name}: not a number")
    length = timedelta(microseconds=int(Decimal(text) * factor * 1_000_000))
    check_length(length)
    return length


def check_length(length: timedelta) -> None:
    """Raises Unfit for a length that no visit has."""
    if length <= timedelta(0):
        raise Unfit(Code.BAD_LENGTH, "the visit ends at or before its start")
    if length > MOST_LENGTH:
        raise Unfit(Code.BAD_LENGTH, "longer than 24 hours")


def _born(value: str, pattern: str | None) -> date:
    if not value:
        return BORN_UNKNOWN
    try:
        if pattern is not None:
            born = datetime.strptime(f"{value} +0000", f"{pattern} %z").date()
        elif re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            born = date.fromisoformat(value)
        else:
            raise ValueError
    except ValueError:
        raise Unfit(Code.BAD_DATE_OF_BIRTH, "date_of_birth: not written as 1980-05-17") from None
    if born.year < 1880 or born > clock.now().date() + timedelta(days=1):
        raise Unfit(Code.BAD_DATE_OF_BIRTH, "date_of_birth: before 1880 or ahead")
    return born


def _status(value: str, theirs: dict[str, str]) -> str | None:
    if not value:
        return None
    word = theirs.get(value, value).strip().lower().replace(" ", "_").replace("-", "_")
    word = _SPELLED.get(word, word)
    if word not in STATUSES:
        raise Unfit(Code.STATUS_UNKNOWN, f"status: none of {', '.join(STATUSES)}")
    return word


def status_at(named: str | None, start: datetime, end: datetime, now: datetime) -> str:
    """The status of a visit: the one the file names, else completed once it is over and scheduled before.

    Raises Unfit for one that cannot be, such as a visit completed before it begins.
    """
    if named is None:
        return "completed" if end <= now else "scheduled"
    if start > now and named in ("in_progress", "completed", "no_show"):
        raise Unfit(Code.STATUS_AHEAD, f"status: a visit that is ahead is not yet {named}")
    return named
