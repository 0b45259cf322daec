"""The dependency by which every endpoint declares its permission, and the check that none forgot to.

Deny by default: `refuse_undeclared` stops the service from starting when an endpoint declares nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.params import Depends
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.routing import BaseRoute

from frontdesk.auth import api_keys, proofs, tokens
from frontdesk.auth.permissions import IMPERSONAL, JUDGED, PERMISSIONS, WITHOUT_LOGIN, Actor, Role
from frontdesk.auth.tokens import actor_of, caller_of
from frontdesk.db import Viewer, borrow
from frontdesk.errors import Forbidden, Unauthenticated


@dataclass(frozen=True)
class Allow:
    """Answers the Actor, or refuses: 401 without a log-in that would help, 403 for a role or an API key without it."""

    permission: str

    async def __call__(self, request: Request) -> Actor:
        # An old token or key in the header must not keep anybody from logging in or refreshing it.
        lenient = self.permission in WITHOUT_LOGIN
        key = None if lenient else api_keys.sent(request)
        caller = await api_keys.caller(request, key) if key else self._person(request, lenient)
        if self.permission in JUDGED:
            caller = await _standing(request, caller)
        request.state.caller = caller
        login = None if self.permission in IMPERSONAL else caller.login
        request.state.viewer = Viewer(login, caller.request_id) if login else None
        request.state.judged = login is not None or self.permission in JUDGED
        reach = PERMISSIONS[self.permission].get(caller.role)
        if reach is None:
            if caller.role is Role.ANONYMOUS:
                raise Unauthenticated("This needs a log-in: send an access token.")
            raise Forbidden(f"The role {caller.role} does not have the permission {self.permission}.")
        if not caller.may(self.permission):
            raise Forbidden(f"This API key does not have the scope {self.permission}.")
        return replace(caller, reach=reach)

    def _person(self, request: Request, lenient: bool) -> Actor:
        """Whoever sends an access token or none; to set up a first factor, whoever has proven their password."""
        proof = proofs.of_enrolment(request) if self.permission == "factors:enrol" else None
        return (
            replace(actor_of(request, None), user_id=proof.user_id, role=proof.role)
            if proof
            else caller_of(request, lenient=lenient)
        )


async def _standing(request: Request, caller: Actor) -> Actor:
    """The caller; of patients, one whose session stands. Where it is over, whoever has a cookie is nobody from now on.

    Raises Unauthenticated for a token of a session that is over.
    """
    if caller.patient_id is None or caller.login is None or caller.scopes is not None:  # a key was looked up already
        return caller
    try:
        async with borrow(request.app.state.pool, Viewer(caller.login, caller.request_id)):
            return caller
    except Unauthenticated:
        if "authorization" in request.headers:
            raise
        tokens.take(request, None)
        return actor_of(request, None)


def allow(permission: str) -> Any:
    """`actor: Annotated[Actor, allow("patients:read")]` declares the endpoint's permission."""
    if permission not in PERMISSIONS:
        raise KeyError(f"no such permission: {permission}")
    return Depends(Allow(permission), scope="function")


def declared(dependant: Dependant) -> set[str]:
    """The permissions that an endpoint's dependencies declare."""
    mine = {dependant.call.permission} if isinstance(dependant.call, Allow) else set()
    return mine.union(*(declared(inner) for inner in dependant.dependencies))


def refuse_undeclared(routes: Sequence[BaseRoute], *, except_paths: Collection[str] = ()) -> None:
    """Raise RuntimeError for an endpoint, included routers' too, that does not declare exactly one permission.

    Whatever else can be reached (a mounted app, a plain route, a websocket) has nowhere to declare one, and is refused.
    """
    for context in iter_route_contexts(routes):
        route = context.original_route
        path = getattr(context, "path", None) or getattr(route, "path", None) or getattr(route, "host", "")
        if path in except_paths:
            continue
        if not isinstance(route, APIRoute):
            raise RuntimeError(f"{type(route).__name__} {path} cannot declare a permission")
        if len(declared(context.dependant)) != 1:
            raise RuntimeError(f"{sorted(context.methods or ())} {path} must declare exactly one permission")
