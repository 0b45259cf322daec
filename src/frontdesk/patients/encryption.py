"""Bring stored national ids and insurance numbers to the newest key: `frontdesk keys rotate`, and after an upgrade."""

from typing import Any

import structlog
from cryptography.exceptions import InvalidTag

from frontdesk import db, ids
from frontdesk.db import Connection
from frontdesk.fields import fields
from frontdesk.sql import load

q = load(__package__, "encryption.sql")

log = structlog.get_logger(__name__)

AT_ONCE = 500


def sealed(values: dict[str, Any], patient_id: Any) -> dict[str, Any]:
    """The columns as they are stored, with the index that equal national ids share."""
    cipher = fields()
    return values | {
        "national_id": cipher.sealed(values["national_id"], f"patient.national_id:{patient_id}"),
        "national_id_index": cipher.index(values["national_id"]),
        "insurance_member_id": cipher.sealed(
            values["insurance_member_id"], f"patient.insurance_member_id:{patient_id}"
        ),
    }


def opened(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a patient as it is stored, readable. Raises what Fields.opened raises."""
    cipher = fields()
    return row | {
        "national_id": cipher.opened(row["national_id"], f"patient.national_id:{row['id']}"),
        "insurance_member_id": cipher.opened(row["insurance_member_id"], f"patient.insurance_member_id:{row['id']}"),
    }


def readable(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a patient as it is answered, readable. One value that does not open is null, and is logged: a list of
    patients must not fail for one of them.
    """
    found = row | {"national_id": _read(row["national_id"], "national_id", row["id"])}
    if row["insurance"]:
        member = _read(row["insurance"]["member_id"], "insurance_member_id", row["id"])
        found["insurance"] = row["insurance"] | {"member_id": member}
    return found


def _read(stored: str | None, column: str, patient_id: Any) -> str | None:
    try:
        return fields().opened(stored, f"patient.{column}:{patient_id}")
    except (InvalidTag, KeyError, ValueError) as error:
        log.error("field_unreadable", column=column, patient_id=str(patient_id), error=type(error).__name__)
        return None


async def rotate(conn: Connection) -> int:
    """Encrypt a batch that is not encrypted with the newest key yet; how many rows. Idempotent, may be killed."""
    async with conn.transaction():
        rows = await db.many(conn, q.outdated, newest=fields().newest_like, rows=AT_ONCE)
        for row in rows:
            stamp = {"changed_by": ids.SYSTEM, "request_id": ids.new_id()}
            await db.run(conn, q.encrypt, **sealed(opened(row), row["id"]), **stamp)
    return len(rows)


class Upgrade:
    """A job of the background worker: after a start, encrypts whatever is not yet, until nothing is left."""

    def __init__(self) -> None:
        self._done = False

    async def __call__(self, conn: Connection) -> int:
        if self._done:
            return 0
        count = await rotate(conn)
        self._done = count == 0
        return count
