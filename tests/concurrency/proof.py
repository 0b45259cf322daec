"""What must be true after every race, asked of the tables in plain SQL and never of the constraints under test."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from frontdesk import ids

_LIVE = "status NOT IN ('cancelled', 'no_show', 'expired')"

# Pairwise, by comparing the edges: neither the exclusion constraints, nor their indexes, nor && have a say.
OVERLAPS = {
    "provider": f"""
        SELECT a.id, b.id FROM appointment a JOIN appointment b
          ON a.provider_id = b.provider_id AND a.lane = b.lane AND a.id < b.id
         AND lower(a.claims) < upper(b.claims) AND lower(b.claims) < upper(a.claims)
        WHERE a.{_LIVE} AND b.{_LIVE} AND a.session_id IS NULL AND b.session_id IS NULL""",
    "patient": f"""
        SELECT a.id, b.id FROM appointment a JOIN appointment b
          ON a.patient_id = b.patient_id AND a.id < b.id
         AND lower(a.during) < upper(b.during) AND lower(b.during) < upper(a.during)
        WHERE a.{_LIVE} AND b.{_LIVE}""",
    "room": f"""
        SELECT a.id, b.id FROM appointment a JOIN appointment b
          ON a.room_id = b.room_id AND a.id < b.id
         AND lower(a.claims) < upper(b.claims) AND lower(b.claims) < upper(a.claims)
        WHERE a.{_LIVE} AND b.{_LIVE} AND a.session_id IS NULL AND b.session_id IS NULL""",
}

_CHANGES = """
    SELECT (new ->> 'id')::uuid AS id, (new ->> 'version')::int AS version, old ->> 'status' AS from_status,
           new ->> 'status' AS to_status, actor AS changed_by, request_id
    FROM audit_entry
    WHERE table_name = 'appointment' AND action <> 'DELETE' AND (new ->> 'clinic_id')::uuid = ANY (%(clinics)s)
      AND (old IS NULL
           OR (old ->> 'status', old ->> 'during', old ->> 'provider_id', old ->> 'clinic_id', old ->> 'room_id')
              IS DISTINCT FROM
              (new ->> 'status', new ->> 'during', new ->> 'provider_id', new ->> 'clinic_id', new ->> 'room_id'))"""

TRACES = {
    "a version without its audit row": """
        SELECT a.id, a.version, count(e.id) FROM appointment a
        LEFT JOIN audit_entry e ON e.table_name = 'appointment' AND e.row_id = a.id::text
        WHERE a.clinic_id = ANY (%(clinics)s)
        GROUP BY a.id HAVING count(e.id) <> a.version""",
    "an audit row without actor or request": """
        SELECT id FROM audit_entry WHERE table_name = 'appointment' AND (actor IS NULL OR request_id IS NULL)""",
    "the last audit row is not what stands": """
        SELECT a.id FROM appointment a
        CROSS JOIN LATERAL (SELECT e.new FROM audit_entry e WHERE e.table_name = 'appointment' AND e.row_id = a.id::text
                            ORDER BY e.id DESC LIMIT 1) AS last
        WHERE a.clinic_id = ANY (%(clinics)s)
          AND (last.new ->> 'status', last.new ->> 'changed_by', last.new ->> 'request_id')
              IS DISTINCT FROM (a.status, a.changed_by::text, a.request_id::text)""",
    "a change without its history row, or the other way round": f"""
        SELECT * FROM ({_CHANGES}) AS changed
        FULL JOIN (SELECT appointment_id AS id, version, from_status, to_status, changed_by, request_id
                   FROM appointment_history WHERE clinic_id = ANY (%(clinics)s)) AS told
        USING (id, version)
        WHERE (changed.from_status, changed.to_status, changed.changed_by, changed.request_id)
              IS DISTINCT FROM (told.from_status, told.to_status, told.changed_by, told.request_id)""",
    # What Make and the tests write by hand carries the system's name and sends no events.
    "a change without its event, or with two": """
        SELECT h.appointment_id, h.version, count(o.id) FROM appointment_history h
        LEFT JOIN outbox o ON o.payload ->> 'appointment_id' = h.appointment_id::text
                          AND o.payload ->> 'version' = h.version::text AND o.request_id = h.request_id
                          AND o.key = h.provider_id::text
        WHERE h.clinic_id = ANY (%(clinics)s) AND h.changed_by <> %(system)s
        GROUP BY h.appointment_id, h.version HAVING count(o.id) <> 1""",
    "an event of nothing": """
        SELECT o.id, o.topic FROM outbox o
        WHERE o.topic LIKE 'appointments.%%' AND (o.payload ->> 'clinic_id')::uuid = ANY (%(clinics)s)
          AND NOT EXISTS (SELECT FROM appointment_history h
                          WHERE h.appointment_id::text = o.payload ->> 'appointment_id'
                            AND h.version::text = o.payload ->> 'version')""",
}


def prove(conn: psycopg.Connection[Any], clinics: Sequence[UUID]) -> None:
    """No overlap of a provider in a lane, of a patient, of a room in the whole book; and a trace of every change in
    these clinics.
    """
    with conn.transaction():
        conn.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
        for what, query in OVERLAPS.items():
            found = conn.execute(query).fetchall()
            assert not found, f"{len(found)} overlaps of one {what}: {found[:3]}"
    for what, query in TRACES.items():
        found = conn.execute(query, {"system": ids.SYSTEM, "clinics": list(clinics)}).fetchall()
        assert not found, f"{len(found)} times {what}: {found[:3]}"
