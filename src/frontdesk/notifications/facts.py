"""What a message may say of a visit. Nothing clinical is among it: not the reason, and not the type of visit either.

Of the type it says what the clinic wants said of it, what to bring.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from frontdesk import db, links
from frontdesk.db import Connection
from frontdesk.secrets import keys
from frontdesk.settings import settings
from frontdesk.sql import load

q = load(__package__, "facts.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of one visit, as it is now. Instants are aware; they are told in the clinic's time zone."""

    appointment_id: UUID
    version: int
    status: str
    start: datetime
    end: datetime
    changed_at: datetime
    time_zone: str  # IANA, the clinic's
    clinic: str
    address: str | None
    clinic_phone: str | None
    country: str | None  # ISO 3166-1 alpha-2: how its dates are written
    provider: str
    telehealth: bool
    first_name: str = field(repr=False)
    language: str | None  # BCP 47, the patient's
    email: str | None = field(default=None, repr=False)
    join_url: str | None = field(default=None, repr=False)
    manage_url: str = field(repr=False)
    unsubscribe_url: str | None = field(default=None, repr=False)
    parts: tuple["Facts", ...] = ()  # when the message tells of several visits: all of them, this one is the first
    old_start: datetime | None = None  # of a change: what the patient was told before
    what_to_bring: Mapping[str, str] | None = None  # by language: what the clinic says instead of the usual sentence
    late_min: int | None = None  # of running_late
    offer_expires_at: datetime | None = None  # of waitlist_offer
    displaced: bool = False  # of waitlist_offer: that visit cannot take place where it stands
    moves_start: datetime | None = None  # of waitlist_offer: the visit that the patient has, if it would move here
    moves_zone: str | None = None  # of that visit's own clinic, as the next three
    moves_clinic: str | None = None
    moves_phone: str | None = None
    moves_country: str | None = None


async def facts_of(conn: Connection, appointment_id: Any) -> Facts:
    """Read them, as the owner of the database."""
    row = await db.one(conn, q.facts, appointment_id=appointment_id)
    assert row is not None, "messages are about appointments that exist, and these are never deleted"
    meeting, mode = row.pop("meeting"), row.pop("mode")
    telehealth = mode == "telehealth"
    link = {"appointment_id": row["appointment_id"], "patient_id": row.pop("patient_id")}
    manage_url = links.manage_url(settings().origin, keys(), generation=row.pop("link_generation"), **link)
    join_url = settings().telehealth_url.format(meeting=meeting.hex) if telehealth and meeting else None
    return Facts(**row, telehealth=telehealth, join_url=join_url, manage_url=manage_url)
