"""After the measurement: does the book hold what was acknowledged, and nothing twice? Asked by plain SQL."""

from uuid import UUID

import psycopg

_WRITTEN = """
SELECT (SELECT count(*) FROM appointment WHERE changed_by = %(by)s AND status = 'scheduled'),
       (SELECT count(*) FROM appointment_history WHERE changed_by = %(by)s),
       (SELECT count(*) FROM audit_entry WHERE actor = %(by)s AND table_name = 'appointment' AND action = 'INSERT'),
       (SELECT count(*) FROM outbox WHERE changed_by = %(by)s AND topic = 'appointments.scheduled.v1')
"""

# Sorted by start, a row overlaps an earlier one exactly if it starts before the latest end so far.
_OVERLAPS = """
SELECT count(*) FROM (
    SELECT lower(claims) < max(upper(claims)) OVER (PARTITION BY provider_id ORDER BY lower(claims), id
                                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        OR lower(during) < max(upper(during)) OVER (PARTITION BY patient_id ORDER BY lower(during), id
                                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS twice
    FROM appointment WHERE status = 'scheduled') AS written
WHERE twice
"""


class Untrue(Exception):
    """The database does not hold what was acknowledged: the figures mean nothing."""


def check(dsn: str, acknowledged: dict[UUID, int]) -> None:
    """Each writer's appointments with their history, audit and outbox lines, and no overlap. Raises Untrue."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        for by, count in acknowledged.items():
            found = conn.execute(_WRITTEN, {"by": by}).fetchone()
            if found != (count,) * 4:
                raise Untrue(
                    f"{count} bookings of {by} were acknowledged; appointment, history, audit, outbox: {found}"
                )
        overlaps = conn.execute(_OVERLAPS).fetchone()
        if overlaps != (0,):
            raise Untrue(f"{overlaps} appointments overlap an earlier one")
