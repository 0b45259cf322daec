"""Every error leaves as `application/problem+json` (RFC 9457), and none quotes what the caller sent."""

import re
from collections.abc import Collection
from functools import cache
from typing import Any

import orjson
import psycopg
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from frontdesk.errors import Busy, InvalidRequest, Problem, from_database
from frontdesk.metrics import CONFLICTS
from frontdesk.web.answers import Replayed
from frontdesk.web.middleware import RETRIED

log = structlog.get_logger(__name__)

_MEDIA_TYPE = "application/problem+json"
_SLUG_BY_STATUS = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "unsupported-media-type"}


def problem_response(problem: Problem) -> Response:
    """The answer that tells a Problem."""
    if problem.slug == "slot-taken":
        CONFLICTS.inc()
    return Response(
        orjson.dumps(problem.body(), default=str),
        problem.status,
        {**problem.headers, "Cache-Control": "no-store"},
        _MEDIA_TYPE,
    )


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error)


async def _replayed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Replayed)
    return error.response


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # Without `input`: it may be a patient's data, and the caller knows it anyway.
    errors = [{"loc": list(e["loc"]), "message": e["msg"], "type": e["type"]} for e in error.errors()]
    return problem_response(InvalidRequest("Correct the fields named in errors.", errors=errors))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    slug = _SLUG_BY_STATUS.get(error.status_code, "bad-request")
    body = {"type": f"/problems/{slug}", "title": str(error.detail), "status": error.status_code}
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(methods(request.app, request.scope["path"])))
    return Response(orjson.dumps(body), error.status_code, headers, _MEDIA_TYPE)


def methods(app: FastAPI, path: str) -> set[str]:
    """What `path` answers to. The route that refused knows only its own method; Allow names all (RFC 9110 §10.2.1)."""
    here = [context for context in iter_route_contexts(app.routes) if _pattern(str(context.path)).match(path)]
    # `/waitlist/stats` is no place on the waitlist, although it looks like one.
    itself = [context for context in here if str(context.path) == path]
    return {method for context in itself or here for method in context.methods or ()}


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return compile_path(template)[0]


async def _database(request: Request, error: Exception) -> Response:
    assert isinstance(error, psycopg.Error)
    if isinstance(error, RETRIED):
        raise error  # the middleware repeats the request
    problem = from_database(error)
    if problem is None:
        return await _unexpected(request, error)
    if isinstance(problem, Busy):
        log.warning("database busy", sqlstate=error.sqlstate)
    return problem_response(problem)


async def _unexpected(_request: object, error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return problem_response(Problem("It has been logged; quote the X-Request-Id of this answer."))


class Unexpected:
    """Answers what nobody foresaw. Starlette would do so outside of all that is ours, where the answer is no page, has
    none of our headers, and its request no line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def begin(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, begin)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            answer = await _unexpected(scope, error)
            await answer(scope, receive, send)


class ProblemDocument(BaseModel):
    """RFC 9457. Some problems carry more: `errors`, `reasons`, `conflicts`, `alternatives`, `version`."""

    type: str
    title: str
    status: int
    detail: str | None = None


_MEANINGS = {
    400: "Cannot be read at all",
    401: "No valid log-in",
    403: "The role does not allow it",
    404: "No such thing, or none the caller may see",
    409: "In conflict with what is there",
    412: "Changed meanwhile",
    413: "The body is too large",
    422: "Not valid, or forbidden by the rules of the schedule",
    429: "Too much at once",
    503: "Try again in a moment",
}
_CONTENT = {_MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}}}

# By reference: FastAPI would build a `model` anew for every status of every endpoint, half of the start of a worker.
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"description": meaning, "content": _CONTENT} for status, meaning in _MEANINGS.items()
}
"""The problems that any endpoint may answer, for OpenAPI."""


def describe(
    document: dict[str, Any], open_paths: Collection[tuple[str, str]], key_paths: Collection[tuple[str, str]] = ()
) -> dict[str, Any]:
    """The OpenAPI document with problems under their media type, and with the log-in that /docs offers.

    `open_paths`: the (path, METHOD) pairs that anybody may call without a log-in; `key_paths`: those for which
    there are API keys.
    """
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})[ProblemDocument.__name__] = ProblemDocument.model_json_schema()
    schemes = components.setdefault("securitySchemes", {})
    schemes["login"] = {"type": "oauth2", "flows": {"password": _PASSWORD_FLOW}}
    schemes["api_key"] = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            here = (path, method.upper())
            keys: list[dict[str, Any]] = [{"api_key": []}] if here in key_paths else []
            operation["security"] = [{}] * (here in open_paths) + [{"login": []}, *keys]
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if status >= "400" and "application/json" in content:
                    content[_MEDIA_TYPE] = content.pop("application/json")
    return document


_PASSWORD_FLOW = {"tokenUrl": "/api/v1/auth/token", "refreshUrl": "/api/v1/auth/refresh", "scopes": {}}


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Replayed, _replayed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(psycopg.Error, _database)
    app.add_exception_handler(Exception, _unexpected)
