"""The database connection of a request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import psycopg
from fastapi import Depends
from starlette.requests import Request

from frontdesk.db import Connection, Viewer, borrow
from frontdesk.errors import from_database


@asynccontextmanager
async def transaction(request: Request) -> AsyncIterator[Connection]:
    """A transaction for a part of a request; elsewhere use `Tx`. Commits at the end, and wakes the relay.

    Raises as `connection` does.
    """
    async with connection(request) as conn, conn.transaction():
        yield conn
    request.app.state.bell.ring()


@asynccontextmanager
async def connection(request: Request) -> AsyncIterator[Connection]:
    """A connection for a part of a request, without a transaction; elsewhere use `Read`.

    What a constraint refuses leaves as the Problem that it means, so that a page can tell of it.
    """
    try:
        async with borrow(request.app.state.pool, viewer_of(request)) as conn:
            yield conn
    except psycopg.IntegrityError as error:
        problem = from_database(error)
        if problem is None:
            raise
        raise problem from error


async def still_in(request: Request) -> None:
    """For what asks the database nothing else of somebody logged in. Raises Unauthenticated when that is over."""
    async with borrow(request.app.state.pool, viewer_of(request)):
        pass


def viewer_of(request: Request) -> Viewer | None:
    """Whose rows this request may see: the guard, which comes before any connection, has said so."""
    viewer: Viewer | None = request.state.viewer
    return viewer


async def _request_transaction(request: Request) -> AsyncIterator[Connection]:
    async with transaction(request) as conn:
        yield conn


async def _request_connection(request: Request) -> AsyncIterator[Connection]:
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        yield conn


# scope="function" commits before the response is sent, so a failed commit is never a 201.
Tx = Annotated[Connection, Depends(_request_transaction, scope="function")]

# For reading: each statement is its own transaction, which saves the BEGIN and the COMMIT.
Read = Annotated[Connection, Depends(_request_connection, scope="function")]
