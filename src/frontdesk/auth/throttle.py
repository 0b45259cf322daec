"""Wrong guesses: how many are heard, and how long the next one has to wait (ADR-0018).

Failures are counted for a *subject*, a keyed digest that names an account whether it exists or not, so that neither
the work nor the answer tells the two apart. Ten failures in a row are free; each one more closes the door for twice as
long, from half a minute to an hour, and what is said at a closed door is not heard: not even whether it was right.

The door belongs to those who guess: a device on which somebody has logged in to the account before has a door of its
own (`devices`), and so has a person with another proof, so that strangers cannot shut out the owner.
"""

import unicodedata
from datetime import timedelta

from frontdesk import db
from frontdesk.db import Connection
from frontdesk.errors import Problem
from frontdesk.secrets import Keys
from frontdesk.sql import load

q = load(__package__, "throttle.sql")

FREE_FAILURES = 10
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)  # with the free ones some 40 guesses a day, where NIST SP 800-63B §5.2.2 allows 100
FORGET_AFTER = timedelta(hours=24)


class TooManyAttempts(Problem):
    """Too many wrong guesses or too many codes asked for; `Retry-After` says how long to wait."""

    status, slug, title = 429, "too-many-attempts", "Too many attempts"

    def __init__(self, wait_s: float) -> None:
        seconds = max(1, round(wait_s + 0.5))
        super().__init__(f"Try again in {seconds} seconds.", headers={"Retry-After": str(seconds)})


def account_name(email: str) -> str:
    """One name for all spellings of an address by which the same account is found, or more."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


def log_in_subject(keys: Keys, email: str, own: str = "") -> bytes:
    """Whose failures to count at log-in: all strangers' to this account together, or those of `own`, which is the
    secret of a known device, or the address of somebody who also gives a second factor."""
    return keys.digest("log-in failures", account_name(email), own)


def refuse(wait_s: float | None) -> None:
    """Raise TooManyAttempts while a door is closed: `wait_s` as `waiting` and `find_account` tell it."""
    if wait_s is not None and wait_s > 0:
        raise TooManyAttempts(wait_s)


async def admit(conn: Connection, subject: bytes) -> None:
    """Raise TooManyAttempts when the door is closed. What is found right later still has to pass `forgive`."""
    row = await db.one(conn, q.waiting, subject=subject)
    refuse(row["wait_s"] if row else None)


async def count(conn: Connection, subject: bytes) -> None:
    """Count one failure. Raises TooManyAttempts, without counting, when rivals have closed the door meanwhile.

    One statement under the lock of one row: of any number of guesses at once exactly as many are heard as one after
    the other. Commit it whatever the answer is.
    """
    counted = await db.one(
        conn,
        q.count_failure,
        subject=subject,
        free=FREE_FAILURES,
        first_wait=FIRST_WAIT,
        longest_wait=LONGEST_WAIT,
        forget_after=FORGET_AFTER,
    )
    if counted is None:
        await admit(conn, subject)
        raise TooManyAttempts(1)


async def forgive(conn: Connection, subject: bytes) -> None:
    """Forget the failures after a success. Raises TooManyAttempts when rivals have closed the door meanwhile."""
    row = await db.one(conn, q.forgive, subject=subject)
    refuse(row["wait_s"] if row else None)


async def reopen(conn: Connection, subject: bytes) -> None:
    """Forget the failures and open the door: somebody has proven in another way that the account is theirs."""
    await db.run(conn, q.forget, subject=subject)


async def take_back(conn: Connection, subject: bytes) -> None:
    """One failure was none. The others stay counted, and keep the door closed if they are too many."""
    await db.run(conn, q.take_back, subject=subject, free=FREE_FAILURES)


async def purge(conn: Connection) -> int:
    """Forget old failures. A job of the background worker; idempotent."""
    return await db.run(conn, q.purge_failures, forget_after=FORGET_AFTER)
