"""A batch of rows claims its times: one transaction, sorted locks first, each row judged alone by the constraints."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import psycopg

from frontdesk import clock, db, ids
from frontdesk.auth.permissions import Actor
from frontdesk.booking import claims
from frontdesk.booking.events import AppointmentScheduled
from frontdesk.db import Connection
from frontdesk.events import outbox
from frontdesk.imports.directory import Placed
from frontdesk.imports.refusals import Code, Refusal
from frontdesk.imports.trial import Mirror
from frontdesk.sql import load

q = load(__package__, "claiming.sql")

_MOST_TRIES = 10
"""A batch is repeated when another writer was in the way of the whole of it; each time the other one got on."""

_MOST_TOLD = 3  # visits in the way that a refusal names


@dataclass(slots=True)
class Outcome:
    """What became of a batch."""

    added: int = 0
    there: int = 0  # entered before, by an earlier run or line
    patients: int = 0
    refusals: list[Refusal] = field(default_factory=list)


class Claims:
    """Claims times for the actor. With `trial`, in tables that nobody else sees, and so without a lock or an event."""

    def __init__(self, conn: Connection, actor: Actor, *, trial: bool = False) -> None:
        self._conn, self._actor = conn, actor
        self._trial = Mirror() if trial else None

    async def claim(self, rows: list[Placed]) -> Outcome:
        """Enter the rows that are not there and whose times are free, in the order of the file; commits.

        Writes AppointmentScheduled for those that are ahead. Repeating it adds nothing.
        """
        for _ in range(_MOST_TRIES - 1):
            try:
                async with self._conn.transaction():
                    return await self._claim(rows)
            except _ANOTHER_WRITER:
                continue
        async with self._conn.transaction():
            return await self._claim(rows)

    async def _claim(self, rows: list[Placed]) -> Outcome:
        """Lines with the id of an earlier line come after it, so that they find it in the book."""
        outcome = Outcome()
        while rows:
            first = {_appointment_id(row) if row.external_id else row.line: row for row in reversed(rows)}
            lines = {row.line for row in first.values()}
            part = await self._claim_distinct([row for row in rows if row.line in lines])
            outcome.added += part.added
            outcome.there += part.there
            outcome.patients += part.patients
            outcome.refusals += part.refusals
            rows = [row for row in rows if row.line not in lines]
        return outcome

    async def _claim_distinct(self, rows: list[Placed]) -> Outcome:
        outcome = Outcome()
        wanted = await self._locked(rows)
        wanted = await self._without_present(wanted, outcome)
        entered: dict[UUID, int] = {}  # appointments and their lines
        for _ in range(_MOST_TRIES):
            claimed = await db.many(self._conn, q.claim, **_columns(wanted), **self._actor.stamp)
            await self._count(claimed, outcome)
            lines = {each.id: each.row.line for each in wanted}
            entered |= {row["id"]: lines[row["id"]] for row in claimed}
            registered = {row["patient_id"] for row in claimed}
            wanted = [
                replace(each, newcomer=each.newcomer and each.patient_id not in registered)
                for each in wanted
                if each.id not in entered
            ]
            wanted = await self._without_present(wanted, outcome)
            wanted = await self._without_busy(wanted, entered, outcome)
            if not wanted:  # else whoever was in the way is gone: look again
                return outcome
        outcome.refusals += [Refusal(each.row.line, Code.CONTESTED, _CONTESTED) for each in wanted]
        return outcome

    async def _locked(self, rows: list[Placed]) -> "list[_Wanted]":
        """The rows with the ids of their patients, under the locks of all that they claim.

        A patient who is not in the book yet is locked by reference: two imports must not register one person twice.
        """
        refs = sorted({row.patient.ref for row in rows})
        keys = [*(row.provider_id for row in rows), *(uuid5(NAMESPACE_OID, f"patient:{ref}") for ref in refs)]
        if self._trial is not None:
            await self._trial.reflect(self._conn, rows, [_appointment_id(row) for row in rows], refs)
        else:
            known = await self._patients(refs)
            overdue = await self._overdue_holds(rows, known)
            held = [hold[key] for hold in overdue for key in ("provider_id", "patient_id", "room_id")]
            await claims.lock(self._conn, [*keys, *known.values(), *held])
            await claims.expire(self._conn, self._actor, overdue)
        known = await self._patients(refs)
        patients = {ref: known.get(ref) or ids.new_id() for ref in refs}
        return [
            _Wanted(row, _appointment_id(row), patients[row.patient.ref], row.patient.ref not in known) for row in rows
        ]

    async def _patients(self, refs: list[str]) -> dict[str, UUID]:
        return {row["ref"]: row["id"] for row in await db.many(self._conn, q.patients_by_ref, refs=refs)}

    async def _overdue_holds(self, rows: list[Placed], known: dict[str, UUID]) -> list[dict[str, Any]]:
        now = clock.now()
        ahead = [row for row in rows if row.end > now and row.status not in _OVER]
        if not ahead:
            return []
        return await db.many(
            self._conn,
            q.overdue_holds,
            providers=[row.provider_id for row in ahead],
            patients=[known.get(row.patient.ref) for row in ahead],
            starts=[row.start for row in ahead],
            ends=[row.end for row in ahead],
            now=now,
        )

    async def _without_present(self, wanted: "list[_Wanted]", outcome: Outcome) -> "list[_Wanted]":
        """Those that are not there yet. What is there is counted; a stranger's external id is refused."""
        if not wanted:
            return []
        found: dict[int, bool] = {}
        for row in await db.many(self._conn, q.already_there, **_columns(wanted)):
            found[row["n"]] = found.get(row["n"], True) and row["same_patient"]
        outcome.there += sum(found.values())
        strangers = [line for line, same_patient in found.items() if not same_patient]
        outcome.refusals += [Refusal(line, Code.EXTERNAL_ID_TAKEN, _EXTERNAL_ID_TAKEN) for line in strangers]
        return _each_once([each for each in wanted if each.row.line not in found], outcome)

    async def _without_busy(
        self, wanted: "list[_Wanted]", entered: dict[UUID, int], outcome: Outcome
    ) -> "list[_Wanted]":
        """Those that nothing is in the way of any more; the others are refused with what was, not with later lines."""
        if not wanted:
            return []
        found: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row in await db.many(self._conn, q.in_the_way, **_columns(wanted), now=clock.now()):
            found[row["n"]].append(row)
        for each in wanted:
            line = each.row.line
            if line in found:
                first = [row for row in found[line] if entered.get(row["id"], 0) < line]
                outcome.refusals.append(_busy(each.row, first or found[line]))
        return [each for each in wanted if each.row.line not in found]

    async def _count(self, claimed: list[dict[str, Any]], outcome: Outcome) -> None:
        """Count what was entered; tell the rest of the house of visits ahead, and of no others."""
        outcome.added += len(claimed)
        outcome.patients += len({row["patient_id"] for row in claimed if row["registered"]})
        now = clock.now()
        for row in claimed:
            if row["start"] > now and row["status"] not in _OVER and self._trial is None:
                await outbox.record(self._conn, self._actor, AppointmentScheduled(**claims.event_fields(row)))


