"""The command as an operator runs it: a process, a file, an exit status; and what SQL then finds."""

import csv
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from tests.forked import Forked
from tests.system.service import clean_environment

_numbers = count(1)


@dataclass(frozen=True)
class Ended:
    """`refused`: (line, code) of each refused line, in the order of the report; `details` of the same."""

    status: int
    out: str
    err: str
    refused: list[tuple[int, str]]
    details: list[str]


def environment(dsn: str, folder: Path) -> dict[str, str]:
    return clean_environment() | {"FRONTDESK_DATABASE_URL": dsn, "FRONTDESK_DATA_DIR": str(folder / "data")}


class Import:
    """One that runs; what it prints is in files."""

    def __init__(self, dsn: str, folder: Path, file: Path, *options: str) -> None:
        self._out, self._err = (folder / f"import-{next(_numbers)}" for _ in range(2))
        with self._out.open("wb") as out, self._err.open("wb") as err:
            arguments = ("import", "appointments", str(file), *options)
            self._process = Forked(*arguments, env=environment(dsn, folder), stdout=out, stderr=err)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def ended(self) -> tuple[int, str, str]:
        """Its exit status, and what it printed on standard output and on standard error."""
        return self._process.wait(300), self._out.read_text(), self._err.read_text()


def command(dsn: str, folder: Path, file: Path, *options: str) -> subprocess.Popen[str]:
    """As an operator types it; `Import` is the same without a second of importing modules."""
    return subprocess.Popen(
        [sys.executable, "-m", "frontdesk", "import", "appointments", str(file), *options],
        env=environment(dsn, folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def brought(database: str, folder: Path, content: Path | str | bytes, *options: str) -> Ended:
    """Import a file, or a text or bytes that become one."""
    file = content if isinstance(content, Path) else folder / "given.csv"
    if isinstance(content, str):
        file.write_bytes(content.encode())
    elif isinstance(content, bytes):
        file.write_bytes(content)
    errors = folder / "errors.csv"
    errors.unlink(missing_ok=True)
    status, out, err = Import(database, folder, file, "--errors", str(errors), *options).ended()
    assert "Traceback" not in err, err
    reported = list(csv.DictReader(errors.read_text("utf-8").splitlines())) if errors.exists() else []
    refused = [(int(row["line"]), row["code"]) for row in reported]
    return Ended(status, out, err, refused, [row["detail"] for row in reported])


@pytest.fixture
def bring(database: str, tmp_path: Path) -> Callable[..., Ended]:
    """Import into this test's database."""
    return partial(brought, database, tmp_path)
