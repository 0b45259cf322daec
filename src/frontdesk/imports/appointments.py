"""`frontdesk import appointments`: from a file to the book, batch by batch.

Every batch is committed by itself and every row knows whether it is there already. So an import that was killed is
finished by starting it again, and two imports of one file at once add each row once.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from frontdesk import db, ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.imports import trial
from frontdesk.imports.claiming import Claims
from frontdesk.imports.columns import Columns, Mapping, read_mapping
from frontdesk.imports.directory import Defaults, Directory, Placed
from frontdesk.imports.records import Reader, Record
from frontdesk.imports.refusals import ImportStopped, Refusal
from frontdesk.imports.report import Report
from frontdesk.imports.rows import Row, read_row
from frontdesk.settings import Settings

BATCH = 200
"""Records a transaction: the provider's lock is held for about 0.2 s, and 400 advisory locks fit the server's table."""

_NO_PLAN_FOR_A_BATCH = ("seqscan", "hashjoin", "mergejoin")
"""Every row is found by key. A plan made while a table is new and small would read all of it for each batch: 6,600
refusals took 8 s instead of 2."""

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


def run(
    settings: Settings,
    dsn: str,
    file: Path,
    *,
    defaults: Defaults,
    columns: Path | None = None,
    delimiter: str | None = None,
    errors: Path | None = None,
    dry_run: bool = False,
) -> Report:
    """Import `file` and tell the operator on the way. `columns` is a mapping file, `delimiter` a name or None.

    Raises ImportStopped before anything is written when file, mapping or an option cannot be used.
    """
    if errors is not None and errors.exists() and errors.samefile(file):
        raise ImportStopped("--errors: that is the file to import")
    if delimiter is not None and delimiter not in _DELIMITERS:
        raise ImportStopped(f"--delimiter: one of {', '.join(_DELIMITERS)}")
    mapping = read_mapping(columns) if columns else Mapping()
    try:
        opened = file.open("rb")
    except OSError as error:
        raise ImportStopped(f"the file cannot be read: {error.strerror}") from None
    report = Report(dry_run=dry_run)
    with opened:
        reader = Reader(opened, _DELIMITERS[delimiter] if delimiter else None)
        found = Columns(reader.heading, mapping)
        _check(found, defaults)
        with report.open(errors, file.stat().st_size):
            report.unused(found.unused)
            asyncio.run(_import(settings, dsn, reader, found, defaults, report, dry_run=dry_run))
    return report


async def _import(
    settings: Settings, dsn: str, reader: Reader, columns: Columns, defaults: Defaults, report: Report, *, dry_run: bool
) -> None:
    """Judge and enter everything that `reader` still has."""
    actor = Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=ids.new_id())
    async with await db.connect(settings, dsn) as conn:
        for alternative in _NO_PLAN_FOR_A_BATCH:
            await conn.execute(f"SET enable_{alternative} = off")
        if dry_run:
            await trial.begin(conn)
        directory, claims = Directory(conn, actor, defaults), Claims(conn, actor, trial=dry_run)
        await directory.check_defaults()
        for batch in _batches(reader, columns):
            placed = await directory.place([each for each in batch if isinstance(each, Row)])
            outcome = await claims.claim([each for each in placed if isinstance(each, Placed)])
            outcome.refusals += [each for each in (*batch, *placed) if isinstance(each, Refusal)]
            report.batch(outcome, bytes_read=reader.bytes_read)
        report.made += directory.made


def _check(columns: Columns, defaults: Defaults) -> None:
    """Raises ImportStopped when no line could ever be imported."""
    needed = {
        "patient_ref": "patient_ref" in columns,
        "start": "start" in columns,
        "end, duration_s or duration_min": any(name in columns for name in ("end", "duration_s", "duration_min")),
        "provider (or --provider)": "provider" in columns or defaults.provider is not None,
    }
    missing = [name for name, there in needed.items() if not there]
    if missing:
        raise ImportStopped(f"the file has no column for {' and for '.join(missing)}; name it with --columns")


def _batches(reader: Reader, columns: Columns) -> Iterator[list[Row | Refusal]]:
    items = (read_row(item, columns) if isinstance(item, Record) else item for item in reader)
    while batch := list(islice(items, BATCH)):
        yield batch
