"""A time that becomes free finds its next patient, in the transaction that frees it.

The book tells of freed time (`availability/freed.py`); this is who hears it. Whoever waits is asked in the order of
urgency and age (ADR-0028), each under the lock of their entry: of several times that become free at once, each goes to
another person, and nobody is passed over. The offer is a hold, so nobody else can take the time while it stands.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

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
from frontdesk.sql import load
from frontdesk.waitlist import suiting
from frontdesk.waitlist.events import WaitlistOffered
from frontdesk.waitlist.suiting import Keepable, Suiting

q = load(__package__)
log = structlog.get_logger(__name__)

AT_ONCE = 25
"""So many are read at once, in order; most freed times find somebody among the first few."""

MOST_READ = 2000
"""So many are looked at for one freed time before it is left to the worker: a request has an end."""

MOST_ASKED = 100
"""So many whom it suits may turn out to be busy or at a limit, each a few statements."""

GRACE = timedelta(minutes=1)
"""The hold outlives its offer so long, for the worker to ask the next one; without a worker the time is then free."""

_FROM_THE_FIRST: dict[str, Any] = dict.fromkeys(("rank", "since", "id"))


async def fill(conn: Connection, actor: Actor, freed: Freed) -> None:
    """Offer what is free of the span to those who wait for it, until nothing is left or nobody fits.

    Nobody waits as long as the database answers one question with no. Never refuses what freed the time: when the
    waitlist itself is stuck behind a lock, the worker fills the time later.
    """
    now = clock.now()
    lower, upper = suiting.edges(freed.span)
    lower = max(lower, now)
    while lower < upper:
        until = min(upper, lower + suiting.FURTHEST)
        part = replace(freed, span=TimestamptzRange(lower, until))
        if longest := await _wanted(conn, part, now):
            try:
                async with conn.transaction():
                    await _fill(conn, as_system(actor), part, now, longest)
            except psycopg.errors.LockNotAvailable:
                log.warning("waitlist_left_to_worker", request_id=str(actor.request_id))
                return
        lower = until


def as_system(actor: Actor) -> Actor:
    """Nobody in person makes offers; the request that caused one is told by its id."""
    return Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=actor.request_id)


_Time = tuple[datetime, UUID]
"""A start and the visit type that would begin."""


async def _fill(conn: Connection, system: Actor, freed: Freed, now: datetime, longest: int | None) -> None:
    lower, upper = suiting.edges(freed.span)
    place: dict[str, Any] = _FROM_THE_FIRST
    gone: set[_Time] = set()  # free as far as one can see, but not to be had
    read = asked = 0
    while longest and read < MOST_READ and asked < MOST_ASKED:
        waiting = await _waiting(conn, freed, longest, now, place)
        times = await _times(conn, freed, waiting)
        suited = [(entry, time) for entry in waiting if (time := _first(times[entry["visit_type_id"]], entry, gone))]
        if suited:
            # The same time would be offered to all of these: whoever of them still waits.
            time = suited[0][1]
            alike = [entry for entry, _ in takewhile(lambda one, time=time: one[1] is time, suited)]  # type: ignore[misc]
            last, theirs = await offer(conn, system, alike, time, freed.at)
            asked += 1
            if theirs and time.start <= lower and upper <= time.end:
                return  # nothing is left of it
            if last is None:
                gone.add((time.start, suited[0][0]["visit_type_id"]))
                continue
            place = last
        elif len(waiting) == AT_ONCE:
            place = waiting[-1]
        else:
            return
        read += waiting.index(place) + 1
        longest = await _wanted(conn, freed, now)


def _first(times: Sequence[Suiting], entry: Mapping[str, Any], gone: Collection[_Time]) -> Suiting | None:
    kind = entry["visit_type_id"]
    return next((t for t in times if suiting.suits(t, entry) and (t.start, kind) not in gone), None)


async def _wanted(conn: Connection, freed: Freed, now: datetime) -> int | None:
    row = await db.one(
        conn, q.wanted, provider_id=freed.provider_id, clinic_id=freed.clinic_id, span=freed.span, now=now
    )
    return row["longest"] if row else None


async def _waiting(
    conn: Connection, freed: Freed, longest: int, now: datetime, place: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Who comes next, in order, not locked: most often rivals for other times are already asking the first of them."""
    return await db.many(
        conn,
        q.next_waiting,
        provider_id=freed.provider_id,
        clinic_id=freed.clinic_id,
        span=freed.span,
        longest=longest,
        now=now,
        most=AT_ONCE,
        **{name: place[name] for name in _FROM_THE_FIRST},
    )


