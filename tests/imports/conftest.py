"""The command as an operator runs it: a process, a file, an exit status; and what SQL then finds."""

import csv
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.system.service import clean_environment


@dataclass(frozen=True)
class Ended:
    """`refused`: (line, code) of each refused line, in the order of the report; `details` of the same."""

    status: int
    out: str
    err: str
    refused: list[tuple[int, str]]
    details: list[str]


def command(dsn: str, folder: Path, file: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "frontdesk", "import", "appointments", str(file), *options],
        env=clean_environment() | {"FRONTDESK_DATABASE_URL": dsn, "FRONTDESK_DATA_DIR": str(folder / "data")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def bring(database: str, tmp_path: Path) -> Callable[..., Ended]:
    """Import a file, or a text or bytes that become one, into this test's database."""

    def run(content: Path | str | bytes, *options: str) -> Ended:
        file = content if isinstance(content, Path) else tmp_path / "given.csv"
        if isinstance(content, str):
            file.write_bytes(content.encode())
        elif isinstance(content, bytes):
            file.write_bytes(content)
        errors = tmp_path / "errors.csv"
        errors.unlink(missing_ok=True)
        process = command(database, tmp_path, file, "--errors", str(errors), *options)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err, err
        reported = list(csv.DictReader(errors.read_text("utf-8").splitlines())) if errors.exists() else []
        refused = [(int(row["line"]), row["code"]) for row in reported]
        return Ended(process.returncode, out, err, refused, [row["detail"] for row in reported])

    return run
