"""The sender: takes what is due, judges it once more, hands it over, writes down that it left (ADR-0024).

Every statement is a transaction of its own, and none is open while a server is spoken to. A message is lent to a sender
for a while and carries the number of the attempt: a sender that was given up for dead and wakes again finds that the
message is somebody else's.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import psycopg
import structlog

from frontdesk import clock, db
from frontdesk.db import Connection
from frontdesk.notifications.accounts import AccountMessages
from frontdesk.notifications.handler import q
from frontdesk.notifications.judge import judge, next_try
from frontdesk.notifications.parts import with_parts
from frontdesk.notifications.ways import ways_of
from frontdesk.notifications.writing import forget_device, letters_of
from frontdesk.ports import outgoing
from frontdesk.ports.letters import Away, Gone, Letter, NotSent, Refused, Way
from frontdesk.secrets import keys
from frontdesk.settings import Settings

log = structlog.get_logger(__name__)

TAKEN_AT_ONCE = 50

ROUND_S = 5.0
"""A round ends after so long even if more is due: then the worker may have been told to stop."""

PERHAPS_SENT = "perhaps-sent"
"""Its sender died over it, and by the next attempt it was no longer true: it may have left or not."""

AWAY_PAUSE = timedelta(seconds=15)
"""What was not even tried, because nobody is there, is not held back longer than that."""


async def deliver(config: Settings, stopping: asyncio.Event) -> None:
    """Send what is due by the ways that the settings name, until told to stop. A part of the background worker.

    On a connection of its own, so that a mail server that is slow holds nobody up. Raises psycopg.OperationalError.
    """
    async with await db.connect(config, config.owner_dsn) as conn:
        while not stopping.is_set():
            ways = ways_of(config)
            async with ways["email"], ways["sms"]:
                count = await outgoing.deliver_to(AccountMessages(config, ways, conn), conn, keys())
            count += await send_by(conn, ways, lease=2 * config.delivery_timeout)
            if count:
                log.info("notifications_sent", count=count)
                continue  # there may be more
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), config.worker_interval.total_seconds())


async def send_by(conn: Connection, ways: Mapping[str, Way], *, lease: timedelta) -> int:
    """Send what is due, each channel for itself. Safe beside other senders, and may be killed at any moment."""
    rounds = await asyncio.gather(
        *(_Round(conn, channel, way, lease).run() for channel, way in ways.items()), return_exceptions=True
    )
    for result in rounds:
        if isinstance(result, BaseException):
            raise result
    return sum(result for result in rounds if isinstance(result, int))


class _Round:
    """One channel's round."""

    def __init__(self, conn: Connection, channel: str, way: Way, lease: timedelta) -> None:
        self._conn, self._channel, self._way, self._lease = conn, channel, way, lease
        self._away = False
        self._sent = 0

    async def run(self) -> int:
        end = time.monotonic() + ROUND_S
        async with self._way:
            while not self._away and time.monotonic() < end:
                taken = await db.many(self._conn, q.take, channel=self._channel, lease=self._lease, most=TAKEN_AT_ONCE)
                if not taken:
                    break
                await self._send_all(taken)
        return self._sent

    async def _send_all(self, taken: list[dict[str, Any]]) -> None:
        """Several visits at once, what belongs to one visit in the order of its versions."""
        taken.sort(key=lambda row: (str(row["appointment_id"]), row["version"]))
        visits = iter([list(rows) for _, rows in groupby(taken, key=lambda row: row["appointment_id"])])

        async def sender() -> None:
            for rows in visits:
                for row in rows:
                    await self._send_one(row)

        done = await asyncio.gather(*(sender() for _ in range(self._way.at_once)), return_exceptions=True)
        for result in done:
            if isinstance(result, BaseException):
                raise result

    async def _send_one(self, taken: dict[str, Any]) -> None:
        of = {"id": taken["id"], "attempts": taken["attempts"]}
        if self._away:
            await db.run(self._conn, q.later, **of, at=clock.now() + AWAY_PAUSE, reason="Away")
            return
        row = await db.one(self._conn, q.hold, **of, lease=self._lease)
        if row is None:
            return  # another sender has it
        row = await with_parts(self._conn, row)
        verdict = judge(row)
        if verdict.skip:
            reason = row["reason"] if row["reason"] == PERHAPS_SENT else verdict.skip
            await db.run(self._conn, q.close, **of, status="skipped", reason=reason)
        elif verdict.wait_until:
            await db.run(self._conn, q.later, **of, at=verdict.wait_until, reason="quiet-hours")
        else:
            await self._hand_over(of, row)

    async def _hand_over(self, of: dict[str, Any], row: dict[str, Any]) -> None:
        try:
            letters = await letters_of(self._conn, row)
            await self._send_to_all(letters)
        except psycopg.Error:
            raise
        except Exception as error:
            # Whatever it is, the other messages go on. Only its type is told: a text may quote an address.
            await self._not_sent(of, row, error)
            return
        if not letters:
            await db.run(self._conn, q.close, **of, status="skipped", reason="no-address")
            return
        await db.run(self._conn, q.sent, **of)
        self._sent += 1

    async def _send_to_all(self, letters: list[tuple[Letter, UUID | None]]) -> None:
        """To a mailbox or number, or to all of the patient's devices: one that takes it is enough. Raises NotSent."""
        failures = []
        for letter, device in letters:
            try:
                await self._way.send(letter)
            except NotSent as error:
                failures.append(error)
                if isinstance(error, Gone) and device is not None:
                    await forget_device(self._conn, device)
        if failures and len(failures) == len(letters):
            raise failures[-1]

    async def _not_sent(self, of: dict[str, Any], row: dict[str, Any], error: Exception) -> None:
        reason = str(error) if isinstance(error, NotSent) else type(error).__name__
        self._away = self._away or isinstance(error, Away)
        again = None if isinstance(error, Refused) else next_try(row)
        told = {"id": str(row["id"]), "kind": row["kind"], "channel": row["channel"], "reason": reason}
        if again is None:
            log.error("notification_failed", attempts=row["attempts"], **told)
            await db.run(self._conn, q.close, **of, status="failed", reason=reason)
            return
        log.warning("notification_not_sent", attempts=row["attempts"], **told)
        await db.run(self._conn, q.later, **of, at=again, reason=reason)
