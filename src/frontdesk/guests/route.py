"""How a link is answered: as a page to a browser, as JSON to a program. Refusals too."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl

import orjson
from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.errors import NotFound, Problem
from frontdesk.guests import pages, service
from frontdesk.guests.service import Guest
from frontdesk.web import notices
from frontdesk.web.answers import Once, answer, once_of
from frontdesk.web.browsers import wants_page
from frontdesk.web.tx import transaction

_FORM = "application/x-www-form-urlencoded"

UNLISTED = {name: pages.HEADERS[name] for name in ("Vary", "X-Robots-Tag")}
"""Headers of what is no page: what is private is not to be found by a search, and depends on what was asked for."""


@dataclass(frozen=True, slots=True)
class Here:
    """One request with a link that works, in its transaction."""

    request: Request
    conn: Connection
    guest: Guest

    @property
    def link(self) -> str:
        """The path of the page."""
        return f"/m/{self.request.path_params['token']}"

    async def answer(self, row: dict[str, Any]) -> Response:
        """The appointment as it is."""
        if wants_page(self.request):
            told = self.request.query_params.get("done") == "moved" and not notices.made_up(self.request)
            done = "moved" if told else None
            return pages.appointment(row, self.link, self.guest.language, notice=done)
        return answer(200, service.public(row), **UNLISTED)

    async def changed(self, once: Once, done: str | None = None) -> Response:
        """After a change: a browser is sent to the page, where loading it again repeats nothing."""
        if wants_page(self.request):
            page = f"{self.link}?done={done}" if done else self.link
            response = RedirectResponse(page, 303, {"Cache-Control": "no-store"})
            notices.remember(self.request, response)
            return response
        row = await service.see(self.conn, self.guest)
        return await once.answer(200, service.public(row), **UNLISTED)


@asynccontextmanager
async def _entered(request: Request) -> AsyncIterator[Here]:
    """A transaction that sees the appointment of the link and nothing else. Raises NotFound."""
    request.state.viewer = None  # whatever log-in stands beside the link: what is seen is what the link shows
    async with transaction(request) as conn:
        keys, token = request.app.state.keys, request.path_params["token"]
        yield Here(request, conn, await service.enter(conn, keys, token, request.state.request_id))


async def _opened(
    token: str, actor: Annotated[Actor, allow("appointments:link")], request: Request
) -> AsyncIterator[Here]:
    async with _entered(request) as here:
        yield here


Opened = Annotated[Here, Depends(_opened, scope="function")]


async def _once(here: Opened) -> Once:
    return await once_of(here.request, here.conn)


OnceByLink = Annotated[Once, Depends(_once, scope="function")]


class LinkRoute(APIRoute):
    """Reads a form as the JSON it stands for, and tells a browser on a page what was refused."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle = super().get_route_handler()

        async def handle_either(request: Request) -> Response:
            fields = None
            try:
                fields = await _form(request)
                return await handle(request if fields is None else _as_json(request, fields))
            except (Problem, RequestValidationError) as refused:
                if not wants_page(request):
                    raise
                return await _refusal(request, refused, (fields or {}).get("reason", ""))

        return handle_either


async def _refusal(request: Request, refused: Exception, typed: str) -> Response:
    """The page as it now is, with what was refused and the reason that was `typed`; for a link that does not work, the
    page that says so."""
    if isinstance(refused, NotFound):
        return pages.gone()
    problem = refused if isinstance(refused, Problem) else None
    status, slug = (problem.status, problem.slug) if problem else (422, "invalid-request")
    if isinstance(refused, RequestValidationError) and {fault["type"] for fault in refused.errors()} == {
        "string_too_long"
    }:
        slug = "reason"  # the one text that a form of these pages sends
    try:
        async with _entered(request) as here:
            row = await service.see(here.conn, here.guest)
            language = here.guest.language
            if problem and slug == "slot-taken" and "move" in row["actions"]:
                others = problem.extra["alternatives"]
                return pages.times(row, here.link, language, others, status=status, notice=slug)
            return pages.appointment(row, here.link, language, status=status, notice=slug, typed=typed)
    except NotFound:
        return pages.gone()


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form, without those that were left empty; None for what is no form."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return None
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _as_json(request: Request, form: dict[str, str]) -> Request:
    """The same request; its form becomes a body of JSON."""
    fields: dict[str, Any] = dict(form)
    version = form.get("version", "")
    if version.isascii() and version.isdigit() and len(version) < 10:
        fields["version"] = int(version)
    body = orjson.dumps(fields)
    about_body = {b"content-type": b"application/json", b"content-length": str(len(body)).encode()}
    kept = [(name, value) for name, value in request.scope["headers"] if name not in about_body]

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({**request.scope, "headers": [*kept, *about_body.items()]}, receive)
