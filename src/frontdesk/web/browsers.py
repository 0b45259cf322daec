"""What a browser says of whoever sits before it."""

from collections.abc import Iterator

from starlette.requests import Request


def wants_page(request: Request) -> bool:
    """Whether a browser asks: these name text/html, programs do not."""
    return "text/html" in request.headers.get("accept", "")


def from_elsewhere(request: Request) -> bool:
    """Whether a page of another site made the browser send this: a forged request that carries the visitor's cookies.

    By Fetch Metadata, which every browser since 2023 sends and no page can change; where it is missing, by Origin.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")


def own_path(path: str) -> str:
    """`path` if it is one of ours, else "/": "//host" and "/\\host" are addresses of others."""
    return path if path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable() else "/"


def languages(request: Request) -> list[str]:
    """Language tags of Accept-Language, the most wanted first (RFC 9110 §12.5.4)."""
    return [tag for _, tag in sorted(_weighed(request), key=lambda pair: -pair[0])]


def _weighed(request: Request) -> Iterator[tuple[float, str]]:
    for part in request.headers.get("accept-language", "")[:500].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            wanted = float(weight or 1)
        except ValueError:
            continue
        if tag and tag != "*" and wanted > 0:
            yield wanted, tag
