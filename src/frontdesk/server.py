"""The HTTP server: Granian, `settings.workers` processes, one port."""

import errno
import gc
import importlib
import multiprocessing
import os
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from granian.constants import Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from frontdesk.settings import Settings

BACKLOG = 4096
"""Connections the kernel keeps for us: 300 rivals who all connect at once are queued, not refused."""

STOP_PATIENCE_S = 8  # requests under way may finish; the longest statement is cut off by statement_timeout
HEADERS_MS = 10_000  # for the head of a request to arrive: who dribbles it is cut off
METRICS_VARIABLE, METRICS_PREFIX = "PROMETHEUS_MULTIPROC_DIR", "frontdesk-metrics-"


class PortUnusable(Exception):
    """We cannot listen where the settings say. The message is one line."""


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Workers that die are replaced; one that dies twice within 5 s ends the server.

    Raises PortUnusable.
    """
    address = usable_address(settings.host, settings.port)
    metrics = _fresh_metrics_folder(settings)
    _forget_stand_in()
    os.environ[METRICS_VARIABLE] = str(metrics)
    _prepare_workers()
    try:
        Server(
            "frontdesk.supervisor.asgi:create_worker",
            factory=True,
            address=address,
            port=settings.port,
            interface=Interfaces.ASGI,
            loop=Loops.uvloop,
            workers=settings.workers,
            backlog=BACKLOG,
            # A stream stays open for hours: others must not wait for its place among the requests under way.
            backpressure=BACKLOG // settings.workers + settings.stream_listeners,
            respawn_failed_workers=True,
            workers_kill_timeout=STOP_PATIENCE_S,
            log_level=LogLevels.info if settings.log_level == "debug" else LogLevels.warning,
            log_dictconfig=LOGGING,
            log_access=False,
            ssl_cert=settings.tls_cert,
            ssl_key=settings.tls_key,
            ssl_protocol_min=SSLProtocols.tls12,
            http1_settings=HTTP1Settings(header_read_timeout=HEADERS_MS),
        ).serve()
    finally:
        shutil.rmtree(metrics, ignore_errors=True)


def _forget_stand_in() -> None:
    """Remove the folder that `__main__` made before the settings were known; never one that somebody else named."""
    folder = Path(os.environ.get(METRICS_VARIABLE, ""))
    if folder.name.startswith(METRICS_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)


def _prepare_workers() -> None:
    """Import what workers need, once, and let them be forked: one that died is replaced in a third of the time.

    Nothing but modules is there yet: no connection, no event loop, no key; no thread but those that wait for workers.
    """
    if sys.platform != "linux":
        multiprocessing.set_start_method("spawn", force=True)  # the system libraries of others do not bear a fork
        return
    multiprocessing.set_start_method("fork", force=True)
    gc.disable()  # as when the command itself was imported
    importlib.import_module("frontdesk.supervisor.asgi")
    gc.collect()
    gc.freeze()  # what is never touched stays shared
    gc.enable()


def usable_address(host: str, port: int, *, patience_s: float = 2.0) -> str:
    """The numeric address of `host`, on which nobody listens at `port`. Raises PortUnusable.

    Asked beforehand, because workers share the port by SO_REUSEPORT: a second server would silently share it too.
    `patience_s`: workers of a server killed a moment ago may still be on their way out.
    """
    deadline = time.monotonic() + patience_s
    try:
        family, kind, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise PortUnusable(f"FRONTDESK_HOST: {host} is no address of this machine") from None
    while True:
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(target)
                return str(target[0])
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise PortUnusable(f"cannot listen on {host}:{port}: {error.strerror}") from None
        if time.monotonic() > deadline:
            raise PortUnusable(f"port {port} on {host} is taken by another program: set FRONTDESK_PORT")
        time.sleep(0.05)


def _fresh_metrics_folder(settings: Settings) -> Path:
    """An empty folder through which workers share their counters; those of an earlier server would be added on top.

    Under the data folder, where the next start finds and empties it; in the temp folder if that is read-only.
    """
    folder = settings.data_dir.absolute() / f"metrics-{settings.port}"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix=METRICS_PREFIX))
    return folder


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "frontdesk.logs.FirstLine", "fmt": "%(asctime)s granian %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
    "loggers": {"_granian": {"handlers": ["stderr"], "propagate": False}},
}
"""Granian's own few words go to standard error; it would print them on standard output, tracebacks with values too."""
