"""PostgreSQL 15 as Debian ships it: found, or installed when this machine lets us."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

BIN = Path("/usr/lib/postgresql/15/bin")
PACKAGE = ("--no-install-recommends", "postgresql-15")


@cache
def postgres_15() -> Path | str:
    """The folder of its binaries, or one line that says why there is none."""
    if (BIN / "postgres").exists():
        return BIN
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "PostgreSQL 15 is not installed (Debian: apt-get install postgresql-15)"
    # The package would otherwise make and start a cluster of its own.
    os.makedirs("/etc/postgresql-common", exist_ok=True)
    common = Path("/etc/postgresql-common/createcluster.conf")
    if not common.exists():
        common.write_text("create_main_cluster = false\n")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    lock = ["flock", "/tmp/frontdesk-apt.lock"]
    commands = (
        ["apt-get", "update", "-q"],
        # The configuration file above is ours: dpkg would stop to ask about it.
        ["apt-get", "install", "-q", "-y", "-o", "Dpkg::Options::=--force-confold", *PACKAGE],
    )
    for command in commands:
        done = subprocess.run(
            [*lock, *command], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0 and command[1] == "install":
            return f"PostgreSQL 15 cannot be installed: {done.stderr.strip().splitlines()[-1:] or 'apt-get failed'}"
    return BIN if (BIN / "postgres").exists() else "this Debian has no PostgreSQL 15"
