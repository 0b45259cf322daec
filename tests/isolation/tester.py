"""Runs one order of steps with PostgreSQL's own isolationtester, and reads what it says."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from psycopg import sql

SPECS = Path(__file__).parent / "specs"
_PROGRAM = Path("lib/pgxs/src/test/isolation/isolationtester")
_STEP = re.compile(r"^step (\w+): ", re.MULTILINE)
_WAITS = " <waiting ...>"


@dataclass(frozen=True, slots=True)
class Report:
    """What the steps did: which had to wait, how many rows each answered, which constraint refused which."""

    waited: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def isolationtester(bin_dir: Path) -> Path | str:
    """The program that belongs to the server in `bin_dir`, or one line that says why there is none."""
    program = bin_dir.parent / _PROGRAM
    return program if program.exists() else f"this PostgreSQL came without isolationtester ({_PROGRAM})"


def text(query: str, **params: Any) -> str:
    """The statement with its parameters filled in, and without the braces that would end a step of a spec."""
    filled = query % {name: _literal(value) for name, value in params.items()}
    assert "{" not in filled
    return f"{filled};"


def _literal(value: Any) -> str:
    if isinstance(value, list):
        kind = "text" if not value or isinstance(value[0], str) else "uuid"
        return f"ARRAY[{', '.join(map(_literal, value))}]::{kind}[]"
    return sql.Literal(value).as_string(None)


def run(program: Path, dsn: str, spec: str, statements: Mapping[str, str], order: str) -> Report:
    """Run the steps of `specs/<spec>.spec` in this order. Raises AssertionError when isolationtester itself fails."""
    script = Template((SPECS / f"{spec}.spec").read_text()).substitute(statements) + f"\npermutation {order}\n"
    done = subprocess.run([program, dsn], input=script, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    _, *said = _STEP.split(done.stdout)
    report = Report()
    for step, what in zip(said[::2], said[1::2], strict=True):
        if what.rstrip().endswith(_WAITS):
            report.waited.append(step)
        if counted := re.search(r"^\((\d+) rows?\)$", what, re.MULTILINE):
            report.rows[step] = int(counted[1])
        if error := re.search(r"^ERROR: +(.*)$", what, re.MULTILINE):
            constraint = re.search(r'constraint "(\w+)"', error[1])
            report.refused[step] = constraint[1] if constraint else error[1]
    return report
