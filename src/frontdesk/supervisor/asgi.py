"""What each server worker process loads: the application, tied to the life of the process that manages it."""

import multiprocessing
import signal

from fastapi import FastAPI

from frontdesk.app import create_app
from frontdesk.supervisor.launch import die_with_parent


def create_worker() -> FastAPI:
    """The application of one worker. Without the tie, workers of a killed manager would go on holding the port."""
    manager = multiprocessing.parent_process()
    if manager is not None and manager.pid is not None:
        die_with_parent(signal.SIGKILL, manager.pid)
    return create_app()
