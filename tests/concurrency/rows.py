"""Rows written by plain SQL, for what the database refuses by itself."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.range import TimestamptzRange

from tests.make import Make

NINE = datetime(2031, 3, 3, 9, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NINE + timedelta(minutes=minutes)


def span(start: int, end: int) -> TimestamptzRange:
    """Half-open, in minutes after nine."""
    return TimestamptzRange(at(start), at(end))


class Rows:
    """Rows of one clinic, one visit type, two providers, two patients and two rooms."""

    def __init__(self, db: psycopg.Connection[Any]) -> None:
        self.make = Make(db)
        self.clinic, self.visit_type = self.make.clinic(), self.make.visit_type()
        self.providers = [self.make.provider() for _ in range(2)]
        self.patients = [self.make.patient() for _ in range(2)]
        self.rooms = [self.make.room(self.clinic) for _ in range(2)]

    def visit(
        self, start: int, *, provider: int = 0, patient: int | None = 0, minutes: int = 30, **columns: Any
    ) -> UUID:
        who = None if patient is None else self.patients[patient]
        place = (self.providers[provider], self.clinic, self.visit_type)
        return self.make.appointment(*place, at(start), minutes, **{"patient_id": who} | columns)

    def set(self, id_: UUID, **columns: Any) -> None:
        names = ", ".join(f"{name} = %s" for name in columns)
        self.make.conn.execute(f"UPDATE appointment SET {names} WHERE id = %s", (*columns.values(), id_))


def refused_by(constraint: str, write: Callable[[], object]) -> None:
    """`write` violates this constraint and no other."""
    with pytest.raises(psycopg.errors.IntegrityError) as refusal:
        write()
    assert refusal.value.diag.constraint_name == constraint
