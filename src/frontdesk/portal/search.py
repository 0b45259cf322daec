"""Looking for a provider: what was asked for, and who has time."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.requests import Request

from frontdesk import clock
from frontdesk.availability import service as availability
from frontdesk.availability.copies import Copies
from frontdesk.availability.service import Asked, TimeOfDay
from frontdesk.db import Connection
from frontdesk.providers import finding
from frontdesk.web.browsers import wants_page
from frontdesk.web.fields import Code, Day, Text

PROVIDERS = 40
"""On a page."""

COMPARED = 200
"""Whose first times are read at once, in the order of names: five pages. It costs this process about half a millisecond
for each, and 3 ms the first time; for two thousand that would be seconds, and every plan that a process may keep."""

TIMES = 4
"""Of each provider, the first ones."""

_AT_ONCE_DAYS = availability.DEFAULT_DAYS


class Query(BaseModel):
    """A query string as a form sends it: a field that was left empty was not asked for.

    `told`: fields for a day whose page tells at the field that there is no such day, and leaves it out.
    """

    model_config = ConfigDict(str_strip_whitespace=True, extra="ignore")
    told: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def of(cls, request: Request) -> Self:
        """Raises RequestValidationError."""
        sent = dict(parse_qsl(request.url.query))
        try:
            return cls.model_validate(sent)
        except ValidationError as error:
            unknown = {str(fault["loc"][0]) for fault in error.errors()}
            if not (wants_page(request) and unknown <= cls.told):
                raise RequestValidationError(error.errors()) from error
        request.state.unknown = {name: sent.pop(name) for name in unknown}
        return cls.model_validate(sent)


class Search(Query):
    """`on` is a local day of each clinic, the first that will do."""

    specialty: UUID | None = None
    name: Text | None = None
    clinic: UUID | None = None
    speaks: Code | None = None
    visit: UUID | None = None
    on: Day | None = None
    part: TimeOfDay | None = None
    page: int = Field(0, ge=0, le=1000)

    @field_validator("on")
    @classmethod
    def _ahead(cls, on: date | None) -> date | None:
        """A day that has passed everywhere is as good as none."""
        return on if on and on >= clock.now().date() - timedelta(days=1) else None

    @property
    def asked(self) -> dict[str, str]:
        """What was asked for, as it stands in the address."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"page"})


async def choices(conn: Connection) -> dict[str, Any]:
    """What the empty form offers."""
    return await finding.search(conn)


async def find(conn: Connection, search: Search, copies: Copies) -> dict[str, Any]:
    """Those who match, the one who is free first before all others, those without time at the end.

    Each has `times` (start, clinic and zone), up to TIMES, of two weeks; `more`: whether others match, too.
    `compared`: of how many at a time this order is, when more than COMPARED match; else None.
    """
    group, skip = divmod(search.page * PROVIDERS, COMPARED)
    row = await finding.search(
        conn,
        specialty_id=search.specialty,
        name=search.name,
        clinic_id=search.clinic,
        language=search.speaks,
        visit_type_id=search.visit,
        rows=COMPARED + 1,
        skip=group * COMPARED,
    )
    among = row["providers"][:COMPARED]
    times = await _first_times(conn, [UUID(one["id"]) for one in among], row["visit_type"], search, copies)
    clinics = {one["id"]: one for one in row["clinics"]}
    for one in among:
        own = [(slot, clinics.get(str(slot["clinic_id"]))) for slot in times.get(one["id"], ())]
        one["times"] = [slot | {"clinic": clinic} for slot, clinic in own if clinic]  # else it closed just now
    among.sort(key=lambda one: (not one["times"], one["times"][0]["start"].timestamp() if one["times"] else 0))
    shown, others = among[skip : skip + PROVIDERS], len(row["providers"]) > COMPARED
    more = others or len(among) > skip + PROVIDERS
    return row | {"found": shown, "more": more, "compared": COMPARED if others or group else None}


async def _first_times(
    conn: Connection, ids: Sequence[UUID], visit_type: dict[str, Any] | None, search: Search, copies: Copies
) -> dict[str, list[dict[str, Any]]]:
    if visit_type is None or not ids:
        return {}
    asked = Asked(
        visit_type_id=UUID(visit_type["id"]),
        clinic_id=search.clinic,
        time_of_day=search.part,
        **availability.days(search.on, search.on and search.on + timedelta(days=_AT_ONCE_DAYS)),
    )
    found = await availability.of_providers(conn, ids, asked, copies)
    return {str(free.plan.provider_id): _first(free) for free in found}


def _first(free: availability.Free) -> list[dict[str, Any]]:
    """The first times, with their local day."""
    slots = [slot for slot, _ in zip(free.slots(), range(TIMES), strict=False)]
    return [slot | {"day": slot["start"].astimezone(ZoneInfo(slot["time_zone"])).date()} for slot in slots]
