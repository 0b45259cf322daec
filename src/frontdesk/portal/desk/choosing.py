"""Choosing a time at the desk, for a new visit or one that moves: what is free, and what is asked for all the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from starlette.requests import Request

from frontdesk.auth.permissions import Actor
from frontdesk.availability import service as availability
from frontdesk.availability.service import Asked, Moving
from frontdesk.booking import board
from frontdesk.db import Connection
from frontdesk.errors import Problem
from frontdesk.portal.forms import Fault
from frontdesk.portal.search import Query
from frontdesk.web.fields import Day, Instant, Short, Text

_DAYS = 7
_TIMES = 60
"""Of one provider, the first ones: a week of half hours is more than anybody reads."""

_LOCAL = r"^\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d$"
_WALL_CLOCK: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(pattern=_LOCAL)])
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)

Reason = Annotated[Text | None, AfterValidator(lambda text: text or None)]
"""Blanks alone are none, where they are stripped."""


def known(local: str) -> bool:
    """Whether it is what a field for day and time sends, and a day that a calendar has. Browsers take years of six
    digits."""
    try:
        _INSTANT.validate_python(f"{_WALL_CLOCK.validate_python(local)}:00+00:00")
    except ValidationError:
        return False
    return True


class Wish(Query):
    """What the times are shown for."""

    told = frozenset({"on"})

    clinic: UUID | None = None
    visit: UUID | None = None
    provider: UUID | None = None
    on: Day | None = None


class Chosen(BaseModel):
    """A time: one that was free, as `start`, or any, as the clinic's clocks show it, with why a rule may be broken."""

    model_config = ConfigDict(str_strip_whitespace=True)

    provider: UUID
    start: Instant | None = None
    local: Short | None = None
    why: Reason = None
    overbook: bool = False
    minutes: Annotated[int, Field(ge=5, le=1440)] | None = None  # how long this one visit will be
    version: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_slot(cls, sent: Any) -> Any:
        """A button of a free time says both: `slot` is the provider and the start."""
        if isinstance(sent, dict) and isinstance(sent.get("slot"), str):
            provider, _, start = sent["slot"].partition(" ")
            return {**sent, "provider": provider, "start": start}
        return sent

    @model_validator(mode="after")
    def _some_time(self) -> "Chosen":
        if self.start is None and self.local is None:
            raise ValueError("a time is missing")
        return self

    @property
    def on(self) -> date | None:
        """The day that was asked for, for showing what is free around it."""
        return date.fromisoformat(self.local[:10]) if self.local and known(self.local) else None


class NewTime(Chosen):
    """For a new visit."""

    clinic: UUID
    visit: UUID
    reason: Reason = None


@dataclass(frozen=True, slots=True)
class Group:
    """The free times of one provider, by local day."""

    provider: dict[str, Any]
    days: list[tuple[date, list[dict[str, Any]]]]


async def free(
    request: Request,
    conn: Connection,
    providers: Iterable[dict[str, Any]],
    *,
    clinic: dict[str, Any],
    visit_type_id: UUID,
    on: date,
    patient_id: UUID,
    known: bool = False,
    length: timedelta | None = None,
    moving: Moving | None = None,
) -> list[Group]:
    """What these providers have free for the patient in the week from `on`; those without anything are left out.

    `length`: of a visit that may have one of its own. `moving`: that visit, which may overlap itself.
    """
    names = {one["id"]: one for one in providers}
    asked = Asked(
        visit_type_id=visit_type_id,
        from_on=on,
        to_on=on + timedelta(days=_DAYS),
        clinic_id=clinic["id"],
        self_booking=False,
        patient_id=patient_id,
        known=known,
        length=length,
        moving=moving,
    )
    copies = request.app.state.availability.copies.for_request()
    found = await availability.of_providers(conn, list(names), asked, copies) if names else []
    zone = ZoneInfo(clinic["time_zone"])
    groups = {one.plan.provider_id: _days(one.slots(), zone) for one in found}
    return [Group(one, groups[id_]) for id_, one in names.items() if groups.get(id_)]


def _days(slots: Iterable[dict[str, Any]], zone: ZoneInfo) -> list[tuple[date, list[dict[str, Any]]]]:
    first = [slot for slot, _ in zip(slots, range(_TIMES), strict=False)]
    by_day = groupby(first, key=lambda slot: slot["start"].astimezone(zone).date())
    return [(day, list(of)) for day, of in by_day]


def offering(providers: Iterable[dict[str, Any]], visit_type_id: UUID | None) -> list[dict[str, Any]]:
    """Those of the providers who are booked for the visit type."""
    return [one for one in providers if one["visit_type_ids"] is None or visit_type_id in one["visit_type_ids"]]


async def start_of(conn: Connection, clinic_id: UUID, chosen: Chosen) -> Any:
    """The instant that was asked for (aware). Raises Fault for a day that no calendar has."""
    if chosen.start is None and not known(str(chosen.local)):
        raise Fault("local", "wrong")
    return chosen.start or await board.instant(conn, clinic_id, str(chosen.local))


def local_of(chosen: Chosen, zone: str) -> str:
    """What was asked for as a field for day and time shows it."""
    if chosen.start is None:
        return str(chosen.local)
    return chosen.start.astimezone(ZoneInfo(zone)).isoformat("T", "minutes")[:16]


def told_in_place(problem: Problem, actor: Actor) -> bool:
    """Whether the desk can do something about it right there; all else, and all for those who are not at a desk, is a
    page of its own."""
    mendable = problem.status in (409, 412) or problem.slug == "not-bookable" or isinstance(problem, Fault)
    return actor.may("board:read") and mendable
