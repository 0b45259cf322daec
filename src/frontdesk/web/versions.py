"""Optimistic locking over HTTP: `ETag: "3"` goes out, `If-Match: "3"` comes back (invariant 8)."""

import re
from typing import Annotated

from fastapi import Depends, Header

from frontdesk.errors import StaleVersion

_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"')


def _expected(
    if_match: Annotated[str | None, Header(description='The ETag that was read, as "3".')] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if not found:
        raise StaleVersion("If-Match holds no ETag of ours; read the thing again and send its ETag.")
    return int(found[1])


IfMatch = Annotated[int | None, Depends(_expected)]


def check(expected: int | None, current: int) -> None:
    """Raise StaleVersion when the caller has seen another version than `current`."""
    if expected is not None and expected != current:
        raise StaleVersion("Read it again and repeat the change on top of that.", version=current)
