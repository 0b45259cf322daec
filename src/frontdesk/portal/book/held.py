"""A time that is kept for whoever sits before the browser: what the pages tell of it, and the secret that proves it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from frontdesk import clock, ids
from frontdesk.auth.permissions import Actor
from frontdesk.booking import holds
from frontdesk.booking.holds import HoldGone
from frontdesk.db import Connection
from frontdesk.errors import NotFound
from frontdesk.portal.book import choosing
from frontdesk.portal.book.booked import link_to
from frontdesk.portal.book.choosing import Why
from frontdesk.providers import finding
from frontdesk.settings import settings

_COOKIE = "frontdesk_hold_"
"""One cookie a hold, named after it: several tabs keep several times, and none forgets another's."""

TYPED = "frontdesk_typed"
"""What a guest typed for a time that is gone, sealed, until they send it for another one or book."""

REASON = "frontdesk_reason"
"""Why they come, as typed for a time that is gone, sealed, until they book."""

_AFTERWARDS = timedelta(minutes=10)
"""So long after a hold its browser still learns what became of it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A time with the names of what it is about. Ids in `who`, `kind` and `clinic` are strings."""

    id: UUID
    start: datetime
    end: datetime
    expires_at: datetime
    who: dict[str, Any]
    kind: dict[str, Any]
    clinic: dict[str, Any]
    patient_id: UUID | None  # whom it is kept for; None: for nobody yet

    @classmethod
    async def of(cls, conn: Connection, hold: Mapping[str, Any]) -> Self:
        """Raises NotFound when the provider, the clinic or the visit type is no longer there for patients."""
        who = await finding.profile(conn, hold["provider_id"])
        return cls(
            hold["id"],
            hold["start"],
            hold["end"],
            hold["hold_expires_at"],
            who,
            _named(who["visit_types"], hold["visit_type_id"]),
            _named(who["clinics"], hold["clinic_id"]),
            hold["patient_id"],
        )

    @property
    def path(self) -> str:
        """The page on which it becomes a visit."""
        return f"/book/{self.id}"


def _named(rows: list[dict[str, Any]], wanted: UUID) -> dict[str, Any]:
    found = next((row for row in rows if row["id"] == str(wanted)), None)
    if found is None:
        raise NotFound("This is not booked here any more.")
    return found


async def found(conn: Connection, request: Request, actor: Actor, hold_id: UUID) -> Held | str:
    """What is kept; or, when it is not any more, where the browser learns what became of it. Raises NotFound."""
    try:
        hold = await holds.seen(conn, actor, hold_id, secret(request, hold_id))
    except HoldGone:  # a visit now, and this browser has the secret of its hold
        if ids.made_at(hold_id) + settings().hold_ttl + _AFTERWARDS < clock.now():
            raise NotFound("This is too long ago.") from None
        return await link_to(conn, request, hold_id)
    if holds.stands(hold):
        return await Held.of(conn, hold)
    if hold["status"] == "cancelled" and (instead := await _kept_instead(conn, actor, hold)):
        return f"/book/{instead}?other=1"
    if hold["status"] in ("held", "expired", "cancelled"):
        return choosing.instead(hold, Why.EXPIRED)
    if not actor.is_patient_side:  # the link to a visit is its patient's: who uses it does so in their name
        raise NotFound("This is no hold.")
    return await link_to(conn, request, hold_id)


async def _kept_instead(conn: Connection, actor: Actor, gone: Mapping[str, Any]) -> UUID | None:
    """The hold by which the caller keeps the same time, for another of the family (booking/reholding.py)."""
    same = ("provider_id", "visit_type_id", "clinic_id", "start")
    kept = await holds.standing(conn, actor, {})
    return next((one["id"] for one in kept if all(one[name] == gone[name] for name in same)), None)


async def standing(conn: Connection, actor: Actor, request: Request) -> list[dict[str, Any]]:
    """The holds of this browser and of whoever is logged in."""
    return await holds.standing(conn, actor, _secrets(request))


def secret(request: Request, hold_id: UUID) -> str | None:
    """What proves a hold that was made without a log-in."""
    return request.cookies.get(_COOKIE + hold_id.hex) or None


def keep(request: Request, response: Response, hold: Mapping[str, Any]) -> Response:
    """Let the browser prove this hold, if it was made without a log-in."""
    if token := hold.get("token"):
        remember(request, response, _COOKIE + hold["id"].hex, token, settings().hold_ttl + _AFTERWARDS)
    return response


def remember(
    request: Request, response: Response, name: str, value: str, lifetime: timedelta, path: str = "/"
) -> Response:
    """A cookie that no script reads, and that goes with requests of our own pages."""
    secure = request.app.state.settings.env == "production" or request.url.scheme == "https"
    seconds = int(lifetime.total_seconds())
    response.set_cookie(name, value, seconds, path=path, secure=secure, httponly=True, samesite="lax")
    return response


def forget(response: Response, hold_id: UUID) -> Response:
    """The browser has nothing to prove any more."""
    response.delete_cookie(_COOKIE + hold_id.hex, path="/")
    return forget_typed(response)


def forget_typed(response: Response) -> Response:
    """What was typed for a time that is gone is of no use any more."""
    for name in (TYPED, REASON):
        response.delete_cookie(name, path="/book")
    return response


def _secrets(request: Request) -> dict[UUID, str]:
    named = {name.removeprefix(_COOKIE): value for name, value in request.cookies.items() if name.startswith(_COOKIE)}
    return {UUID(hex=name): value for name, value in named.items() if value and _is_id(name)}


def _is_id(name: str) -> bool:
    return len(name) == 32 and all(digit in "0123456789abcdef" for digit in name)
