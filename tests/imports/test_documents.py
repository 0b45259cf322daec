"""docs/import.md tells every code, option, field and status."""

import inspect
import re
from pathlib import Path

from frontdesk.cli import import_appointments
from frontdesk.imports.columns import ALSO_KNOWN_AS, FIELDS, read_mapping
from frontdesk.imports.refusals import Code
from frontdesk.imports.rows import STATUSES
from tests.docs.pages import DOCS, rows

PAGE = DOCS / "import.md"


def words(cell: str) -> set[str]:
    return set(re.findall(r"`([\w-]+)`", cell))


def test_every_code_is_explained() -> None:
    told = [code for cells in rows(PAGE, heading="code") for code in sorted(words(cells[0]))]
    assert sorted(told) == sorted(code.value for code in Code)


def test_every_option_is_explained() -> None:
    told = {cells[0].strip("`-").replace("-", "_") for cells in rows(PAGE, heading="option")}
    assert told == set(inspect.signature(import_appointments).parameters) - {"file"}


def test_every_field_and_status_is_explained() -> None:
    table = rows(PAGE, heading="field")
    assert set().union(*(words(cells[0]) for cells in table)) == set(FIELDS)
    assert {name: field for cells in table for name in words(cells[1]) for field in words(cells[0])}.keys() == (
        ALSO_KNOWN_AS.keys()
    )
    (status,) = [cells for cells in table if cells[0] == "`status`"]
    assert words(status[2]) == set(STATUSES)


def test_the_mapping_file_of_the_page_can_be_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    file = tmp_path / "columns.yaml"
    file.write_text(example)
    mapping = read_mapping(file)
    assert mapping.columns["start"] == ["Datum", "Uhrzeit"]
    assert mapping.statuses["erledigt"] == "completed"
