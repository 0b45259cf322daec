"""What the trail tells."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field


class EntryId(int):
    """The id of an entry, as a cursor holds it. Raises ValueError for what PostgreSQL could not take for one."""

    def __new__(cls, value: Any) -> Self:
        if not isinstance(value, int) or not 0 <= value < 2**63:
            raise ValueError("is no id of an entry")
        return super().__new__(cls, value)


class Entry(BaseModel):
    """Who did what to which row, or looked at it."""

    id: int
    at: datetime
    table: str
    row_id: str
    action: Literal["INSERT", "UPDATE", "DELETE", "READ", "ERASE"]
    actor: UUID | None
    request_id: UUID | None
    db_user: str = Field(description="The role that the database knew the writer by.")
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    changed: list[str] = Field(description="Of an UPDATE: the columns whose value changed.")
    withheld: bool = Field(description="Whether old and new are left out because they are clinical.")
    sealed: bool = Field(description="Whether the entry has its seal: a few seconds after it was written.")


class EntryPage(BaseModel):
    items: list[Entry]
    next_cursor: str | None


class Access(BaseModel):
    """One look at a patient's record, or one change of it."""

    at: datetime
    kind: Literal["looked", "changed"]
    what: str = Field(
        description="Of a look: what was looked at, as patients:read. Of a change: the table and the action."
    )
    role: str = Field(description="The role of who did it, or guardian, system, anonymous, guest link, unknown.")
    display: str = Field(description="A provider's name, or the front desk and its clinics; never a member of staff.")
    reason: str | None


class AccessPage(BaseModel):
    items: list[Access]
    next_cursor: str | None
