"""Refusals that no page has made, such as an address that nobody knows: to browsers in words, too."""

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from frontdesk.auth import browsers, tokens
from frontdesk.portal.pages import above, page
from frontdesk.web.browsers import wants_page

_PROBLEM = (b"content-type", b"application/problem+json")
_KEPT = (b"allow", b"retry-after", b"ratelimit")
_FOR_PROGRAMS = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static")


class InWords:
    """Makes a page of each problem on its way to a browser. Programs, and all that ask for the API, get it as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_FOR_PROGRAMS) or not wants_page(Request(scope)):
            await self.app(scope, receive, send)
            return
        told = False

        async def in_words(message: Message) -> None:
            nonlocal told
            if message["type"] == "http.response.start" and _PROBLEM in message.get("headers", ()):
                told = True
                await _tell(scope, receive, send, message)
            elif not told:
                await send(message)

        await self.app(scope, receive, in_words)


async def _tell(scope: Scope, receive: Receive, send: Send, refused: Message) -> None:
    request, status = Request(scope), refused["status"]
    if status == 405 and request.method == "GET" and (form := above(request)) != "/":
        # Who presses Enter in the address bar of a page that answered a form means the page with the form; the first
        # page has not to do with it.
        await RedirectResponse(form, 303, {"Cache-Control": "no-store"})(scope, receive, send)
        return
    tokens.take(request, browsers.login_of(request))
    answer = page(request, "problem.html", status=status, private=True, status_told=status, acts_as=None)
    answer.raw_headers.extend(pair for pair in refused["headers"] if pair[0].lower().startswith(_KEPT))
    await answer(scope, receive, send)
