"""The endpoint of the trail. Nothing here changes it, and nothing could."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from frontdesk.audit import trail
from frontdesk.audit.models import EntryPage
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.web.answers import answer
from frontdesk.web.fields import Code, Instant, Text
from frontdesk.web.pages import Cursor, Limit
from frontdesk.web.tx import Read

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("", response_model=EntryPage)
async def list_entries(
    actor: Annotated[Actor, allow("audit:read")],
    conn: Read,
    table: Annotated[Code | None, Query(description="patient, appointment, user_account, …")] = None,
    row_id: Annotated[Text | None, Query(description="The row's id, as text.")] = None,
    by: Annotated[UUID | None, Query(alias="actor", description="The id of the user who did it.")] = None,
    request_id: Annotated[UUID | None, Query(description="The X-Request-Id of an answer.")] = None,
    from_: Annotated[Instant | None, Query(alias="from", description="First instant.")] = None,
    to: Annotated[Instant | None, Query(description="Instant after the last.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Who did what to which row, and who looked at whom, the latest first."""
    page = await trail.entries(
        conn,
        actor,
        table=table,
        row_id=row_id,
        by=by,
        request_id=request_id,
        from_at=from_,
        to_at=to,
        limit=limit,
        cursor=cursor,
    )
    return answer(200, page)
