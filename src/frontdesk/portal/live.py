"""`/live`: the stream of what happens, to a browser that is logged in by its cookie; the API's own takes a token."""

from functools import wraps
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from frontdesk.live import api
from frontdesk.portal.route import PageRoute

router = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)


@router.get("/live", response_class=Response)
@wraps(api.stream)
async def stream(*args: Any, **asked: Any) -> Response:
    """As `GET /api/v1/stream`."""
    return await api.stream(*args, **asked)
