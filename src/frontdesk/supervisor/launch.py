"""The last step before a child program runs: give up root where asked, and die with the parent.

A script of its own (`python -I -S launch.py … -- program args`) that imports only the standard library: it starts in
15 ms, and does between fork and exec what `preexec_fn` may not do safely. The program then keeps the script's pid.
"""

import ctypes
import os
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CLONE_NEWUSER = 0x10000000
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
CANNOT = 97
"""Exit status of a probe that says: this way of giving up root does not work here."""


def die_with_parent(how: signal.Signals, parent: int) -> None:
    """Ask Linux to send this process `how` once the thread that started it is gone; elsewhere do nothing.

    `parent` closes the gap in which the parent died before we asked: then `how` is sent at once.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(how), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), how)


def enter_user_namespace(uid: int, gid: int) -> None:
    """Become `uid` in a fresh user namespace, while outside everything stays with the present user.

    No new user, no chown: files written belong to root outside. Raises OSError where namespaces are blocked.
    """
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are blocked")
    for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {outer_uid} 1"), ("gid_map", f"{gid} {outer_gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(line)


def drop_to(uid: int, gid: int) -> None:
    """Become `uid` for good, keeping only the right to pass folders that are closed to it (such as /root).

    Without that right we would have to open parent folders to everybody. Where the kernel does not grant it
    (macOS, a container without the capability), plain permissions decide.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    linux = sys.platform == "linux"
    if linux:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if linux:
        bit = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; then the high words
        if libc.capset(header, data) == 0:
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def main(arguments: list[str]) -> NoReturn:
    """`IDENTITY UID GID SIGNAL PARENT -- program args`, or `IDENTITY UID GID probe - -- paths…` to test it.

    IDENTITY is same, userns or drop; SIGNAL is a number, 0 for "may outlive the parent".
    """
    identity, uid, gid, how, parent = arguments[:5]
    command = arguments[6:]
    try:
        if identity == "userns":
            enter_user_namespace(int(uid), int(gid))
        elif identity == "drop":
            drop_to(int(uid), int(gid))
    except OSError as error:
        sys.stderr.write(f"cannot run as another user ({identity}): {error}\n")
        sys.exit(CANNOT)
    if how == "probe":
        # Effective ids: the right kept by drop_to counts, as it will for the program.
        effective = os.access in os.supports_effective_ids
        sys.exit(0 if all(os.access(path, os.X_OK, effective_ids=effective) for path in command) else CANNOT)
    if how != "0":
        die_with_parent(signal.Signals(int(how)), int(parent))
    os.execv(command[0], command)  # noqa: S606  # the programs we ship, by absolute path


if __name__ == "__main__":
    main(sys.argv[1:])
