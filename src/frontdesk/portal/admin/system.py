"""How the service is: messages, events and the waitlist in figures, and the settings that it runs with."""

from datetime import timedelta
from operator import itemgetter
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.events import replaying
from frontdesk.ops import figures, jobs
from frontdesk.portal.attempt import go
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.settings import Settings
from frontdesk.web.fields import Text
from frontdesk.web.tx import Read, Tx

router = APIRouter(prefix="/admin", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Manager = Annotated[Actor, allow("users:manage")]
Replayer = Annotated[Actor, allow("events:replay")]

_WITH_PASSWORDS = {"redis_url", "broker_url"}
"""Addresses that may hold a log-in: their kind is all that is shown."""


@router.get("/system")
async def system(request: Request, _: Manager, conn: Read) -> Response:
    """What waits, what failed and what was laid aside."""
    rows = await figures.told(conn)
    shown = {name: [row for row in rows if row["figure"] == name] for name in figures.FIGURES}
    aside = sorted(await replaying.laid_aside(conn), key=itemgetter("handler"))  # of each still the oldest first
    return page(request, "admin/system.html", figures=shown, aside=aside, failing=await jobs.told(conn))


@router.post("/system/again")
async def again(
    _: Replayer, conn: Tx, handler: Annotated[Text, Form()], event: Annotated[UUID | None, Form()] = None
) -> Response:
    """Have one event that was laid aside for the handler, or all, handled again. What is gone needs nothing."""
    await replaying.ask(conn, handler, event)
    return go("/admin/system")


@router.get("/settings")
async def settings(request: Request, _: Manager, conn: Read) -> Response:  # asks whether the session lives
    """Each setting by its name, with its value; of a secret only whether it is set."""
    return page(request, "admin/settings.html", settings=seen(request.app.state.settings))


def seen(config: Settings) -> list[tuple[str, str | None, bool]]:
    """Name, value (None: not set), and whether the value is kept back."""
    found = []
    for name in Settings.model_fields:
        value = getattr(config, name)
        kept = isinstance(value, SecretStr) or (name in _WITH_PASSWORDS and value is not None)
        found.append((f"FRONTDESK_{name.upper()}", _kind(value) if kept else _text(value), kept))
    return found


def _kind(value: Any) -> str:
    """Of a secret nothing; of an address what comes before its colon."""
    return "" if isinstance(value, SecretStr) else str(value).partition(":")[0]


def _text(value: Any) -> str | None:
    """Durations in seconds, as the environment takes them."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}"
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
