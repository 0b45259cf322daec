"""Child processes: started through `launch.py`, watched, stopped, and found again after a crash."""

import contextlib
import hashlib
import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SOCKET_PATH_BYTES = 103
"""A unix socket path may have 107 bytes on Linux and 103 on macOS, the closing NUL excluded."""

_LAUNCH = str(Path(__file__).with_name("launch.py"))


class StartError(Exception):
    """A part cannot start. The message is one line that tells the operator what to do about it."""


@dataclass(frozen=True)
class Identity:
    """As whom a program runs: `same`, `userns` (root outside, `uid` inside) or `drop` (really `uid`)."""

    kind: str = "same"
    uid: int = 0
    gid: int = 0

    @property
    def file_owner(self) -> tuple[int, int]:
        """The (uid, gid) that must own, as seen from here, the files such a program calls its own."""
        return (self.uid, self.gid) if self.kind == "drop" else (os.geteuid(), os.getegid())


def not_root(*must_reach: Path) -> Identity:
    """How to run a program that refuses to be root: as we are, or the least intrusive way down from root.

    `must_reach`: folders and programs it has to enter or execute. Raises StartError if no way reaches them all.
    """
    if os.geteuid() != 0:
        return Identity()
    # PostgreSQL wants its user to have a name. 65534 (nobody) is what unmapped owners look like in a namespace.
    users = [user for user in pwd.getpwall() if user.pw_uid not in {0, 65534}]
    if not users:
        raise StartError("PostgreSQL refuses to run as root, and this machine knows no other user: start as one")
    for kind in ("userns", "drop"):
        identity = Identity(kind, users[0].pw_uid, users[0].pw_gid)
        probe = subprocess.run(
            [*_prefix(identity), "probe", "-", "--", *map(str, must_reach)], stderr=subprocess.DEVNULL, check=False
        )
        if probe.returncode == 0:
            return identity
    raise StartError("PostgreSQL refuses to run as root, and dropping root does not work here: start as another user")


def _prefix(identity: Identity) -> list[str]:
    # -I -S: no site-packages and no environment, so that the launcher starts in 15 ms and cannot be led astray.
    return [sys.executable, "-I", "-S", _LAUNCH, identity.kind, str(identity.uid), str(identity.gid)]


def spawn(
    command: Sequence[str | Path],
    *,
    log: IO[bytes] | int | None = None,
    dies_by: signal.Signals | None = signal.SIGKILL,
    identity: Identity | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, so that Ctrl-C reaches only the supervisor, which stops it in order.

    `log` takes stdout and stderr (None: inherited). `dies_by` is sent to it when we die, however we die. Linux ties
    that to the calling *thread*, so outside the main thread nothing is promised: the next start ends the orphan.
    """
    bound = dies_by is not None and threading.current_thread() is threading.main_thread()
    how = str(int(dies_by)) if dies_by is not None and bound else "0"
    return subprocess.Popen(
        [*_prefix(identity or Identity()), how, str(os.getpid()), "--", *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=None if env is None else dict(env),
        cwd=cwd,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes], how: signal.Signals, *, patience_s: float) -> int:
    """Send `how`, wait `patience_s`, then SIGKILL. Returns the exit status; harmless on a process that has ended."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            return process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def exists(pid: int) -> bool:
    """Whether there is a process of this id, be it a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def alive(pid: int) -> bool:
    """Whether there is a process of this id that still runs: no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return exists(pid)


def runs(pid: int, marker: str) -> bool:
    """Whether process `pid` lives and carries `marker` in its command line: a recycled pid does not."""
    if not alive(pid):
        return False
    proc = Path(f"/proc/{pid}/cmdline")
    with contextlib.suppress(OSError):
        if proc.parent.parent.joinpath("self").exists():
            return marker in proc.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    listing = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
    return marker in listing.stdout.decode(errors="replace")


def inside(folder: Path) -> list[int]:
    """Ids of processes whose working directory is `folder` (Linux; elsewhere none can be told)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder and alive(int(entry.name)):
                found.append(int(entry.name))
    return found


def end_stranger(pid: int, how: signal.Signals, *, patience_s: float) -> None:
    """End a process that is not our child: `how`, then SIGKILL after `patience_s`."""
    for sign in (how, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if not alive(pid):
                return
            time.sleep(0.02)
    raise StartError(f"process {pid} of an earlier start cannot be ended")


def short_folder(wanted: Path, longest_name: str) -> Path:
    """Where sockets go: `wanted`, or a short folder in the temp folder if the path would be too long.

    The short one is named after `wanted`: addresses handed to running children stay right when a server restarts.
    """
    if len(os.fsencode(wanted / longest_name)) <= SOCKET_PATH_BYTES:
        return wanted
    return Path(tempfile.gettempdir(), f"frontdesk-{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]}")


def socket_folder(wanted: Path, longest_name: str, owner: tuple[int, int]) -> Path:
    """Make `short_folder`, open to nobody but `owner`. Raises StartError if somebody else has taken that name."""
    folder = short_folder(wanted, longest_name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    # A root that once ran by dropping to `owner` and now does not finds its folder in that name: ours all the same.
    if not stat.S_ISDIR(found.st_mode) or (found.st_uid not in {os.geteuid(), owner[0]} and folder != wanted):
        raise StartError(f"{folder} belongs to somebody else: remove it, or choose a shorter FRONTDESK_DATA_DIR")
    if found.st_uid != owner[0]:
        os.chown(folder, *owner)
    folder.chmod(0o700)
    return folder
