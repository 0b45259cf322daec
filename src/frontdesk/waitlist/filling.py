"""A time that becomes free finds its next patient, in the transaction that frees it.

The book tells of freed time (`availability/freed.py`); this is who hears it. Whoever waits is asked in the order of
urgency and age (ADR-0028), each under the lock of their entry: of several times that become free at once, each goes to
another person, and nobody is passed over. The offer is a hold, so nobody else can take the time while it stands.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from psycopg.types.range import TimestamptzRange

from frontdesk import clock, db, ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.availability import limits
from frontdesk.availability.freed import Freed
from frontdesk.booking import claims
from frontdesk.booking.events import AppointmentHeld
from frontdesk.booking.service import judged_claim
from frontdesk.db import Connection
from frontdesk.errors import Problem
from frontdesk.events import outbox
from frontdesk.metrics import WAITLIST_OFFERED, WAITLIST_SECONDS
from frontdesk.sql import load
from frontdesk.waitlist import suiting
from frontdesk.waitlist.events import WaitlistOffered
from frontdesk.waitlist.suiting import Suiting

q = load(__package__)
log = structlog.get_logger(__name__)

MOST_ASKED = 200
"""So many are looked at for one freed time before it is left to the worker: a request has an end."""

MOST_ASKED_BY_HOURS = 25
"""Working time that was changed in this very transaction has to be worked out for each of them."""

GRACE = timedelta(minutes=1)
"""The hold outlives its offer so long, for the worker to ask the next one; without a worker the time is then free."""

_FROM_THE_FIRST: dict[str, Any] = dict.fromkeys(("rank", "since", "id"))


class _DoesNotSuit(Exception):
    """Roll back to before this person was looked at, the lock of their entry included."""


async def fill(conn: Connection, actor: Actor, freed: Freed) -> None:
    """Offer what is free of the span to those who wait for it, until nothing is left or nobody fits.

    Nobody waits as long as the database answers one question with no. Never refuses what freed the time: when the
    waitlist itself is stuck behind a lock, the worker fills the time later.
    """
    try:
        await _fill(conn, as_system(actor), freed)
    except psycopg.errors.LockNotAvailable:
        log.warning("waitlist_left_to_worker", request_id=str(actor.request_id))


def as_system(actor: Actor) -> Actor:
    """Nobody in person makes offers; the request that caused one is told by its id."""
    return Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=actor.request_id)


async def _fill(conn: Connection, system: Actor, freed: Freed) -> None:
    now = clock.now()
    lower, upper = suiting.edges(freed.span)
    lower, upper = max(lower, now), min(upper, now + suiting.FURTHEST)
    if lower >= upper:
        return
    freed = replace(freed, span=TimestamptzRange(lower, upper))
    place, asked, most = _FROM_THE_FIRST, 0, MOST_ASKED_BY_HOURS if freed.by_hours else MOST_ASKED
    while asked < most and (longest := await _wanted(conn, freed, now)):
        offered = False
        while not offered and asked < most:
            asked += 1
            try:
                async with conn.transaction():
                    entry = await _next(conn, freed, longest, place)
                    if entry is None:
                        return
                    place = {name: entry[name] for name in _FROM_THE_FIRST}
                    if not await _offer_any(conn, system, entry, freed):
                        raise _DoesNotSuit
                    offered = True
            except _DoesNotSuit:
                pass


async def _wanted(conn: Connection, freed: Freed, now: datetime) -> int | None:
    row = await db.one(
        conn, q.wanted, provider_id=freed.provider_id, clinic_id=freed.clinic_id, span=freed.span, now=now
    )
    return row["longest"] if row else None


async def _next(conn: Connection, freed: Freed, longest: int, place: Mapping[str, Any]) -> dict[str, Any] | None:
    return await db.one(
        conn,
        q.next_waiting,
        provider_id=freed.provider_id,
        clinic_id=freed.clinic_id,
        span=freed.span,
        longest=longest,
        **place,
    )


async def _offer_any(conn: Connection, system: Actor, entry: Mapping[str, Any], freed: Freed) -> bool:
    """Offer the first start that suits and can be had."""
    for suits in await suiting.starts(conn, [freed.provider_id], entry, freed.span, kept=not freed.by_hours):
        if await offer(conn, system, entry, suits, freed.at):
            return True
    return False


async def offer(
    conn: Connection,
    system: Actor,
    entry: Mapping[str, Any],
    suits: Suiting,
    freed_at: datetime,
    *,
    choice: int = 1,
    known: bool = False,
) -> bool:
    """Keep the time for whoever waits, whose entry is locked; False when the rules or the book say no after all.

    `choice`: which of several times among which they choose. `known`: this provider has accepted them already.
    """
    claim, verdict = await judged_claim(
        conn,
        system,
        provider_id=suits.provider_id,
        clinic_id=suits.clinic_id,
        visit_type_id=entry["visit_type_id"],
        start=suits.start,
        patient_id=entry["patient_id"],
    )
    if set(verdict.codes) - ({"not-accepting-new-patients"} if known else set()):
        return False
    overridden: list[str] = []
    if verdict.limited:
        counted = await claims.lock_limits(conn, claim)
        if await limits.broken(conn, **counted, except_id=entry["appointment_id"]):
            return False
        # The visit they have is counted as long as it stands where it is: the one in its place breaks no limit.
        overridden = await limits.broken(conn, **counted)
    offer_id = ids.new_id()
    try:
        row, _ = await claims.try_claim(
            conn,
            system,
            claim,
            insert=q.offer_time,
            mode=verdict.mode,
            overridden=overridden,
            hold_expires_at=suits.expires_at + GRACE,
            offer_id=offer_id,
            entry_id=entry["id"],
            expires_at=suits.expires_at,
            freed_at=freed_at,
            choice=choice,
        )
    except Problem:
        return False
    if row is None:
        return False
    held = AppointmentHeld(**claims.event_fields(row), hold_expires_at=row["hold_expires_at"])
    told = WaitlistOffered(
        entry_id=entry["id"],
        patient_id=entry["patient_id"],
        offer_id=offer_id,
        appointment_id=row["id"],
        expires_at=suits.expires_at,
        **{name: row[name] for name in ("provider_id", "clinic_id", "start", "end")},
    )
    await outbox.record_all(conn, [(system, held), (system, told)])
    WAITLIST_OFFERED.inc()
    WAITLIST_SECONDS.observe(max(0.0, (clock.now() - freed_at).total_seconds()))
    return True
