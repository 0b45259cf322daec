"""Transactions that write events, and a handler that notes what it hears in a table of its own."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from pydantic import SecretStr

from frontdesk import db, ids
from frontdesk.db import Connection
from frontdesk.envelope import Envelope
from frontdesk.settings import Settings

PATIENCE_S = 60


def settings(dsn: str, **more: Any) -> Settings:
    return Settings(database_url=SecretStr(dsn), **more)


def write(conn: psycopg.Connection, word: str, *, topic: str = "tests.said.v1", key: str = "k") -> UUID:
    """An event of the caller's transaction."""
    event_id = ids.new_id()
    conn.execute(
        "INSERT INTO outbox (event_id, topic, key, payload, changed_by, request_id)"
        " VALUES (%s, %s, %s, jsonb_build_object('word', %s::text), %s, %s)",
        (event_id, topic, key, word, ids.SYSTEM, ids.SYSTEM),
    )
    return event_id


class Hearer:
    """Notes each word it hears, in the transaction it is given; fails at words that begin with "bad"."""

    def __init__(self, name: str = "hearer", topics: tuple[str, ...] = ("tests.*",)) -> None:
        self.name, self.topics = name, topics

    @staticmethod
    def prepare(conn: psycopg.Connection) -> None:
        conn.execute("CREATE TABLE heard (id bigint GENERATED ALWAYS AS IDENTITY, handler text, word text, key text)")

    async def handle(self, conn: Connection, envelope: Envelope) -> None:
        word = envelope.payload["word"]
        await db.run(
            conn,
            "INSERT INTO heard (handler, word, key) VALUES (%(handler)s, %(word)s, %(key)s)",
            handler=self.name,
            word=word,
            key=envelope.key,
        )
        if word.startswith("bad"):
            raise ValueError(f"cannot take {word}")


def heard(conn: psycopg.Connection, handler: str = "hearer") -> list[str]:
    rows = conn.execute("SELECT word FROM heard WHERE handler = %s ORDER BY id", (handler,)).fetchall()
    return [word for (word,) in rows]


async def until(conn: psycopg.Connection, words: Sequence[str], handler: str = "hearer") -> None:
    """Wait until so many words have been heard, then compare them."""
    async with asyncio.timeout(PATIENCE_S):
        while len(heard(conn, handler)) < len(words):
            await asyncio.sleep(0.02)
    assert heard(conn, handler) == list(words)
