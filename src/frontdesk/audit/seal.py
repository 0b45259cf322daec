"""The sealer: a job of the background worker that goes after the writers and chains what they have committed."""

import structlog

from frontdesk import db, secrets
from frontdesk.audit.heads import NOTHING, Head, Heads
from frontdesk.db import Connection
from frontdesk.settings import Settings, settings
from frontdesk.sql import load

q = load(__package__, "chain.sql")
log = structlog.get_logger(__name__)

MOST = 5_000
"""Entries sealed in one transaction: some 120 ms."""

AT_ONCE = 20
"""Transactions of one round: the other jobs wait for some 3 s at most, also when a large trail gets its first seals."""


def heads_of(config: Settings) -> Heads:
    """The heads of this installation, in its data folder, under a key of its secret."""
    return Heads(config.data_dir, secrets.Keys(secrets.load_or_create(config)).audit_heads)


async def seal(conn: Connection) -> int:
    """Seal what is committed, then write the chain's head down outside the database. A job of the background worker.

    Idempotent; of several sealers one works. One that was killed between commit and head is made up for by the next.
    """
    return await seal_all(conn, heads_of(settings()))


async def seal_all(conn: Connection, heads: Heads, *, most: int = MOST, at_once: int = AT_ONCE) -> int:
    """Seal what there is to seal, `most` in one transaction, `at_once` transactions at most; how many it sealed.

    Raises OSError if the head cannot be kept.
    """
    sealed = 0
    for _ in range(at_once):
        before, head = await _seal_some(conn, most)
        if head is None:
            break
        heads.anchor(head)
        if head.seq == before:
            break
        log.info("audit_sealed", seq=head.seq, digest=head.digest.hex())
        sealed += head.seq - before
    return sealed


async def _seal_some(conn: Connection, most: int) -> tuple[int, Head | None]:
    """The number of seals before, and the head after; no head while somebody else is at work on the chain."""
    async with conn.transaction():
        alone = await db.one(conn, q.only_sealer)
        if alone is None or not alone["mine"]:
            return 0, None
        row = await db.one(conn, q.head)
        last = Head(row["seq"], row["digest"]) if row else NOTHING
        ends = {"seq": last.seq, "digest": last.digest, "restored": bool(row and row["restored"]), "most": most}
        place = (row["tx"], row["audit_id"]) if row else ("0", 0)
        rows = await db.search(conn, q.seal, tx=place[0], audit_id=place[1], **ends)
        if not rows and ends["restored"]:
            # All that came with the backup is sealed. This server counts from below it: see what was written since.
            rows = await db.search(conn, q.seal, tx="0", audit_id=0, **ends)
        return last.seq, Head(rows[0]["seq"], rows[0]["digest"]) if rows else last
