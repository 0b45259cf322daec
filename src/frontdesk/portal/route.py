"""Who asks for a page, and what they are told when it is refused: on a page, too."""

from collections.abc import Awaitable, Callable

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk.auth import browsers, tokens
from frontdesk.errors import Forbidden, Problem, Unauthenticated
from frontdesk.portal import pages
from frontdesk.web import notices
from frontdesk.web.browsers import from_elsewhere, wants_page


class FromElsewhere(Forbidden):
    """A page of another site made the browser send this form."""


class PageRoute(APIRoute):
    """Knows a browser by its cookie, and a program by its header as the API does.

    Refuses forms that other sites send, and believes no address that tells what has not just happened. Tells a browser
    of a problem in words, and leads it to the log-in where that helps; to a program the problem stays
    `application/problem+json`.
    """

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle = super().get_route_handler()

        async def handle_either(request: Request) -> Response:
            request.state.since = request.app.state.hub.position  # before anything is read
            if "authorization" not in request.headers:
                tokens.take(request, browsers.login_of(request))
            try:
                if request.method not in ("GET", "HEAD") and from_elsewhere(request):
                    raise FromElsewhere("Send the form from the page itself.")
                if plain := notices.made_up(request):
                    return plain
                response = await handle(request)
                notices.remember(request, response)
                return response
            except (Problem, RequestValidationError) as refused:
                if not wants_page(request):
                    raise
                if isinstance(refused, Unauthenticated):
                    return _to_log_in(request)
                status = refused.status if isinstance(refused, Problem) else 422
                return pages.page(request, "problem.html", status=status, status_told=status, acts_as=None)

        return handle_either


def _to_log_in(request: Request) -> Response:
    """To the log-in, and from there back. A session that has ended is forgotten on the way."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    path = pages.link("/login", next=here if request.method == "GET" and here != "/" else None)
    response: Response = RedirectResponse(path, 303, {"Cache-Control": "no-store"})
    if request.headers.get("hx-request"):  # a redirect would put the log-in into a part of the page
        response = Response(headers={"HX-Redirect": path, "Cache-Control": "no-store"})
    browsers.forget(request, response)
    return response
