"""Time that becomes free again, and who is told in the same transaction, before anybody else can take it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import clock
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """A span of a provider's time (half-open, UTC) that may have become free, at one clinic or wherever they work."""

    provider_id: UUID
    clinic_id: UUID | None
    span: TimestamptzRange
    at: datetime  # since when; those who are asked one after the other for one time share it
    by_hours: bool = False  # working time was changed in this very transaction


Span = tuple[datetime, datetime]
"""From an aware instant to another, exclusive."""


def by_hours(provider_id: UUID, span: Span | None = None) -> Freed:
    """What a change of working time in this transaction may have made free: within `span`, or any time ahead."""
    now = clock.now()
    start, end = span or (now, now + _AHEAD)
    return Freed(provider_id=provider_id, clinic_id=None, span=TimestamptzRange(start, end), at=now, by_hours=True)


_AHEAD = timedelta(days=366)
"""Further than anything is booked."""

Taker = Callable[[Connection, Actor, Freed], Awaitable[None]]
"""Is called in the transaction that frees the time. What it raises ends that transaction."""


async def _nobody(conn: Connection, actor: Actor, freed: Freed) -> None:
    """Free time is the public's."""


_taker: Taker = _nobody


def first_refusal(taker: Taker) -> None:
    """From here on this process tells `taker` of freed time first. For composition roots alone."""
    global _taker
    _taker = taker


async def tell(conn: Connection, actor: Actor, *freed: Freed) -> None:
    """Call after the change that frees the time, in its transaction."""
    for one in freed:
        await _taker(conn, actor, one)
