"""The dependency by which every endpoint declares its permission, and the check that none forgot to.

Deny by default: `refuse_undeclared` stops the service from starting when an endpoint declares nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.params import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import BaseRoute

from frontdesk.auth.permissions import PERMISSIONS, Actor, Role
from frontdesk.auth.tokens import caller_of
from frontdesk.errors import Forbidden, Unauthenticated


@dataclass(frozen=True)
class Allow:
    """Answers the Actor, or refuses: 401 without a log-in that would help, 403 for a role without the permission."""

    permission: str

    async def __call__(self, request: Request) -> Actor:
        # An old token in the header must not keep anybody from logging in or refreshing it.
        caller = caller_of(request, lenient=self.permission == "public")
        reach = PERMISSIONS[self.permission].get(caller.role)
        if reach is None:
            if caller.role is Role.ANONYMOUS:
                raise Unauthenticated("This needs a log-in: send an access token.")
            raise Forbidden(f"The role {caller.role} does not have the permission {self.permission}.")
        return replace(caller, reach=reach)


def allow(permission: str) -> Any:
    """`actor: Annotated[Actor, allow("patients:read")]` declares the endpoint's permission."""
    if permission not in PERMISSIONS:
        raise KeyError(f"no such permission: {permission}")
    return Depends(Allow(permission), scope="function")


def declared(dependant: Dependant) -> set[str]:
    """The permissions that an endpoint's dependencies declare."""
    mine = {dependant.call.permission} if isinstance(dependant.call, Allow) else set()
    return mine.union(*(declared(inner) for inner in dependant.dependencies))


def refuse_undeclared(routes: Iterable[BaseRoute]) -> None:
    """Raise RuntimeError for an endpoint that does not declare exactly one permission."""
    for route in routes:
        if isinstance(route, APIRoute) and len(declared(route.dependant)) != 1:
            raise RuntimeError(f"{sorted(route.methods)} {route.path} must declare exactly one permission")
