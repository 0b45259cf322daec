"""The background worker: periodic jobs one after the other, and beside them the parts that never end."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence

import psycopg
import structlog

from frontdesk import db
from frontdesk.ops.jobs import Failing
from frontdesk.settings import Settings

Job = Callable[[db.Connection], Awaitable[int]]
"""One round of a job: commits what it does, answers how many rows it concerned, may be repeated at any time."""

Part = Callable[[Settings, asyncio.Event], Awaitable[None]]
"""Works until the event is set, with connections of its own. It may fail at any time, and is then begun anew."""

LONGEST_PAUSE_S = 15.0
"""Between attempts to reach a database or a broker that is away: it doubles from one round's pause up to this."""

log = structlog.get_logger(__name__)


async def run_worker(settings: Settings, jobs: Sequence[Job], parts: Sequence[Part] = ()) -> None:
    """Run every job each `settings.worker_interval`, and all parts, until SIGTERM or SIGINT; then finish.

    A job that fails is logged, told to admins and tried again next round; the others run. A lost database is waited
    for.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)

    async def rounds(settings: Settings, stopping: asyncio.Event) -> None:
        async with await db.connect(settings, settings.owner_dsn) as conn:
            log.info("worker_connected", jobs=len(jobs))
            await _rounds(conn, jobs, settings.worker_interval.total_seconds(), stopping)

    async with asyncio.TaskGroup() as together:
        for part in (rounds, *parts):
            together.create_task(_keep(part, settings, stopping))


async def _keep(part: Part, settings: Settings, stopping: asyncio.Event) -> None:
    """Run a part until it is to stop; whenever it fails, begin it anew after a while."""
    loop = asyncio.get_running_loop()
    name = _name(part)
    first_pause = settings.worker_interval.total_seconds()
    failures = 0
    while not stopping.is_set():
        began = loop.time()
        try:
            await part(settings, stopping)
            continue
        except psycopg.OperationalError as error:
            word, fault = "worker_without_database", type(error).__name__
        except Exception as error:
            # A fault in one part must not end the others. Of the error only its type: its text may quote a value.
            word, fault = "worker_part_failed", type(error).__name__
        if loop.time() - began > LONGEST_PAUSE_S:
            failures = 0
        pause = min(first_pause * 2 ** min(failures, 10), LONGEST_PAUSE_S)
        failures += 1
        log.warning(word, part=name, error=fault, again_in_s=pause)
        await _pause(stopping, pause)


async def _rounds(conn: db.Connection, jobs: Sequence[Job], interval_s: float, stopping: asyncio.Event) -> None:
    """Rounds on one connection until told to stop. Raises psycopg.OperationalError when the connection is lost."""
    failing = await Failing.of(conn)
    while not stopping.is_set():
        for job in jobs:
            await _run(job, conn, failing)
            if stopping.is_set():
                return
        await _pause(stopping, interval_s)


async def _run(job: Job, conn: db.Connection, failing: Failing) -> None:
    name = _name(job)
    try:
        rows = await job(conn)
    except psycopg.Error as error:
        if conn.broken or conn.closed:
            raise psycopg.OperationalError("connection lost") from error
        log.error("job_failed", job=name, error=type(error).__name__, sqlstate=error.sqlstate)
        await failing.failed(conn, name, error)
    except Exception as error:
        # A fault in one job must not keep the others from running: it is logged each round until it is mended.
        log.exception("job_failed", job=name, error=type(error).__name__)
        await failing.failed(conn, name, error)
    else:
        await failing.succeeded(conn, name)
        if rows:
            log.info("job_done", job=name, rows=rows)


def _name(work: Job | Part) -> str:
    return f"{work.__module__}.{getattr(work, '__name__', type(work).__name__)}"


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
