"""What a browser says of whoever sits before it."""

from collections.abc import Iterator

from starlette.requests import Request


def wants_page(request: Request) -> bool:
    """Whether a browser asks: these name text/html, programs do not."""
    return "text/html" in request.headers.get("accept", "")


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
