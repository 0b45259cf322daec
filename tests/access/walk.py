"""Every operation there is: found in the running code, not listed, so that a new one cannot be forgotten."""

from functools import cache

from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import SecretStr

from frontdesk.app import create_app
from frontdesk.auth.guard import declared
from frontdesk.settings import Settings
from tests.service import SECRET


@cache  # the whole application is made for it: 2 s of CPU
def operations() -> dict[str, str]:
    """`METHOD /path` of every operation, those that /openapi.json leaves out too, and the permission it declares."""
    app = create_app(Settings(secret=SecretStr(SECRET), log_level="warning"))
    found: dict[str, str] = {}
    for context in iter_route_contexts(app.routes):
        permissions = declared(context.dependant) if isinstance(context.original_route, APIRoute) else set()
        if len(permissions) == 1:  # what declares none are the pages of the documentation, or the start is refused
            found |= {f"{method} {context.path}": min(permissions) for method in context.methods or ()}
    return found
