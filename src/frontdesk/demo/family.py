"""The children of the demo's patient: two of the book, so that every figure stays what it was."""

from datetime import date, datetime
from uuid import UUID

from frontdesk.demo.book import Booked
from frontdesk.demo.draw import Draw
from frontdesk.demo.people import Patient
from frontdesk.demo.writer import Writer
from frontdesk.sql import load

q = load(__package__)

CHILDREN = 2
_OF_AGE = 18
_NEVER_OLDER = 60  # years between a grandparent and a grandchild


async def write_family(writer: Writer, draw: Draw, guardian_id: UUID, booked: list[Booked], at: datetime) -> None:
    """Let the patient act for CHILDREN children who have visits ahead."""
    people = {one.patient.id: one.patient for one in booked}
    guardian = people[guardian_id]
    rows = (
        (draw.id(at), guardian.id, child.id, _relation(guardian, child), _of_age_on(child.born_on), at)
        for child in children(guardian, booked, at.date())
    )
    await writer.copy(q.copy_guardianship, rows)


def children(guardian: Patient, booked: list[Booked], today: date) -> list[Patient]:
    """Those of the book who might be theirs: of the same clinic, name and age as far as there are any."""
    ahead = {one.patient.id: one.patient for one in booked if one.status in ("scheduled", "confirmed")}
    young = [
        one
        for one in ahead.values()
        if one.age(today) < _OF_AGE - 1 and _OF_AGE <= one.born_on.year - guardian.born_on.year <= _NEVER_OLDER
    ]

    def likeness(one: Patient) -> tuple[bool, bool, bool, int]:
        of_parent = one.born_on.year - guardian.born_on.year <= _OF_AGE + 27
        return one.last_name != guardian.last_name, one.place.key != guardian.place.key, not of_parent, one.id.int

    return sorted(young, key=likeness)[:CHILDREN]


def _relation(guardian: Patient, child: Patient) -> str:
    woman, older = guardian.gender == "female", child.born_on.year - guardian.born_on.year > _OF_AGE + 27
    return {(True, False): "mother", (False, False): "father", (True, True): "grandmother"}.get(
        (woman, older), "grandfather"
    )


def _of_age_on(born_on: date) -> date:
    day = 28 if (born_on.month, born_on.day) == (2, 29) else born_on.day
    return born_on.replace(year=born_on.year + _OF_AGE, day=day)