@dataclass(frozen=True, slots=True)
class _Wanted:
    row: Placed
    id: UUID
    patient_id: UUID
    newcomer: bool  # the patient is not in the book yet


_OVER = ("cancelled", "no_show")
_CONTESTED = "other writers took and gave up this time again and again; run the import again"
_EXTERNAL_ID_TAKEN = "the visit with this external_id at the clinic is another patient's"

# Deadlock or serialisation failure; a patient registered under the same reference by somebody who takes no locks.
_ANOTHER_WRITER = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.UniqueViolation,
)


def _appointment_id(row: Placed) -> UUID:
    """A fresh id; for a visit that has an id where it comes from, always the same one for that clinic.

    So the primary key refuses what is there already, even after it was moved here (RFC 9562 §5.5).
    """
    if row.external_id is None:
        return ids.new_id()
    return uuid5(row.clinic_id, f"appointment:{row.external_id}")


def _each_once(wanted: list[_Wanted], outcome: Outcome) -> list[_Wanted]:
    """Of equal lines for a visit that did not take place only the first: no constraint refuses the others."""
    seen: set[tuple[object, ...]] = set()
    kept = []
    for each in wanted:
        row = each.row
        key = (row.provider_id, each.patient_id, row.start, row.end)
        if row.status in _OVER and row.external_id is None and key in seen:
            outcome.there += 1
        else:
            kept.append(each)
        if row.status in _OVER:
            seen.add(key)
    return kept


def _busy(row: Placed, in_the_way: list[dict[str, Any]]) -> Refusal:
    resources = sorted({each["resource"] for each in in_the_way}, reverse=True)  # the provider first
    told = [
        f"the {each['resource']} is busy {_span(each['start'], each['end'], row)}" for each in in_the_way[:_MOST_TOLD]
    ]
    if len(in_the_way) > _MOST_TOLD:
        told.append(f"and {len(in_the_way) - _MOST_TOLD} more")
    code = Code.PROVIDER_BUSY if resources[0] == "provider" else Code.PATIENT_BUSY
    return Refusal(row.line, code, "; ".join(told))


def _span(start: datetime, end: datetime, row: Placed) -> str:
    """From and to, with the offset that the row itself has."""
    zone = row.start.tzinfo
    return f"from {start.astimezone(zone).isoformat()} to {end.astimezone(zone).isoformat()}"


def _columns(wanted: Iterable[_Wanted]) -> dict[str, list[Any]]:
    """The rows as one array a column."""
    wanted = list(wanted)
    rows = [each.row for each in wanted]
    people = [row.patient for row in rows]
    return {
        "numbers": [row.line for row in rows],
        "ids": [each.id for each in wanted],
        "providers": [row.provider_id for row in rows],
        "patients": [each.patient_id for each in wanted],
        "clinics": [row.clinic_id for row in rows],
        "visit_types": [row.visit_type_id for row in rows],
        "starts": [row.start for row in rows],
        "ends": [row.end for row in rows],
        "named": [row.external_id is not None for row in rows],
        "statuses": [row.status for row in rows],
        "reasons": [row.reason for row in rows],
        "newcomers": [each.newcomer for each in wanted],
        "refs": [person.ref for person in people],
        "first_names": [person.first_name for person in people],
        "last_names": [person.last_name for person in people],
        "born": [person.date_of_birth for person in people],
        "genders": [person.gender for person in people],
    }
