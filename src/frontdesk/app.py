"""The composition root of the HTTP service: the only place that wires its parts together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi_offline import FastAPIOffline
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware

from frontdesk import __version__, logs, secrets
from frontdesk.audit import api as audit
from frontdesk.auth import api as auth
from frontdesk.auth import api_keys_api as api_keys
from frontdesk.auth import factors_api as factors
from frontdesk.auth import own_api as own_account
from frontdesk.auth import second_step_api as second_step
from frontdesk.auth.guard import declared, refuse_undeclared
from frontdesk.auth.permissions import PERMISSIONS, SCOPES, Role
from frontdesk.availability import api as availability
from frontdesk.availability import freed
from frontdesk.availability.copies import SharedCopies
from frontdesk.availability.shared import SharedAvailability
from frontdesk.booking import api as booking
from frontdesk.booking import holds_api as holds
from frontdesk.booking.ordinary import OrdinaryBookings
from frontdesk.clinics import api as clinics
from frontdesk.db import make_pool
from frontdesk.events.bell import Bell
from frontdesk.family import api as family
from frontdesk.guests import api as guests
from frontdesk.guests import calendar_api as calendar
from frontdesk.guests import ending_api as link_endings
from frontdesk.live import api as live
from frontdesk.live.hub import Hub
from frontdesk.notifications import api as notifications
from frontdesk.ops import api as ops
from frontdesk.patients import api as patients
from frontdesk.portal import api as portal
from frontdesk.portal import live as pages_live
from frontdesk.portal.account import api as account
from frontdesk.portal.account import joining
from frontdesk.portal.admin import api as admin
from frontdesk.portal.admin import audit as admin_audit
from frontdesk.portal.admin import directory as admin_directory
from frontdesk.portal.admin import places as admin_places
from frontdesk.portal.admin import system as admin_system
from frontdesk.portal.book import api as booking_pages
from frontdesk.portal.book import booked
from frontdesk.portal.book import guest as guest_pages
from frontdesk.portal.desk import api as desk
from frontdesk.portal.desk import away as desk_away
from frontdesk.portal.desk import calendar as desk_calendar
from frontdesk.portal.desk import correcting as desk_correcting
from frontdesk.portal.desk import guardians as desk_guardians
from frontdesk.portal.desk import patients as desk_patients
from frontdesk.portal.desk import waiting as desk_waiting
from frontdesk.portal.device import api as device
from frontdesk.portal.family import api as family_pages
from frontdesk.portal.hours import api as hours
from frontdesk.portal.hours import exceptions as hours_exceptions
from frontdesk.portal.me import address as my_address
from frontdesk.portal.me import api as me
from frontdesk.portal.me import factors as my_factors
from frontdesk.portal.me import password as my_password
from frontdesk.portal.me import record
from frontdesk.portal.provider import day as my_day
from frontdesk.portal.provider import schedule as my_schedule
from frontdesk.portal.refusals import InWords
from frontdesk.portal.start import api as start
from frontdesk.portal.visits import api as visits
from frontdesk.portal.visits import waiting_api as waiting
from frontdesk.ports import redis
from frontdesk.ports.cache.redis import cache_of
from frontdesk.providers import api as providers
from frontdesk.records import api as records
from frontdesk.rights import api as rights
from frontdesk.schema.migrate import migrations
from frontdesk.settings import Settings, settings, split_list
from frontdesk.sickday import api as sickday
from frontdesk.waitlist import api as waitlist
from frontdesk.waitlist import filling
from frontdesk.web import problems
from frontdesk.web.edge import BehindProxies, Impatience, KnownHosts, networks
from frontdesk.web.headers import SecurityHeaders
from frontdesk.web.limits import RateLimits, limits_of
from frontdesk.web.middleware import MOST_BODY_BYTES, LimitBody, Observe, RetryDeadlocks

API = "/api/v1"

_DOCS = {"/docs", "/docs/oauth2-redirect", "/redoc"}
"""Pages without data, made by the library that serves them without the internet."""

_CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
    "allow_headers": [
        "Authorization",
        "Content-Type",
        "Idempotency-Key",
        "If-Match",
        "Last-Event-ID",
        "X-Hold-Token",
        "X-Request-Id",
    ],
    "expose_headers": ["ETag", "Location", "Retry-After", "X-Request-Id", "Idempotent-Replayed"],
    "max_age": 600,
}
"""For pages of the origins that the operator names. No cookies: a page brings its access token itself."""

_OPEN = _DOCS | {"/openapi.json", "/static-offline-docs"}
"""What is reached without declaring a permission: the pages, what they show and what they are drawn with."""

_PAGES: tuple[Any, ...] = (
    portal,
    account,
    joining,
    start,
    desk,
    desk_patients,
    desk_correcting,
    desk_guardians,
    desk_calendar,
    desk_waiting,
    desk_away,
    hours,
    hours_exceptions,
    admin,
    admin_audit,
    admin_system,
    admin_directory,
    admin_places,
    pages_live,
    visits,
    waiting,
    me,
    my_password,
    my_address,
    my_factors,
    record,
    family_pages,
    my_day,
    my_schedule,
    booking_pages,
    guest_pages,
    booked,
    device,
)
"""For browsers."""

_PARTS: tuple[Any, ...] = (
    availability,
    booking,
    holds,
    waitlist,
    calendar,
    sickday,
    providers,
    patients,
    link_endings,
    clinics,
    records,
    auth,
    own_account,
    second_step,
    factors,
    api_keys,
    rights,
    family,
    notifications,
    audit,
    live,
)
"""Asked in this order: the busiest first."""


def create_app(config: Settings | None = None) -> FastAPI:
    """The service. Raises RuntimeError when an endpoint declares no permission or no database is set."""
    config = config or settings()
    logs.configure(config.log_level)
    freed.first_refusal(filling.fill)
    app: FastAPI = FastAPIOffline(
        title="Frontdesk",
        version=__version__,
        description="The appointment book of a clinic group. Errors are RFC 9457 problems.",
        lifespan=_lifespan,
        docs_url="/docs",
        redoc_url="/redoc",
        responses=problems.DOCUMENTED,
    )
    app.state.settings = config
    app.state.migrations = {migration.name for migration in migrations()}
    app.state.keys = secrets.Keys(secrets.load_or_create(config))
    app.include_router(ops.router)
    app.include_router(guests.router)
    for pages in _PAGES:
        app.include_router(pages.router)
    for part in _PARTS:  # one level of inclusion: each further one matches every path again
        app.include_router(part.router, prefix=API)
    refuse_undeclared(app.routes, except_paths=_OPEN)
    app.state.templates = {context.endpoint: context.path for context in iter_route_contexts(app.routes)}
    problems.install(app)
    app.openapi = cache(partial(_describe, app, app.openapi))  # type: ignore[method-assign]
    app.add_middleware(RetryDeadlocks)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MOST_BODY_BYTES)
    app.add_middleware(LimitBody)
    app.add_middleware(RateLimits)
    app.add_middleware(problems.Unexpected)
    app.add_middleware(InWords)
    app.add_middleware(Impatience, seconds=config.body_timeout.total_seconds())
    app.add_middleware(Observe)
    if config.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=split_list(config.cors_origins), **_CORS)
    app.add_middleware(KnownHosts, hosts=split_list(config.allowed_hosts))
    app.add_middleware(SecurityHeaders, pages=_DOCS, hsts=config.env == "production" or config.tls_cert is not None)
    app.add_middleware(BehindProxies, trusted=networks(config.trusted_proxies))
    return app


def _describe(app: FastAPI, original: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The OpenAPI document: what FastAPI knows, and what the permissions and problems add to it."""
    permissions = {
        (str(context.path), method): permission
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
        for method in context.methods or ()
        for permission in declared(context.dependant)
    }
    without_login = {place for place, permission in permissions.items() if Role.ANONYMOUS in PERMISSIONS[permission]}
    with_key = {place for place, permission in permissions.items() if permission in SCOPES}
    return problems.describe(original(), without_login, with_key)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Hold the pool and the cache connection for the life of one server worker."""
    config: Settings = app.state.settings
    if config.database_url is None:
        raise RuntimeError("FRONTDESK_DATABASE_URL is not set; `frontdesk run` starts an embedded server")
    app.state.pool = make_pool(config, config.database_url.get_secret_value())
    app.state.redis = redis.connect(config.redis_url) if config.redis_url not in (None, "off") else None
    silence = redis.Silence()
    app.state.limits = limits_of(config, app.state.keys, app.state.pool, app.state.redis, silence)
    app.state.bell = Bell(app.state.pool)
    app.state.bookings = OrdinaryBookings(app.state.pool, app.state.bell.ring)
    app.state.availability = SharedAvailability(app.state.pool, SharedCopies(cache_of(app.state.redis, silence)))
    app.state.hub = Hub(config)
    app.state.hub.start()
    # Not waiting for connections: a worker that starts while the database restarts becomes ready when it is back.
    await app.state.pool.open(wait=False)
    try:
        yield
    finally:
        await app.state.hub.stop()
        await app.state.pool.close()
        if app.state.redis is not None:
            await app.state.redis.aclose()
