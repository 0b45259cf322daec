"""`GET /stream`: live updates as server-sent events."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from frontdesk import db
from frontdesk.auth import sessions, tokens
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor, Role
from frontdesk.errors import Forbidden, InvalidRequest, Unauthenticated
from frontdesk.live import news
from frontdesk.live.hub import Hub
from frontdesk.live.listener import Listener, Standing
from frontdesk.live.news import Key

router = APIRouter(tags=["live updates"])

MOST_TOPICS = 50
_LARGEST = 2**62  # of a position: the database counts no further

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `ready`, `change`, `reset`, `expired` and `ended`, as docs/live-updates.md tells",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

Several = Annotated[list[UUID], Query(max_length=MOST_TOPICS)]
Position = Annotated[int | None, Query(ge=0, le=_LARGEST, description="As Last-Event-ID, for a first connection.")]
LastHeard = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=_LARGEST)]


@router.get("/stream", response_class=Response, responses=_STREAM)
async def stream(
    request: Request,
    actor: Annotated[Actor, allow("availability:read")],
    provider_id: Several = [],  # noqa: B006 - FastAPI copies it
    clinic_id: Several = [],  # noqa: B006
    board: Several = [],  # noqa: B006
    mine: bool = False,
    last_event_id: Position = None,
    last_heard: LastHeard = None,
) -> Response:
    """What happens, while it happens, as server-sent events: an answer without an end.

    `provider_id`, `clinic_id`: which times become taken or free. `board`: the appointments at a clinic, for its staff
    and admins; for a provider, their own. `mine`: the appointments of the patient or provider who asks. With a clinic's
    board, and with what is a patient's own, comes the waitlist. Each may be asked together with others. `Last-Event-ID`
    goes on where an earlier stream ended.
    """
    keys = {news.provider(one) for one in provider_id} | {news.clinic(one) for one in clinic_id}
    keys |= {_board(actor, one) for one in board}
    if mine:
        keys.add(_own(actor))
    keys |= _waitlists(actor, keys)
    if not keys:
        raise InvalidRequest("Say what to tell of: provider_id, clinic_id, board or mine.")
    standing = Standing(actor, frozenset(board), _expiry(request, actor))
    if actor.login is not None:
        async with db.borrow(request.app.state.pool) as conn:  # given back before the first word is told
            login = await sessions.login_for(conn, actor.login)
        if not standing.holds(login):
            raise Unauthenticated("This session has ended or changed; log in again, or refresh the access token.")
    hub: Hub = request.app.state.hub
    return await hub.listen(Listener(frozenset(keys), standing), last_event_id if last_heard is None else last_heard)


def _expiry(request: Request, actor: Actor) -> datetime | None:
    """When the access token ends; None for an API key, whose end the database knows, and without a log-in."""
    if actor.login is None or actor.scopes is not None:
        return None
    login = tokens.login_of(request)
    return login.expires_at if login else None


def _may_see_appointments(actor: Actor) -> None:
    if actor.role is Role.ANONYMOUS:
        raise Unauthenticated("Appointments need a log-in: send an access token.")
    if not actor.may("appointments:read"):
        raise Forbidden("This API key does not have the scope appointments:read.")


def _board(actor: Actor, clinic_id: UUID) -> Key:
    """What somebody sees of the appointments at a clinic."""
    _may_see_appointments(actor)
    if actor.role is Role.ADMIN or (actor.role is Role.STAFF and clinic_id in actor.clinic_ids):
        return news.board(clinic_id)
    if actor.role is Role.PROVIDER and actor.provider_id is not None:
        return news.own_board(clinic_id, actor.provider_id)
    raise Forbidden("The board of a clinic is for its staff and its providers.")


def _waitlists(actor: Actor, keys: set[Key]) -> set[Key]:
    """The waitlists that go with these boards and this patient, for who may read them."""
    if not actor.may("waitlist:read"):
        return set()
    boards = {news.waitlist(key[1]) for key in keys if key[0] == "board" and len(key) == 2}
    return boards | {news.waiting(key[1]) for key in keys if key[0] == "patient"}


def _own(actor: Actor) -> Key:
    """A person's own appointments."""
    _may_see_appointments(actor)
    if actor.role is Role.PATIENT and actor.patient_id is not None:
        return news.patient(actor.patient_id)
    if actor.role is Role.PROVIDER and actor.provider_id is not None:
        return news.own_list(actor.provider_id)
    raise InvalidRequest("Only patients and providers have appointments of their own; ask for a board.")
