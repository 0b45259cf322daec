"""`frontdesk events`: how far everybody has read, what was laid aside, and how it is tried again."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated
from uuid import UUID

import typer

from frontdesk import db
from frontdesk.db import Connection
from frontdesk.events import handling, log
from frontdesk.events.handling import Handler
from frontdesk.events.parts import BROKER

Connected = Callable[[], AbstractAsyncContextManager[Connection]]
"""A connection as the owner of the database."""


def commands(handlers: Sequence[Handler], connected: Connected) -> typer.Typer:
    """The sub-commands, for these handlers."""
    app = typer.Typer(no_args_is_help=True, help="What has happened in the book, and who has heard it.")

    def run(work: Callable[[Connection], Awaitable[int]]) -> None:
        async def with_connection() -> int:
            async with connected() as conn:
                return await work(conn)

        sys.exit(asyncio.run(with_connection()))

    @app.command("status")
    def status() -> None:
        """How far the relay, the broker and each handler are. Exit status 1 when an event was laid aside."""

        async def show(conn: Connection) -> int:
            state, dead = await log.state(conn), await db.many(conn, handling.q.dead)
            places = state["places"]
            head = places.pop("outbox")
            since = f", the oldest since {state['oldest'].isoformat()}" if state["waiting"] else ""
            typer.echo(f"{head} events were numbered; {state['waiting']} wait for the relay{since}.")
            for reader, position in places.items():
                typer.echo(f"{reader}: {position}, {head - position} behind")
            typer.echo(f"{len(dead)} events are laid aside.")
            return 1 if dead else 0

        run(show)

    @app.command("dead")
    def dead() -> None:
        """What was laid aside: for whom, since when and why."""

        async def show(conn: Connection) -> int:
            for row in await db.many(conn, handling.q.dead):
                died = row["died_at"].isoformat(timespec="seconds")
                what = f"{row['handler']} {row['event_id']} {row['topic']}"
                typer.echo(f"{what} {died} {row['attempts']} tries: {row['reason']}")
            return 0

        run(show)

    @app.command("replay")
    def replay(
        event_id: Annotated[UUID | None, typer.Argument(help="One event; without it, all.")] = None,
    ) -> None:
        """Try again what was laid aside, the oldest first. Exit status 1 when something stays."""

        async def again(conn: Connection) -> int:
            rows = [row for row in await db.many(conn, handling.q.dead) if event_id in (None, row["event_id"])]
            if event_id is not None and not rows:
                typer.echo(f"{event_id} was not laid aside.")
                return 1
            return 1 if await _replay_all(conn, rows, handlers) else 0

        run(again)

    @app.command("resend")
    def resend(
        after: Annotated[int, typer.Option(min=0, help="The position of the last event that need not go again.")] = 0,
    ) -> None:
        """Hand the events that are kept to the broker again, when it has lost them. Handlers take none twice.

        Exit status 1 while a worker runs: stop it first.
        """

        async def again(conn: Connection) -> int:
            readers = await log.go_back(conn, BROKER, after)
            if readers is None:
                typer.echo("A worker hands events over just now: stop it, then try again.")
                return 1
            typer.echo("The next worker begins there." if readers else "Nothing after that was handed over.")
            return 0

        run(again)

    return app


async def _replay_all(conn: Connection, rows: Sequence[dict[str, object]], handlers: Sequence[Handler]) -> int:
    """How many stay where they are."""
    stay = 0
    for row in rows:
        name, event = str(row["handler"]), UUID(str(row["event_id"]))
        if reason := await handling.again(conn, handlers, name, event):
            stay += 1
            typer.echo(f"{name} {event}: {reason}")
    typer.echo(f"{len(rows) - stay} events were taken, {stay} stay.")
    return stay
