"""What each server worker process loads: the application, tied to the life of the process that manages it."""

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI

from frontdesk.app import create_app
from frontdesk.supervisor.launch import die_with_parent


def create_worker() -> FastAPI:
    """The application of one worker. Without the tie, workers of a killed manager would go on holding the port."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a forked worker has the manager's until it has its own
    manager = multiprocessing.parent_process()
    if manager is not None and manager.pid is not None:
        die_with_parent(signal.SIGKILL, manager.pid)
    app = create_app()
    app.router.lifespan_context = partial(_until_told_to_stop, app.router.lifespan_context)
    return app


@asynccontextmanager
async def _until_told_to_stop(inner: Any, app: FastAPI) -> AsyncIterator[Any]:
    """End the streams as soon as the process is told to stop: Granian waits for all answers under way to end.

    The event loop hears of a signal by its own way, also when there is a Python handler; so Granian does too.
    """
    loop = asyncio.get_running_loop()
    async with inner(app) as state:
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: loop.call_soon_threadsafe(app.state.hub.end_all))
            signal.siginterrupt(sign, False)
        yield state
