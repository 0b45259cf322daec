"""Deny by default: an endpoint that declares no permission stops the service from starting."""

from collections.abc import Callable
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from frontdesk.auth.guard import allow, refuse_undeclared
from frontdesk.auth.permissions import Actor


def app_with(*permissions: str) -> FastAPI:
    """An app whose one endpoint, behind two routers as in the service, declares these permissions."""
    inner = APIRouter()

    @inner.get("/thing", dependencies=[allow(permission) for permission in permissions])
    def thing() -> None: ...

    outer, app = APIRouter(prefix="/api"), FastAPI(openapi_url=None)
    outer.include_router(inner)
    app.include_router(outer)
    return app


def test_an_endpoint_with_a_permission_is_accepted() -> None:
    refuse_undeclared(app_with("public").routes)


def test_an_endpoint_without_a_permission_is_refused() -> None:
    with pytest.raises(RuntimeError, match="/api/thing must declare"):
        refuse_undeclared(app_with().routes)


def test_an_endpoint_with_two_permissions_is_refused() -> None:
    with pytest.raises(RuntimeError, match="/api/thing must declare"):
        refuse_undeclared(app_with("public", "account").routes)


def test_a_permission_that_does_not_exist_is_no_permission() -> None:
    with pytest.raises(KeyError):
        allow("patients:everything")


def test_a_permission_declared_as_a_parameter_counts() -> None:
    app = FastAPI(openapi_url=None)

    @app.get("/own")
    def own(actor: Annotated[Actor, allow("account")]) -> None: ...

    refuse_undeclared(app.routes)


async def page(request: Request) -> Response:
    return PlainTextResponse("everything")


async def talk(socket: WebSocket) -> None: ...


WAYS_AROUND: dict[str, Callable[[APIRouter], None]] = {
    "a plain route": lambda router: router.add_route("/x", page),
    "a websocket": lambda router: router.add_api_websocket_route("/x", talk),
    "a plain websocket": lambda router: router.add_websocket_route("/x", talk),
    "a mounted service": lambda router: router.mount("/x", app_with("public")),
    "a mounted application": lambda router: router.mount("/x", Starlette()),
    "another host": lambda router: router.host("x.test", Starlette()),
}


@pytest.mark.parametrize("way", WAYS_AROUND)
@pytest.mark.parametrize("included", [True, False])
def test_what_cannot_declare_a_permission_is_refused(way: str, *, included: bool) -> None:
    app, router = FastAPI(openapi_url=None), APIRouter()
    WAYS_AROUND[way](router if included else app.router)
    app.include_router(router)
    with pytest.raises(RuntimeError, match="cannot declare a permission"):
        refuse_undeclared(app.routes)
