"""What the operator sees of an import: progress and refusals on standard error, the result on standard output."""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from frontdesk.imports.claiming import Outcome
from frontdesk.imports.refusals import ImportStopped, Refusal

_LINES_BETWEEN = 10_000  # where no bar can be drawn, one line of progress for so many


class Report:
    """Counts what became of each record, and tells it. No name of a person passes through here."""

    def __init__(self, *, dry_run: bool) -> None:
        self.added = self.there = self.refused = 0
        self.made: Counter[str] = Counter()
        self._dry_run = dry_run
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._next_line = _LINES_BETWEEN
        self._errors: IO[str] | None = None

    @contextmanager
    def open(self, errors: Path | None, total_bytes: int) -> Iterator[None]:
        """Draw the bar, and write refusals to `errors`, a new file, instead of standard error. Raises ImportStopped."""
        with _written(errors) as self._errors:
            if self._errors is not None:
                csv.writer(self._errors).writerow(("line", "code", "detail"))
            if not self._console.is_terminal:
                yield
                return
            columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
            with Progress(*columns, console=self._console, transient=True) as self._progress:
                self._progress.add_task("", total=total_bytes)
                yield

    def unused(self, columns: list[str]) -> None:
        """Say once which columns mean nothing to us."""
        if columns:
            self._console.print(f"columns not used: {', '.join(columns)}")

    def batch(self, outcome: Outcome, *, bytes_read: int) -> None:
        """Take in a batch that is committed; its refusals in the order of lines."""
        self.added += outcome.added
        self.there += outcome.there
        self.refused += len(outcome.refusals)
        self.made["patient"] += outcome.patients
        for refusal in sorted(outcome.refusals, key=lambda each: each.line):
            self._refusal(refusal)
        if self._errors is not None:
            self._errors.flush()
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=bytes_read, description=self._counts())
        elif self.records >= self._next_line:
            self._next_line = self.records + _LINES_BETWEEN
            self._console.print(self._counts())

    @property
    def records(self) -> int:
        """How many records have been judged."""
        return self.added + self.there + self.refused

    def summary(self) -> str:
        """The result, in one or two lines."""
        made = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in self.made.items() if count]
        lines = [f"Dry run, nothing is written. {self._counts()}." if self._dry_run else f"{self._counts()}."]
        if made:
            lines.append(f"New: {', '.join(made)}.")
        return "\n".join(lines)

    def _counts(self) -> str:
        counted = f"{self.records} record{'' if self.records == 1 else 's'}"
        return f"{counted}: {self.added} added, {self.there} already there, {self.refused} refused"

    def _refusal(self, refusal: Refusal) -> None:
        if self._errors is not None:
            csv.writer(self._errors).writerow((refusal.line, refusal.code.value, refusal.detail))
        else:
            self._console.print(f"line {refusal.line}: {refusal.code.value}: {refusal.detail}")


@contextmanager
def _written(file: Path | None) -> Iterator[IO[str] | None]:
    if file is None:
        yield None
        return
    try:
        opened = file.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ImportStopped(f"--errors: cannot be written: {error.strerror}") from None
    with opened:
        yield opened
