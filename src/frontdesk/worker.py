"""The background worker: periodic jobs, one after the other, for as long as it lives."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence

import psycopg
import structlog

from frontdesk import db
from frontdesk.settings import Settings

Job = Callable[[db.Connection], Awaitable[int]]
"""One round of a job: commits what it does, answers how many rows it concerned, may be repeated at any time."""

LONGEST_PAUSE_S = 15.0
"""Between attempts to reach a database that is away: it doubles from one round's pause up to this."""

log = structlog.get_logger(__name__)


async def run_worker(settings: Settings, jobs: Sequence[Job]) -> None:
    """Run every job each `settings.worker_interval` until SIGTERM or SIGINT, then finish the job under way.

    A job that fails is logged and tried again next round, the others run; a lost database is waited for.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    interval = settings.worker_interval.total_seconds()
    dsn = settings.owner_dsn
    failures = 0
    while not stopping.is_set():
        try:
            conn = await db.connect(settings, dsn)
        except psycopg.OperationalError as error:
            pause = min(interval * 2 ** min(failures, 10), LONGEST_PAUSE_S)
            failures += 1
            log.warning("worker_without_database", error=type(error).__name__, again_in_s=pause)
            await _pause(stopping, pause)
            continue
        failures = 0
        log.info("worker_connected", jobs=len(jobs))
        try:
            await _rounds(conn, jobs, interval, stopping)
        except psycopg.OperationalError as error:
            log.warning("worker_lost_database", error=type(error).__name__)
        finally:
            await conn.close()


async def _rounds(conn: db.Connection, jobs: Sequence[Job], interval_s: float, stopping: asyncio.Event) -> None:
    """Rounds on one connection until told to stop. Raises psycopg.OperationalError when the connection is lost."""
    while not stopping.is_set():
        for job in jobs:
            await _run(job, conn)
            if stopping.is_set():
                return
        await _pause(stopping, interval_s)


async def _run(job: Job, conn: db.Connection) -> None:
    name = f"{job.__module__}.{getattr(job, '__name__', type(job).__name__)}"
    try:
        rows = await job(conn)
    except psycopg.Error as error:
        if conn.broken or conn.closed:
            raise psycopg.OperationalError("connection lost") from error
        log.error("job_failed", job=name, error=type(error).__name__, sqlstate=error.sqlstate)
    except Exception as error:
        # A fault in one job must not keep the others from running: it is logged each round until it is mended.
        log.exception("job_failed", job=name, error=type(error).__name__)
    else:
        if rows:
            log.info("job_done", job=name, rows=rows)


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
