"""`POST /holds` and `DELETE /holds/{id}`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.booking import holds
from frontdesk.booking.models import Hold, MakeHold, Token
from frontdesk.web.answers import OnceOnly
from frontdesk.web.tx import Tx

router = APIRouter(prefix="/holds", tags=["holds"])


@router.post("", status_code=201, response_model=Hold)
async def make_hold(body: MakeHold, actor: Annotated[Actor, allow("holds:make")], once: OnceOnly, conn: Tx) -> Response:
    """Keep a time for ten minutes. Without a log-in the answer holds a secret `token`: it alone proves the hold."""
    return await once.answer(201, await holds.make(conn, actor, **dict(body)))


@router.delete("/{hold_id}", status_code=204)
async def drop_hold(
    hold_id: UUID,
    actor: Annotated[Actor, allow("holds:make")],
    conn: Tx,
    x_hold_token: Annotated[Token | None, Header(description="The token of a hold made without a log-in.")] = None,
) -> Response:
    """Give a held time back."""
    await holds.drop(conn, actor, hold_id, x_hold_token)
    return Response(status_code=204)
