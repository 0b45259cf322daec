"""What was typed for a time that is gone goes along to the one that is chosen next: sealed, with the browser, for
minutes (ADR-0030)."""

import base64
import binascii
from datetime import datetime
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import clock
from frontdesk.auth.permissions import Actor, Role
from frontdesk.guests import newcomers
from frontdesk.guests.newcomers import Asked, Newcomer
from frontdesk.portal.book import held
from frontdesk.settings import settings

GUEST = "frontdesk_guest"
"""What a guest typed, sealed: it goes with requests about its own hold, and nowhere else."""

_PURPOSE = "reason"

_MOST_BYTES = 2_800
"""Of a sealed reason: browsers keep cookies of 4,096 bytes, and base64 makes it a third longer."""


def asked(request: Request, hold_id: UUID | None) -> Asked | None:
    """What a guest typed for this hold; without one, for a time that is gone."""
    return newcomers.asked(request.app.state.keys, hold_id, _sealed(request, GUEST if hold_id else held.TYPED))


def remember(request: Request, response: Response, name: str, sealed: bytes, path: str = "/book") -> Response:
    """Let the browser keep it for as long as a code is good."""
    value = base64.urlsafe_b64encode(sealed).decode()
    return held.remember(request, response, name, value, settings().contact_code_ttl, path)


def along(
    request: Request,
    response: Response,
    hold_id: UUID,
    actor: Actor,
    found: str,
    *,
    who: Newcomer | None = None,
    reason: str = "",
) -> Response:
    """Let `response` take what was typed along, when the hold is lost: `found` is where its browser learns of it.

    Without `who` it is what this browser typed for the hold when it asked for a code.
    """
    if found.startswith("/booked/"):
        return response
    keys, before = request.app.state.keys, asked(request, hold_id)
    who = who or (before.who if before else None)
    if who and actor.role is Role.ANONYMOUS:
        remember(request, response, held.TYPED, newcomers.keep(keys, who))
        if GUEST in request.cookies:  # else it would come again, over what is typed later
            response.delete_cookie(GUEST, path=f"/book/{hold_id}")
    until = clock.now() + settings().contact_code_ttl
    sealed = keys.seal(orjson.dumps([_PURPOSE, str(actor.patient_id), until, reason]))
    if reason and len(sealed) <= _MOST_BYTES:
        remember(request, response, held.REASON, sealed)
    return response


def reason(request: Request, actor: Actor) -> str:
    """Why they come, as they said it for a time that is gone, and for the same patient."""
    try:
        purpose, whose, until, said = orjson.loads(request.app.state.keys.unseal(_sealed(request, held.REASON)))
    except (InvalidTag, ValueError, TypeError):
        return ""
    ours = (purpose, whose) == (_PURPOSE, str(actor.patient_id)) and datetime.fromisoformat(until) > clock.now()
    return str(said) if ours else ""


def _sealed(request: Request, name: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(request.cookies.get(name, ""))
    except (binascii.Error, ValueError):
        return b""
