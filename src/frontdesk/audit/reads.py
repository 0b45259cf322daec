"""The trail of looks: whoever reads a patient's record leaves an entry, and the patient can see it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from frontdesk import db
from frontdesk.audit.models import EntryId
from frontdesk.auth.permissions import Actor, Role
from frontdesk.db import Connection
from frontdesk.sql import load
from frontdesk.web import pages

q = load(__package__)


async def looked(
    conn: Connection, actor: Actor, patient_ids: Iterable[UUID | None], what: str, reason: str | None = None
) -> None:
    """Write down that the actor looks at these patients: at `what`, a permission or a short word, for that `reason`.

    Call it after what is looked at was found and before it is answered, so that nothing is seen without an entry. One
    statement, none for a patient's look at their own record; a guardian's look at their ward is written down. None
    among the ids is nobody. `what` and `reason` are read by the patient.
    """
    own = actor.own_patient if actor.role is Role.PATIENT else None
    others = sorted({patient for patient in patient_ids if patient is not None and patient != own})
    if others:
        await db.run(conn, q.looked, patient_ids=others, what=what, reason=reason, **actor.stamp)


async def accesses(conn: Connection, patient_id: UUID, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of who looked at the patient's record or changed it, the latest first. Whose it is, the caller judges."""
    place = pages.decode(cursor, ("before_id", EntryId))
    rows = await db.many(conn, q.accesses, patient_id=patient_id, rows=limit + 1, **place)
    page = pages.page(rows, limit, "id")
    return page | {"items": [_told(row) for row in page["items"]]}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    look = row["action"] == "READ"
    return {
        "at": row["at"],
        "kind": "looked" if look else "changed",
        "what": row["what"] if look else f"{row['table_name']}:{row['action'].lower()}",
        "role": row["role"] or "unknown",
        "display": _display(row),
        "reason": row["reason"],
    }


def _display(row: dict[str, Any]) -> str:
    """Who it was, in words for the patient: providers by name, everybody else by what they are."""
    match row["role"]:
        case "provider":
            return str(row["provider"])
        case "staff":
            return ", ".join(["front desk", *row["clinics"]])
        case "patient":
            return "the patient"
        case "guardian":
            return "somebody who acts for the patient"
        case "admin":
            return "administration"
        case "system":
            return "Frontdesk"
        case "guest link":
            return "somebody with the link to the appointment"
        case "anonymous":
            return "somebody without a log-in"
        case _:
            return "unknown"
