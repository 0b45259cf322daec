"""Lists: `{"items": […], "next_cursor": …}`, by keyset, so that a page is as fast at the end as at the beginning."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Query

from frontdesk.errors import InvalidRequest

Limit = Annotated[int, Query(ge=1, le=1000, description="Items a page holds at most.")]
Cursor = Annotated[str | None, Query(max_length=512, description="next_cursor of the page before.")]


def page(rows: Sequence[dict[str, Any]], limit: int, *keys: str) -> dict[str, Any]:
    """One page of `rows`, which were asked for with `limit + 1`; `keys` are the columns of the order.

    The columns of a cursor must not hold a patient's data: a cursor travels in a URL.
    """
    items = list(rows[:limit])
    more = len(rows) > limit
    return {"items": items, "next_cursor": encode(*(items[-1][key] for key in keys)) if more else None}


def encode(*values: Any) -> str:
    """The place in a list, as an opaque text."""
    return base64.urlsafe_b64encode(orjson.dumps(values)).rstrip(b"=").decode()


def decode(cursor: str | None, *names_and_types: tuple[str, type]) -> dict[str, Any]:
    """The place in a list as query parameters; all None at the beginning. Raises InvalidRequest for another text."""
    if cursor is None:
        return dict.fromkeys((name for name, _ in names_and_types), None)
    try:
        values = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        if not isinstance(values, list) or len(values) != len(names_and_types):
            raise ValueError(cursor)
        return {
            name: (kind.fromisoformat(value) if hasattr(kind, "fromisoformat") else kind(value))
            for (name, kind), value in zip(names_and_types, values, strict=True)
        }
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise InvalidRequest("This cursor is not one of ours; begin again without one.") from error


def after_id(cursor: str | None) -> dict[str, UUID | None]:
    """The place in a list in the order of ids: `after_id`."""
    return decode(cursor, ("after_id", UUID))
