"""The transaction of a form whose refusals are told on the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from starlette.requests import Request

from frontdesk.db import Connection
from frontdesk.errors import from_database
from frontdesk.web.tx import transaction


@asynccontextmanager
async def changing(request: Request) -> AsyncIterator[Connection]:
    """A transaction in which a constraint speaks as the Problem that it means, as it does to programs.

    Deadlocks pass: the middleware repeats the request.
    """
    try:
        async with transaction(request) as conn:
            yield conn
    except psycopg.IntegrityError as error:
        raise from_database(error) or error from None
