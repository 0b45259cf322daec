"""Servers as Debian ships them: found, or installed when this machine lets us."""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

POSTGRES = Path("/usr/lib/postgresql/15/bin")
REDIS = Path("/usr/bin/redis-server")
CHROMIUM = Path("/usr/bin/chromium")
HEADLESS = Path("/usr/lib/chromium/chromium-headless-shell")
RABBITMQ = "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"


@cache
def postgres_15() -> Path | str:
    """The folder of its binaries, or one line that says why there is none."""
    if not (POSTGRES / "postgres").exists() and os.geteuid() == 0:
        # The package would otherwise make and start a cluster of its own.
        os.makedirs("/etc/postgresql-common", exist_ok=True)
        common = Path("/etc/postgresql-common/createcluster.conf")
        if not common.exists():
            common.write_text("create_main_cluster = false\n")
    return _program("PostgreSQL 15", "postgresql-15", lambda: POSTGRES if (POSTGRES / "postgres").exists() else None)


@cache
def rabbitmq() -> Path | str:
    """The server itself (Debian's wrapper would change the user), or one line that says why there is none."""
    return _program("RabbitMQ", "rabbitmq-server", lambda: next(iter(sorted(Path("/").glob(RABBITMQ))), None))


@cache
def redis() -> Path | str:
    """The server, or one line that says why there is none."""
    return _program("Redis", "redis-server", lambda: REDIS if REDIS.exists() else None)


@cache
def chromium() -> Path | str:
    """The browser, or one line that says why there is none."""
    return _program("Chromium", "chromium", lambda: CHROMIUM if CHROMIUM.exists() else None)


@cache
def headless() -> Path | str:
    """Chromium without the frame around its pages: a new visitor costs it 0.2 s of CPU in place of 0.9 s. Where it
    cannot be had, the whole of Chromium, or one line that says why there is none.
    """
    shell = _program("Chromium", "chromium-headless-shell", lambda: HEADLESS if HEADLESS.exists() else None)
    return chromium() if isinstance(shell, str) else shell


def _program(name: str, package: str, look: Callable[[], Path | None]) -> Path | str:
    found = look()
    if found is not None:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return f"{name} is not installed (Debian: apt-get install {package})"
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # no service is to be started
    lock = ["flock", "/tmp/frontdesk-apt.lock"]
    commands = (
        ["apt-get", "update", "-q"],
        # A configuration file of ours may be there: dpkg would stop to ask about it.
        ["apt-get", "install", "-q", "-y", "-o", "Dpkg::Options::=--force-confold", "--no-install-recommends", package],
    )
    for command in commands:
        done = subprocess.run(
            [*lock, *command], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0 and command[1] == "install":
            return f"{name} cannot be installed: {done.stderr.strip().splitlines()[-1:] or 'apt-get failed'}"
    return look() or f"this Debian has no {name}"
