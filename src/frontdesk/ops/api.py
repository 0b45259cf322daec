"""`/healthz`, `/readyz` and `/metrics`, outside the versioned API."""

import asyncio
from typing import Annotated, Any

import psycopg
import structlog
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError
from starlette.responses import PlainTextResponse, Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.metrics import exposition
from frontdesk.ops.figures import figures
from frontdesk.ports.redis import Client
from frontdesk.web.answers import answer

router = APIRouter(tags=["operations"])
log = structlog.get_logger(__name__)

_PATIENCE_S = 3.0  # a probe that waits longer is a failed probe


@router.get("/healthz", response_model=dict[str, str])
async def healthz(_: Annotated[Actor, allow("public")]) -> Response:
    """The process answers."""
    return answer(200, {"status": "ok"})


@router.get("/readyz", response_model=dict[str, Any], responses={503: {"description": "A dependency is missing"}})
async def readyz(request: Request, _: Annotated[Actor, allow("public")]) -> Response:
    """The database answers. A lost cache costs speed, never an answer, so it is told but does not fail the probe."""
    checks = {"database": await _database(request), "cache": await _cache(request)}
    ready = checks["database"] == "ok"
    return answer(200 if ready else 503, {"status": "ready" if ready else "not ready", "checks": checks})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, _: Annotated[Actor, allow("metrics:read")]) -> Response:
    """Prometheus metrics of all server workers together; while the database is away, without those of messages."""
    return Response(exposition() + await _figures(request), media_type=CONTENT_TYPE_LATEST)


async def _figures(request: Request) -> bytes:
    try:
        async with asyncio.timeout(_PATIENCE_S), request.app.state.pool.connection(timeout=_PATIENCE_S) as conn:
            return generate_latest(await figures(conn))
    except (TimeoutError, PoolTimeout, psycopg.Error) as error:
        log.warning("figures_missing", error=type(error).__name__)
        return b""


async def _database(request: Request) -> str:
    known = request.app.state.migrations
    try:
        async with asyncio.timeout(_PATIENCE_S), request.app.state.pool.connection(timeout=_PATIENCE_S) as conn:
            found = await (await conn.execute("SELECT name FROM schema_migration")).fetchall()
    except psycopg.errors.UndefinedTable:
        return "not migrated: run frontdesk migrate"
    except (TimeoutError, PoolTimeout, psycopg.Error):
        return "unreachable"
    return "ok" if known <= {row["name"] for row in found} else "not migrated: run frontdesk migrate"


async def _cache(request: Request) -> str:
    redis: Client | None = request.app.state.redis
    if redis is None:
        return "off"
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await redis.ping()
    except (TimeoutError, RedisError, OSError):
        return "unreachable"
    return "ok"
