"""The background worker at work beside a measurement: it seals the trail, and tells what was booked."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from pydantic import SecretStr

from frontdesk.audit.seal import heads_of
from frontdesk.audit.verify import Check, one_snapshot
from frontdesk.settings import Settings
from tests.bench.proof import Untrue
from tests.service import SECRET

INTERVAL = "PT0.5S"
"""Ten times as often as shipped, so that a short measurement has its full share of the work in it."""

_PATIENCE_S = 120.0

# Seals follow the order of commit, and nothing is under way: with the last entry in that order all are sealed.
_ALL_SEALED = """
SELECT (SELECT id FROM audit_entry ORDER BY tx DESC, id DESC LIMIT 1)
     = (SELECT audit_id FROM audit_seal ORDER BY seq DESC LIMIT 1)
"""


@contextmanager
def worker(dsn: str, folder: Path, **settings: str) -> Iterator[int]:
    """`frontdesk worker` on this database, from when it has caught up; its process id. Its heads lie in `folder`."""
    folder.mkdir(exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")} | {
        "FRONTDESK_DATABASE_URL": dsn,
        "FRONTDESK_REDIS_URL": "off",
        "FRONTDESK_SECRET": SECRET,
        "FRONTDESK_DATA_DIR": str(folder),
        "FRONTDESK_WORKER_INTERVAL": INTERVAL,
        **settings,
    }
    said = folder / "worker.log"
    with said.open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "frontdesk", "worker"], env=env, stdout=log, stderr=log)
    try:
        _wait_for("the worker to be there", lambda: b"worker_connected" in said.read_bytes())
        _wait_until_sealed(dsn)
        yield process.pid
        _wait_until_sealed(dsn)
    finally:
        process.terminate()
        process.wait(30)


def check_trail(dsn: str, folder: Path) -> int:
    """How many entries are sealed, when all of them are whole. Raises Untrue."""
    anchored = heads_of(Settings(data_dir=folder, secret=SecretStr(SECRET))).read()
    with psycopg.connect(dsn, autocommit=True) as conn, one_snapshot(conn):
        check = Check(conn, anchored)
        for fault in check.faults():
            raise Untrue(f"the trail is not whole: {fault}")
    return check.sealed


def _wait_until_sealed(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        _wait_for("everything to be sealed", lambda: conn.execute(_ALL_SEALED).fetchone() == (True,))


def _wait_for(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise Untrue(f"waited in vain for {what}")
        time.sleep(0.05)
