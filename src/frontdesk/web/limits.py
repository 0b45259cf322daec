"""How often somebody may call: 429 beyond it, and headers that tell what is left."""

import ipaddress
import math

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from frontdesk.auth import browsers
from frontdesk.auth.tokens import login_of
from frontdesk.db import Pool
from frontdesk.errors import Problem, Unauthenticated
from frontdesk.metrics import RATE_LIMITED
from frontdesk.ports.limiter import Limiter
from frontdesk.ports.limiter.fallback import FallbackLimiter
from frontdesk.ports.limiter.leases import Leases, Policy, Verdict
from frontdesk.ports.limiter.postgres import PostgresLimiter
from frontdesk.ports.limiter.redis import RedisLimiter
from frontdesk.ports.redis import Client, Silence
from frontdesk.secrets import Keys
from frontdesk.settings import Settings
from frontdesk.web.problems import problem_response

_UNCOUNTED = (
    *("/healthz", "/readyz", "/metrics"),
    *("/static/", "/docs", "/redoc", "/openapi.json", "/static-offline-docs/"),
)
_PROGRAMS = ("/api/v1/", "/m/")  # where the cookie of pages means nothing
_LOG_IN = {"/api/v1/auth/token", "/api/v1/auth/register", "/api/v1/auth/refresh", "/login", "/register"}
_VERDICTS = "frontdesk.limits"
"""In the scope of a request: the verdicts on it so far."""


_MANY = 20_000
"""Of a limit this high a worker takes some hits in advance, and nobody notices those that it does not use. Below, each
is asked for when it comes, so that as many pass as the limit says and not one less.
"""


class RateLimited(Problem):
    """Too many calls in this window; the next is welcome after `Retry-After` seconds."""

    status, slug, title = 429, "rate-limited", "Too many requests"

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(
            "Wait as many seconds as Retry-After says.", headers={"Retry-After": str(_whole_seconds(verdict))}
        )


class Limits:
    """Which policy a request falls under, and in whose name it is counted."""

    def __init__(self, config: Settings, keys: Keys, limiter: Limiter) -> None:
        window_s = config.rate_window.total_seconds()
        self._anonymous = Policy("anonymous", config.rate_anonymous, window_s, in_blocks=config.rate_anonymous >= _MANY)
        self._user = Policy("user", config.rate_user, window_s, in_blocks=config.rate_user >= _MANY)
        self._log_in = Policy("log-in", config.rate_login, window_s, in_blocks=False)
        self._account = Policy("account", config.rate_login, window_s, in_blocks=False)
        self._keys = keys
        self._leases = Leases(limiter)

    async def request(self, request: Request) -> Verdict:
        """The verdict on any request. Raises Busy."""
        if request.method == "POST" and request.scope["path"] in _LOG_IN:
            return await self._hit(self._log_in, self._address(request))
        return await self._hit(*self._caller(request))

    async def account(self, name: str, own: str) -> Verdict:
        """The verdict on one more log-in to the account of this name, whether there is one or not. Raises Busy.

        `own` is the secret of a device the account has logged in on before, or "": strangers do not use up its log-ins.
        """
        return await self._hit(self._account, self._keys.digest("limited accounts", name, own).hex()[:32])

    async def _hit(self, policy: Policy, whose: str) -> Verdict:
        verdict = await self._leases.hit(f"{policy.name}:{whose}", policy)
        if not verdict.allowed:
            RATE_LIMITED.labels(policy.name).inc()
        return verdict

    def _caller(self, request: Request) -> tuple[Policy, str]:
        """A user by their id, whatever address they call from; everybody else, bad tokens included, by address."""
        try:
            login = login_of(request)
            if login is None and not request.scope["path"].startswith(_PROGRAMS):
                login = browsers.login_of(request)
        except Unauthenticated:
            login = None
        return (self._user, str(login.user_id)) if login else (self._anonymous, self._address(request))

    def _address(self, request: Request) -> str:
        return self._keys.client(_network(request.client.host if request.client else ""))


def limits_of(config: Settings, keys: Keys, pool: Pool, redis: Client | None, silence: Silence) -> Limits | None:
    """The limits as the settings want them; None when they are off. `silence` of Redis begins here."""
    if not config.rate_limits:
        return None
    limiter: Limiter = PostgresLimiter(pool)
    if redis is not None:
        limiter = FallbackLimiter(RedisLimiter(redis), limiter, silence)
    return Limits(config, keys, limiter)


class RateLimits:
    """Counts every call, and answers 429, unread, to one too many. Probes, metrics, the documentation and what pages
    are drawn with go uncounted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limits: Limits | None = scope["app"].state.limits if scope["type"] == "http" else None
        if limits is None or scope["path"].startswith(_UNCOUNTED):
            await self.app(scope, receive, send)
            return
        verdicts: list[Verdict] = []
        scope[_VERDICTS] = verdicts

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start" and verdicts:
                message["headers"] = [*message.get("headers", []), *_headers(verdicts)]
            await send(message)

        try:
            verdict = await limits.request(Request(scope))
            verdicts.append(verdict)
            if not verdict.allowed:
                raise RateLimited(verdict)
        except Problem as problem:
            await problem_response(problem)(scope, receive, with_headers)
        else:
            await self.app(scope, receive, with_headers)


async def limit_account(request: Request, name: str, own: str) -> None:
    """Count a log-in to this account, once a request however often it is repeated. Raises RateLimited, Busy."""
    limits: Limits | None = request.app.state.limits
    if limits is None or len(request.scope[_VERDICTS]) > 1:
        return
    verdict = await limits.account(name, own)
    request.scope[_VERDICTS].append(verdict)
    if not verdict.allowed:
        raise RateLimited(verdict)


def _network(address: str) -> str:
    """What one client can call from: an IPv4 address, or the /64 that any IPv6 subscriber has to choose from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)


def _headers(verdicts: list[Verdict]) -> list[tuple[bytes, bytes]]:
    """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10) for each policy the request fell
    under, and the three older headers for the one that is nearest to its end."""
    nearest = min(verdicts, key=lambda verdict: (verdict.allowed, verdict.left))
    policies = ", ".join(f'"{v.policy.name}";q={v.policy.limit};w={round(v.policy.window_s)}' for v in verdicts)
    left = ", ".join(f'"{v.policy.name}";r={v.left};t={_whole_seconds(v)}' for v in verdicts)
    return [
        (b"ratelimit-policy", policies.encode()),
        (b"ratelimit", left.encode()),
        (b"ratelimit-limit", str(nearest.policy.limit).encode()),
        (b"ratelimit-remaining", str(nearest.left).encode()),
        (b"ratelimit-reset", str(_whole_seconds(nearest)).encode()),
    ]


def _whole_seconds(verdict: Verdict) -> int:
    """Until the window has ended for certain: what we know of its end may be early by the time a question takes."""
    return math.floor(verdict.resets_in_s) + 1