async def _times(conn: Connection, freed: Freed, waiting: Sequence[Mapping[str, Any]]) -> dict[UUID, list[Suiting]]:
    """What is free within the span, by the visit type that somebody waits for."""
    kinds = dict.fromkeys(entry["visit_type_id"] for entry in waiting)
    return {
        kind: await suiting.free_of(conn, freed.provider_id, kind, freed.span, kept=not freed.by_hours)
        for kind in kinds
    }


async def offer(
    conn: Connection,
    system: Actor,
    entries: Sequence[dict[str, Any]],
    time: Keepable,
    freed_at: datetime,
    *,
    choice: int = 1,
    known: bool = False,
) -> tuple[dict[str, Any] | None, bool]:
    """Keep the time for the first of these who still waits; whom it was kept for, or who could not have it, and which.

    It is the last when all of them have found something else, and None when nobody can have the time. They wait for one
    visit type; if that has limits, only the first is asked. From the lock of their entry, which the last statement but
    one takes, to the commit, whoever fills another time for them waits. `choice`: which of several times among which
    one chooses. `known`: this provider has accepted them already.
    """
    first = entries[0]
    claim, verdict = await judged_claim(
        conn,
        system,
        provider_id=time.provider_id,
        clinic_id=time.clinic_id,
        visit_type_id=first["visit_type_id"],
        start=time.start,
        patient_id=first["patient_id"],
    )
    broken = set(verdict.codes) - ({"not-accepting-new-patients"} if known else set())
    if broken:
        return first if broken <= _OF_THE_PATIENT else None, False
    overridden: list[str] = []
    if verdict.limited:
        entries = [first]
        counted = await claims.lock_limits(conn, claim)
        if await limits.broken(conn, **counted, except_id=first["appointment_id"]):
            return first, False
        # The visit they have is counted as long as it stands where it is: the one in its place breaks no limit.
        overridden = await limits.broken(conn, **counted)
    offer_id = ids.new_id()
    try:
        row, _ = await claims.try_claim(
            conn,
            system,
            replace(claim, patient_id=None),
            insert=q.offer_time,
            mode=verdict.mode,
            overridden=overridden,
            hold_expires_at=time.expires_at + GRACE,
            offer_id=offer_id,
            entry_ids=[entry["id"] for entry in entries],
            expires_at=time.expires_at,
            freed_at=freed_at,
            choice=choice,
        )
    except Problem:
        row = None
    if row is None:
        return None, False
    entry = next((entry for entry in entries if entry["id"] == row["entry_id"]), entries[-1])
    if row["id"] is None:
        return entry, False
    held = AppointmentHeld(**claims.event_fields(row), hold_expires_at=row["hold_expires_at"])
    told = WaitlistOffered(
        entry_id=entry["id"],
        patient_id=entry["patient_id"],
        offer_id=offer_id,
        appointment_id=row["id"],
        expires_at=time.expires_at,
        **{name: row[name] for name in ("provider_id", "clinic_id", "start", "end")},
    )
    await outbox.record_all(conn, [(system, held), (system, told)])
    return entry, True


_OF_THE_PATIENT = {"patient-inactive", "not-accepting-new-patients"}
"""Rules that one person breaks where another may not."""
