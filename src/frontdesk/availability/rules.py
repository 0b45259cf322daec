"""The rules of the schedule: why a time cannot be booked, whatever is booked already.

Every rule is looked at, so that the caller hears all reasons at once. Rules read working time only, never the book, so
the loser of a race always hears 409 slot-taken, not 422.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import clock, db
from frontdesk.db import Connection
from frontdesk.errors import NotFound, Problem
from frontdesk.sql import load

q = load(__package__)


class NotBookable(Problem):
    """The rules forbid this time; `reasons` lists every one of them."""

    status, slug, title = 422, "not-bookable", "This time cannot be booked"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: the verdict that breaks it, what to tell, and whether staff may break it with a reason."""

    code: str
    detail: str
    overridable: bool


_RULES = {
    "provider_active": Rule("provider-inactive", "The provider no longer sees patients.", False),
    "clinic_active": Rule("clinic-inactive", "The clinic is closed for good.", False),
    "visit_type_active": Rule("visit-type-inactive", "This visit type is no longer offered.", False),
    "patient_active": Rule("patient-inactive", "The patient is unknown or no longer active.", False),
    "offered": Rule("visit-type-not-offered", "The provider does not offer this visit type.", False),
    "has_room": Rule("no-such-room", "The clinic has no room of the kind that this visit needs.", False),
    "single": Rule("group-visit", "This visit type is booked as a seat in a group session.", False),
    "open_to_caller": Rule("staff-only", "Only the front desk books this visit type; please call.", False),
    "patient_accepted": Rule("not-accepting-new-patients", "The provider takes no new patients.", True),
    "in_session": Rule("outside-working-time", "The visit does not lie inside the provider's working time.", True),
    "unreserved": Rule("reserved-session", "The session is reserved for other visit types.", True),
    "not_closed": Rule("time-off-or-closure", "The provider is away or the clinic is closed.", True),
    "on_grid": Rule("off-grid", "The start is not on the grid of the session.", True),
    "ahead": Rule("in-the-past", "The start has passed.", True),
    "notice_kept": Rule("short-notice", "The start is sooner than this visit type's notice allows.", True),
    "within_horizon": Rule("beyond-horizon", "The start is further ahead than this visit type is booked.", True),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The measures of a visit at a start, and the rules it breaks."""

    during: TimestamptzRange
    claims: TimestamptzRange
    room_kind: str | None
    mode: str
    time_zone: str
    limited: bool
    """The visit type has limits that depend on the book (limits.py)."""
    broken: tuple[Rule, ...]

    @property
    def reasons(self) -> list[dict[str, str]]:
        """What to tell the caller: `code` for programs, `detail` for people."""
        return [{"code": rule.code, "detail": rule.detail} for rule in self.broken]

    @property
    def codes(self) -> list[str]:
        """The codes of the broken rules."""
        return [rule.code for rule in self.broken]

    def enforce(
        self, *, override: bool = False, only: Collection[str] | None = None, exempt: Collection[str] = ()
    ) -> None:
        """Raise NotBookable for broken rules; with `override`, only for those that nobody may break.

        `only` and `exempt` name the rules (by code) that matter, or do not, at this point.
        """
        counted = [rule for rule in self.broken if rule.code not in exempt and (only is None or rule.code in only)]
        if any(not (override and rule.overridable) for rule in counted):
            raise NotBookable("Choose another time; the availability of the provider lists them.", reasons=self.reasons)


def reasons_of(broken: Iterable[str]) -> list[dict[str, str]]:
    """What to tell of rules by their names in `q.judge`."""
    return [{"code": _RULES[name].code, "detail": _RULES[name].detail} for name in broken]


async def judge(
    conn: Connection,
    *,
    provider_id: UUID,
    clinic_id: UUID,
    visit_type_id: UUID,
    start: datetime,
    patient_id: UUID | None,
    self_booking: bool,
    length: timedelta | None = None,
    at: datetime | None = None,
) -> Verdict:
    """Judge one start (aware) by every rule as of `at` (now when left out). Reads only; takes no locks.

    `length`: of a visit that is not as long as its type says, 24 hours at most.
    Raises NotFound when provider, clinic or visit type does not exist.
    """
    asked = {"provider_id": provider_id, "clinic_id": clinic_id, "visit_type_id": visit_type_id}
    row = await db.one(
        conn,
        q.judge,
        **asked,
        start=start,
        length_s=length.total_seconds() if length else None,
        patient_id=patient_id,
        self_booking=self_booking,
        now=at or clock.now(),
    )
    if row is None:
        raise await unknown(conn, **asked)
    return Verdict(
        during=row["during"],
        claims=row["claims"],
        room_kind=row["room_kind"],
        mode=row["mode"],
        time_zone=row["time_zone"],
        limited=row["limited"],
        broken=tuple(_RULES[rule] for rule, kept in _kept(row).items() if not kept),
    )


def _kept(row: dict[str, Any]) -> dict[str, bool]:
    """Each rule of `_RULES` and whether it is kept; a rule that another already implies is not told twice."""
    return {rule: row[rule] for rule in _RULES if rule in row} | {
        "single": not row["is_group"],
        "unreserved": not row["in_session"] or row["in_open_session"],
        "not_closed": not row["closed"],
        "notice_kept": row["notice_kept"] or not row["ahead"],
    }


async def unknown(
    conn: Connection, *, provider_id: UUID | None, visit_type_id: UUID, clinic_id: UUID | None
) -> NotFound:
    """The NotFound that names what of the three does not exist; None is not looked for."""
    known = await db.one(conn, q.known, provider_id=provider_id, visit_type_id=visit_type_id, clinic_id=clinic_id)
    missing = [name.replace("_", " ") for name, there in (known or {}).items() if not there]
    return NotFound(f"There is no such {' and no such '.join(missing)}.")
