"""The trail, for those who look into what happened: by table, row, user and day, each row with its history."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import ids
from frontdesk.audit import trail
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.portal.search import Query
from frontdesk.web.fields import Code, Day, Text
from frontdesk.web.tx import Read

router = APIRouter(prefix="/admin/audit", tags=["pages"], route_class=PageRoute, include_in_schema=False)

_PAGE = 50


class Sought(Query):
    """`since` and `until`: days in UTC, both included."""

    told = frozenset({"since", "until"})

    table: Code | None = None
    row_id: Text | None = None
    actor: UUID | None = None
    since: Day | None = None
    until: Day | None = None
    cursor: Text | None = None


@router.get("")
async def entries(request: Request, actor: Annotated[Actor, allow("audit:read")], conn: Read) -> Response:
    """Who did what to which row, and who looked at whom, the latest first. Looking here is a look, too."""
    sought = Sought.of(request)
    listed = await trail.entries(
        conn,
        actor,
        table=sought.table,
        row_id=sought.row_id,
        by=sought.actor,
        request_id=None,
        from_at=_midnight(sought.since),
        to_at=_midnight(sought.until and sought.until + timedelta(days=1)),
        limit=_PAGE,
        cursor=sought.cursor,
    )
    shown = [entry | {"values": _values(entry)} for entry in listed["items"]]
    asked = sought.model_dump(exclude={"cursor"})
    return page(
        request, "admin/audit.html", asked=asked, entries=shown, cursor=listed["next_cursor"], system=ids.SYSTEM
    )


def _midnight(on: date | None) -> datetime | None:
    return datetime.combine(on, time(0), UTC) if on else None


def _values(entry: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """Column, value before and value after; of an UPDATE only what has changed."""
    old, new = entry["old"] or {}, entry["new"] or {}
    names = entry["changed"] if entry["action"] == "UPDATE" else {**old, **new}
    return [(name, _text(old, name), _text(new, name)) for name in names]


def _text(values: dict[str, Any], name: str) -> str | None:
    value = values.get(name)
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
