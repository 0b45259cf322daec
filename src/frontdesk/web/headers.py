"""Security headers of every answer (OWASP ASVS 5.0, 3.4): what a browser may do with it, which is next to nothing."""

from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]

_NOTHING = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""An answer of the API is data: nothing in it is to be loaded, run or framed."""

_PAGE = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
"""The documentation pages: their scripts come from here, but stand in the page."""

_POLICY = b"content-security-policy"

_HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
"""Two years. Browsers ignore it over plain HTTP, so it does no harm before TLS is there."""


class SecurityHeaders:
    """Adds them to every answer. `pages` are the paths that show documentation; `hsts` demands HTTPS from then on.

    An answer that brings a Content-Security-Policy of its own keeps it: of two, browsers obey both.
    """

    def __init__(self, app: ASGIApp, *, pages: Collection[str], hsts: bool) -> None:
        self.app = app
        transport = [_HSTS] if hsts else []
        self._always = [*_ALWAYS, *transport]
        self._of_data = [*self._always, (_POLICY, _NOTHING)]
        self._of_pages = [*self._always, (_POLICY, _PAGE)]
        self._pages = frozenset(pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = self._of_pages if scope["path"] in self._pages else self._of_data

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = list(message.get("headers", []))
                own = any(name == _POLICY for name, _ in sent)
                message["headers"] = sent + (self._always if own else headers)
            await send(message)

        await self.app(scope, receive, with_headers)
