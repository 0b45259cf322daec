"""`frontdesk doctor`: look at the settings and at every configured service, change nothing, say what to do."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import redis
from pydantic import SecretStr
from rich.table import Table

from frontdesk import clock
from frontdesk.events.parts import broker_of
from frontdesk.ports import gateways
from frontdesk.ports.broker import BrokerDown
from frontdesk.ports.letters import NotSent
from frontdesk.ports.redis import is_cluster, plain
from frontdesk.ports.smtp import Smtp
from frontdesk.schema import migrate as schema
from frontdesk.settings import Settings, misspelt
from frontdesk.supervisor import weak
from frontdesk.supervisor.postgres import wheel_bin_dir
from frontdesk.supervisor.process import StartError
from frontdesk.supervisor.valkey import running_url, wheel_binary

SKEW_S = 2.0
"""More between our clock and the database's, and holds and tokens expire visibly early or late."""

REDIS_PATIENCE_S = 3.0
MAIL_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Finding:
    """What one look showed. `note` holds no secret and no address with a password in it."""

    subject: str
    good: bool
    note: str


def examine(settings: Settings, embedded_dsn: str | None) -> list[Finding]:
    """Every finding, in the order in which to mend them. `embedded_dsn`: the embedded database if it runs now."""
    findings = [Finding("settings", True, f"{settings.env}, {settings.workers} workers on port {settings.port}")]
    findings += [Finding("settings", False, f"{name} is no setting; see docs/settings.md") for name in misspelt()]
    findings.append(_look("data folder", lambda: _data_folder(settings)))
    findings.append(_look("time zones", _time_zones))
    if settings.env == "production":
        if not settings.rate_limits:
            findings.append(Finding("security", False, "FRONTDESK_RATE_LIMITS is off: anybody may ask without end"))
        findings += [
            Finding("security", False, f"{name} has no password: right only where the server knows us by certificate")
            for name in weak.addresses_without_password(settings)
        ]
    findings.extend(_database(settings, embedded_dsn))
    findings.append(_look("cache", lambda: _cache(settings)))
    findings.append(_look("events", lambda: _broker(settings)))
    findings.append(_look("messages", lambda: _messages(settings)))
    return findings


def table(findings: list[Finding]) -> Table:
    """The findings for a terminal."""
    shown = Table("", "what", "finding", show_edge=False)
    for finding in findings:
        shown.add_row("[green]✓[/]" if finding.good else "[red]✗[/]", finding.subject, finding.note)
    return shown


def _look(subject: str, see: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, see())
    except (StartError, schema.MigrationError) as error:
        return Finding(subject, False, str(error))
    except OSError as error:
        return Finding(subject, False, error.strerror or type(error).__name__)


def _data_folder(settings: Settings) -> str:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder):
        pass
    there = "" if folder == settings.data_dir else ", made on the first start"
    return f"{settings.data_dir}: writable{there}"


def _time_zones() -> str:
    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        raise StartError("Python finds no time zone database: install tzdata") from None
    return f"known; the clock here says {clock.now():%Y-%m-%d %H:%M:%S} UTC"


def _database(settings: Settings, embedded_dsn: str | None) -> Iterator[Finding]:
    dsn = settings.owner_dsn or embedded_dsn
    if dsn is None:
        yield _look("database", lambda: _embedded((wheel_bin_dir() / "postgres").name))
        return
    try:
        conn = schema.connect(dsn)
    except schema.MigrationError as error:
        yield Finding("database", False, str(error))
        return
    with conn:
        yield _look("database", lambda: f"PostgreSQL {schema.check_server(conn)}, extensions available")
        yield _look("clock", lambda: _skew(conn))
        yield _look("migrations", lambda: _migrations(conn))
        if settings.env == "production":
            yield _look("log-ins", lambda: _no_demo(conn))


def _no_demo(conn: schema.Connection) -> str:
    found = weak.demo_logins(conn)
    if found:
        raise StartError(f"active log-ins of the demo: {', '.join(found)}; deactivate them")
    return "none of the demo"


def _embedded(what: str) -> str:
    return f"embedded {what}, not running now: `frontdesk run` starts it"


def _skew(conn: schema.Connection) -> str:
    before = clock.now()
    row = conn.execute("SELECT clock_timestamp() AS at").fetchone()
    skew_s = abs((row["at"] - before).total_seconds()) if row is not None else 0.0
    if skew_s > SKEW_S:
        raise StartError(f"the database's clock is {skew_s:.0f} s off ours: synchronise both")
    return "the database agrees on the time"


def _migrations(conn: schema.Connection) -> str:
    missing = schema.pending(conn)
    if missing:
        raise StartError(f"{len(missing)} to apply, from {missing[0]}: run `frontdesk migrate`")
    return "current"


def _broker(settings: Settings) -> str:
    kind = settings.broker_url.partition(":")[0]
    if kind == "postgres":
        return "carried by the database"
    try:
        asyncio.run(broker_of(settings, ()).check())
    except BrokerDown as error:
        raise StartError(f"{error}; bookings go on, events wait in the database") from None
    return "Kafka answers" if kind.startswith("kafka") else "RabbitMQ answers"


def _cache(settings: Settings) -> str:
    if settings.redis_url == "off":
        return "off: answers come from the database, limits are kept there"
    url = settings.redis_url or running_url(settings.data_dir / "valkey")
    if url is None:
        return _embedded(wheel_binary().name)
    try:
        kind = redis.RedisCluster if is_cluster(url) else redis.Redis
        client = kind.from_url(plain(url), socket_timeout=REDIS_PATIENCE_S, socket_connect_timeout=REDIS_PATIENCE_S)
        with client:
            client.ping()
    except ValueError:
        raise StartError("FRONTDESK_REDIS_URL is no redis://, redis+cluster://, rediss:// or unix:// address") from None
    except redis.exceptions.RedisError as error:
        raise StartError(f"Redis does not answer ({type(error).__name__})") from None
    return "Redis answers" if settings.redis_url else "the embedded Valkey answers"


def _messages(settings: Settings) -> str:
    for name in ("sms_url", "push_url"):
        url: SecretStr | None = getattr(settings, name)
        if url is not None and not gateways.known(url.get_secret_value()):
            raise StartError(f"FRONTDESK_{name.upper()} is no address that Apprise knows")
    if settings.smtp_url is None:
        return "no mail server: they go where FRONTDESK_NOTIFICATIONS says"
    server = Smtp(settings.smtp_url.get_secret_value(), settings.mail_from, patience_s=MAIL_PATIENCE_S)

    async def check() -> None:
        async with server:
            await server.check()

    try:
        asyncio.run(check())
    except NotSent as error:
        raise StartError(f"the mail server does not let us in ({error})") from None
    return "the mail server lets us in"
