"""Which column of the file holds which field: by the names we know, or by a mapping file."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from frontdesk.imports.refusals import ImportStopped

FieldName = Literal[
    "provider",
    "clinic",
    "visit_type",
    "patient_ref",
    "patient_first_name",
    "patient_last_name",
    "date_of_birth",
    "gender",
    "start",
    "end",
    "duration_s",
    "duration_min",
    "status",
    "reason",
    "external_id",
]
FIELDS: tuple[FieldName, ...] = get_args(FieldName)

ALSO_KNOWN_AS: dict[str, FieldName] = {
    "provider_id": "provider",
    "license_number": "provider",
    "clinic_id": "clinic",
    "visit_type_id": "visit_type",
    "external_ref": "patient_ref",
    "first_name": "patient_first_name",
    "last_name": "patient_last_name",
}
"""Our own names for the same thing elsewhere in Frontdesk, understood as headings beside the fields themselves."""


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Mapping(BaseModel):
    """A mapping file: for each field their column, or several that are joined with a space (a date and a time).

    `formats`: strptime patterns for start, end and date_of_birth. `statuses`: their word for a status, then ours.
    """

    model_config = ConfigDict(extra="forbid")

    columns: dict[FieldName, Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]] = {}
    formats: dict[Literal["start", "end", "date_of_birth"], str] = {}
    statuses: dict[str, str] = {}


def read_mapping(file: Path) -> Mapping:
    """The mapping in a YAML file: fields at the top level, beside `formats` and `statuses`. Raises ImportStopped."""
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ImportStopped(f"the mapping file cannot be read ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise ImportStopped("the mapping file holds no mapping: write lines such as `start: Their column`")
    beside = {name: document.pop(name) for name in ("formats", "statuses") if name in document}
    try:
        return Mapping.model_validate({"columns": document, **beside})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in fault["loc"] if part not in ("columns", "[key]"))
        raise ImportStopped(f"the mapping file: {where}: {fault['msg']}") from None


class Columns:
    """Finds fields in records with this heading.

    A mapped field is taken from the mapped column; any other from a column that bears its name. Case, spaces and
    hyphens make no difference. Raises ImportStopped when a mapped column is not there, or a name stands there twice.
    """

    def __init__(self, heading: list[str], mapping: Mapping) -> None:
        self.mapping = mapping
        names = [_plain(name) for name in heading]
        self._at: dict[str, list[int]] = {}
        for field, columns in mapping.columns.items():
            self._at[field] = [_position(names, column) for column in columns]
        taken = {position for positions in self._at.values() for position in positions}
        for name in names:
            known = ALSO_KNOWN_AS.get(name, name)
            if known in FIELDS and known not in self._at and names.index(name) not in taken:
                self._at[known] = [_position(names, name)]
                taken.update(self._at[known])
        self.unused = [name for position, name in enumerate(heading) if name and position not in taken]

    def __contains__(self, field: str) -> bool:
        return field in self._at

    def reader(self, cells: list[str]) -> Callable[[FieldName], str]:
        """A function from a field to its text in this record, stripped; "" when there is none."""

        def field(name: FieldName) -> str:
            return " ".join(filter(None, (cells[position].strip() for position in self._at.get(name, ()))))

        return field


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _position(names: list[str], column: str) -> int:
    wanted = _plain(column)
    if wanted not in names:
        raise ImportStopped(f"the file has no column {column!r}, which the mapping names")
    if names.count(wanted) > 1:
        raise ImportStopped(f"the file has the column {column!r} twice")
    return names.index(wanted)
