"""What is refused on a page is told on a page."""

from collections.abc import Awaitable, Callable

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.errors import Problem
from frontdesk.portal import pages
from frontdesk.web.browsers import wants_page


class PageRoute(APIRoute):
    """Tells a browser of a problem in words; to a program it stays `application/problem+json`."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle = super().get_route_handler()

        async def handle_either(request: Request) -> Response:
            try:
                return await handle(request)
            except (Problem, RequestValidationError) as refused:
                if not wants_page(request):
                    raise
                status = refused.status if isinstance(refused, Problem) else 422
                return pages.page(request, "problem.html", status=status, status_told=status)

        return handle_either
