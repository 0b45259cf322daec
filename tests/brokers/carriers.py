"""Each broker as the conformance suite sees it: something that runs, can be killed, and has room for many tests."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from pydantic import SecretStr

from frontdesk.schema.migrate import migrate
from frontdesk.settings import Settings
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests import debian
from tests.brokers import kafka, rabbitmq

KINDS = ("pg18", "pg15", "rabbitmq", "kafka")
_numbers = count(1)


class Killable(Protocol):
    def start(self) -> None:
        """For the first time, or again with the same data."""

    def kill(self) -> None:
        """With -9."""


@dataclass(frozen=True)
class Carrier:
    """A running broker, and how a test gets settings that nobody else has."""

    kind: str
    server: Killable
    room: Callable[[], Settings]
    settled: Callable[..., Awaitable[None]]  # that what was made here for these groups survives a kill


@contextmanager
def carrier(kind: str, folder: Path) -> Iterator[Carrier]:
    """A broker of this kind; or the test is skipped, with the reason why there is none."""
    if kind == "rabbitmq":
        with rabbitmq.rabbitmq(_found(debian.rabbitmq()), folder) as server:
            yield Carrier(
                kind, server, partial(_room, f"amqp://guest:guest@127.0.0.1:{server.port}/"), partial(_queues, folder)
            )
    elif kind == "kafka":
        with kafka.kafka(_found(kafka.jars()), folder) as server:
            yield Carrier(kind, server, partial(_room, f"kafka://127.0.0.1:{server.port}"), _at_once)
    else:
        programs = _found(debian.postgres_15()) if kind == "pg15" else None
        postgres = EmbeddedPostgres(folder, programs, options={"fsync": "off"})
        postgres.start()
        try:
            migrate(postgres.dsn("frontdesk"))
            yield Carrier(kind, postgres, partial(_database, postgres), _at_once)
        finally:
            postgres.stop()


async def _queues(folder: Path, config: Settings, groups: Sequence[str]) -> None:
    await rabbitmq.queues_on_disk(folder, *(config.topic_prefix + group for group in groups))


async def _at_once(config: Settings, groups: Sequence[str]) -> None: ...


def _room(url: str) -> Settings:
    """Names of its own at the broker."""
    return Settings(broker_url=url, topic_prefix=f"test{next(_numbers)}.")


def _database(postgres: EmbeddedPostgres) -> Settings:
    """A database of its own."""
    name = f"broker_{next(_numbers)}"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}" TEMPLATE frontdesk')
    return Settings(database_url=SecretStr(postgres.dsn(name)))


def _found(program: Path | str) -> Path:
    if isinstance(program, str):
        pytest.skip(program)
    return program
