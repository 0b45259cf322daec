"""The form of a whole week: its rows as they are typed, and the weekly set that they mean."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self
from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import FormData

from frontdesk.errors import InvalidRequest, Problem
from frontdesk.portal.admin.forms import Field
from frontdesk.providers import schedules
from frontdesk.providers.models import WeeklySet

_FIELDS = (
    Field("clinic_id", "choice", needed=True),
    Field("start_time", needed=True),
    Field("end_time", needed=True),
    Field("effective_from", "date"),
    Field("effective_until", "date"),
    Field("interval_weeks", "number"),
    Field("visit_type_ids", "many"),
    Field("release_hours", "number"),
)
_ASIDE = ("seen", "shown", "first", "second", "visit", "override_reason")
_WEEKDAYS = tuple("1234567")
_MOST_ROWS = 200
"""As many as the service takes."""

_TIMES = ("start_time", "end_time")

OVERLAPS = "overlaps others at its clinic"
"""What is wrong with a row as a whole, beside what the service says of it."""


class Full(InvalidRequest):
    """A week has no room for one more row."""

    def __init__(self) -> None:
        super().__init__(why="full")


@dataclass(slots=True)
class Row:
    """One session as it is typed; `weekday` is ISO. `faults`: by the name of the field, "" for the row as a whole."""

    number: int
    weekday: int
    typed: dict[str, Any]
    sent: dict[str, Any]
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def told(self) -> bool:
        """Whether it says more than where and when on each such day, or has to be looked at."""
        more = ("effective_until", "visit_type_ids", "release_hours")
        return (
            bool(self.faults) or any(self.typed[one] for one in more) or self.typed["interval_weeks"] not in ("", "1")
        )


@dataclass(slots=True)
class Sheet:
    """`aside`: `seen` and `shown`, the marks of the set that was read and of the one that was looked at; two days whose
    weeks are looked at; the kind of visit; and why visits may stay that would stand outside.
    """

    rows: list[Row]
    aside: dict[str, str]
    outside: list[UUID] = field(default_factory=list)  # the visits that were shown to stand outside
    focus: int | None = None  # the row that was just added
    wrong: bool = False  # it means nothing as it is typed
    faults: dict[str, str] = field(default_factory=dict)  # of what is typed aside, by the name of the field

    @classmethod
    def of_set(cls, items: Iterable[dict[str, Any]]) -> Self:
        """The form as it opens."""
        items = list(items)
        rows = [_row(n, item["weekday"], item) for n, item in enumerate(items)]
        return cls(rows, dict.fromkeys(_ASIDE, "") | {"seen": schedules.mark(items)})

    @classmethod
    def of_form(cls, form: FormData) -> Self:
        """The form as it was sent. Raises InvalidRequest for one that no page of ours has sent."""
        numbers = list(dict.fromkeys(one for one in form.getlist("row") if isinstance(one, str)))
        if len(numbers) > _MOST_ROWS:
            raise Full
        rows = []
        for number in numbers:
            weekday = form.get(f"weekday-{number}")
            if not (number.isascii() and number.isdigit() and len(number) <= 4 and weekday in _WEEKDAYS):
                raise InvalidRequest("A row has a number, and a weekday from 1 to 7.")
            sent = {one.name: replace(one, name=f"{one.name}-{number}").sent(form) for one in _FIELDS}
            rows.append(_row(int(number), int(str(weekday)), sent))
        return cls(rows, {name: _text(form, name) for name in _ASIDE}, _ids(form, "outside"))

    def by_day(self) -> list[tuple[int, list[Row]]]:
        """The seven weekdays, each with its rows."""
        return [(day, [row for row in self.rows if row.weekday == day]) for day in range(1, 8)]

    def add(self, weekday: str) -> None:
        """An empty row; where the row before it is, at the same clinic. Raises Full."""
        if weekday not in _WEEKDAYS:
            raise InvalidRequest("A weekday is a number from 1 to 7.")
        if len(self.rows) >= _MOST_ROWS:
            raise Full
        number = max((row.number for row in self.rows), default=-1) + 1
        clinic = self.rows[-1].sent["clinic_id"] if self.rows else ""
        self.rows.append(_row(number, int(weekday), {"clinic_id": clinic}))
        self.focus = number

    def remove(self, number: str) -> None:
        """Without this row."""
        self.rows = [row for row in self.rows if str(row.number) != number]

    def meant(self) -> WeeklySet | None:
        """The set that the rows mean; None when some of them mean nothing, which then say what is wrong."""
        items = [
            {name: value for name, value in row.sent.items() if value is not None and value != []}
            | {"weekday": row.weekday}
            for row in self.rows
        ]
        why = self.aside["override_reason"].strip()
        try:
            return WeeklySet.model_validate({"items": items, "override_reason": why or None})
        except ValidationError as error:
            self.wrong = True
            for fault in error.errors(include_url=False, include_context=False, include_input=False):
                self._blame(fault["loc"], fault["msg"])
            return None

    def _blame(self, where: tuple[int | str, ...], message: str) -> None:
        match where:
            case ("override_reason", *_):
                self.faults["override_reason"] = "wrong"
            case ("items", int(n), *of):
                row, name = self.rows[n], str(of[0]) if of else ""
                row.faults[name] = message.removeprefix("Value error, ") if not of else "wrong"
                if name in ("clinic_id", "start_time", "end_time") and not row.sent[name]:
                    row.faults[name] = "missing"

    def blame(self, refused: Problem, clinics: Collection[str], kinds: Collection[str]) -> None:
        """Mark the rows that the refusal is about; the ids are those of the clinics and kinds of visits there are."""
        if refused.slug != InvalidRequest.slug:
            return
        overlapping = {_named(one) for pair in refused.extra.get("overlaps", ()) for one in pair}
        for row in self.rows:
            if row.typed["clinic_id"] and row.typed["clinic_id"] not in clinics:
                row.faults.setdefault("clinic_id", "unknown")
            if not set(row.typed["visit_type_ids"]) <= set(kinds):
                row.faults.setdefault("visit_type_ids", "unknown")
            if _named({"weekday": row.weekday, **row.typed}) in overlapping:
                row.faults[""] = OVERLAPS


def mark_of(meant: WeeklySet) -> str:
    """What tells this set from any other."""
    return schedules.mark(item.model_dump() for item in meant.items)


def _row(number: int, weekday: int, values: dict[str, Any]) -> Row:
    typed = {one.name: one.shown(values.get(one.name)) for one in _FIELDS}
    return Row(number, weekday, typed, {one.name: values.get(one.name) for one in _FIELDS})


def _named(session: dict[str, Any]) -> tuple[str, ...]:
    """What a refusal names a session by. The end of a day is 24:00 or 00:00."""
    return tuple(str(session[name]).replace("24:00", "00:00") for name in ("clinic_id", "weekday", *_TIMES))


def _ids(form: FormData, name: str) -> list[UUID]:
    try:
        return [UUID(one) for one in _text(form, name).split(",") if one]
    except ValueError as error:
        raise InvalidRequest(f"{name} holds ids.") from error


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
