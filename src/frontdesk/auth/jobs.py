"""What the background worker does for accounts."""

from frontdesk.auth import new_passwords, second_step, sessions, throttle, verification
from frontdesk.db import Connection


async def answer_resets(conn: Connection) -> int:
    """Send links to those who forgot their password; how many. Idempotent."""
    return await new_passwords.answer_resets(conn)


async def purge(conn: Connection) -> int:
    """Forget what is over: sessions, links, codes, failures, log-ins half done; how many. Idempotent."""
    return (
        await sessions.purge(conn)
        + await new_passwords.purge(conn)
        + await verification.purge(conn)
        + await throttle.purge(conn)
        + await second_step.purge(conn)
    )
