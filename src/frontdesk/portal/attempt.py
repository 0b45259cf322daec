"""Changes that a page asks for: carried out whole, or refused in words that the page tells in place."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse

from frontdesk.db import Connection
from frontdesk.errors import Problem
from frontdesk.web.tx import transaction

IN_PLACE = (409, 412, 422)
"""What the reader can do something about. All else is a page of its own."""


async def attempt(request: Request, change: Callable[[Connection], Awaitable[object]]) -> Problem | None:
    """Carry out `change` in a transaction of its own. What it was refused for, and then nothing has changed; else None.

    Raises what the reader can do nothing about: NotFound, Forbidden, Busy.
    """
    try:
        async with transaction(request) as conn:
            await change(conn)
    except Problem as refused:
        if refused.status not in IN_PLACE:
            raise
        return refused
    return None


def go(path: str) -> RedirectResponse:
    """After a change: to a page where loading again repeats nothing."""
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})
