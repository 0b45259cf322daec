"""Identifiers: UUID version 7, and the actors that are not people."""

import os
import time
from datetime import UTC, datetime
from uuid import UUID

SYSTEM = UUID("00000000-0000-7000-8000-000000000001")
"""Written as `changed_by` by the background worker, migrations and the command line."""

ANONYMOUS = UUID("00000000-0000-7000-8000-000000000002")
"""Written as `changed_by` for a request without a log-in."""

GUEST = UUID("00000000-0000-7000-8000-000000000003")
"""Written as `changed_by` for whoever came by the link to an appointment."""


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then 74 random bits.

    Time-ordered, so that index inserts stay at the right edge. PostgreSQL 15 and Python 3.13 have no generator.
    """
    stamp = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    high, low = random >> 68, random & ((1 << 62) - 1)
    return UUID(int=(stamp << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low)


def made_at(made: UUID) -> datetime:
    """When an id of `new_id` was made (aware, UTC, to the millisecond)."""
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC)
