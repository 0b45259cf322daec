"""Every statement of the service is one that each version of PostgreSQL takes, also where only version 18 runs it."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg

import frontdesk
from frontdesk.sql import load

SOURCE = Path(frontdesk.__file__).parent
TYPES = {"start": "timestamptz", "age": "interval"}
"""Parameters whose type is not told by the statement but by what psycopg sends."""


def statements() -> Iterator[tuple[str, str]]:
    """`file: name` and text of all of them, pieces of those that are several commands."""
    for file in sorted(SOURCE.rglob("*.sql")):
        package = ".".join(("frontdesk", *file.parent.relative_to(SOURCE).parts))
        if not package.startswith("frontdesk.schema"):
            for name, text in vars(load(package, file.name)).items():
                yield from ((f"{package}/{file.name}: {name}", piece) for piece in text.split(";\n"))


def numbered(text: str) -> tuple[str, list[int]]:
    """The statement as PostgreSQL prepares it, with $1, $2, …, and the type of each parameter, 0: as it reads."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)[sbt]", text)))
    text = re.sub(r"%\((\w+)\)[sbt]", lambda found: f"${names.index(found[1]) + 1}", text).replace("%%", "%")
    return text, [psycopg.adapters.types[TYPES[name]].oid if name in TYPES else 0 for name in names]


def test_each_version_takes_every_statement(db: psycopg.Connection) -> None:
    refused, taken = [], 0
    for name, text in statements():
        command, types = numbered(text)
        prepared = db.pgconn.prepare(b"", command.encode(), types)
        if prepared.status == psycopg.pq.ExecStatus.COMMAND_OK:
            taken += 1
        else:
            refused.append(f"{name}: {prepared.error_message.decode()}")
    assert not refused, "\n".join(refused)
    assert taken > 300
