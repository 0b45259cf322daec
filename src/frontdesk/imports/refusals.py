"""Why a line of a file is not imported. `docs/import.md` says for each code what to do; a test says so."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    LINE_TOO_LONG = "line-too-long"
    ENCODING = "encoding"
    NUL_BYTE = "nul-byte"
    QUOTING = "quoting"
    TOO_FEW_FIELDS = "too-few-fields"
    TOO_MANY_FIELDS = "too-many-fields"
    MISSING = "missing"
    TOO_LONG = "too-long"
    BAD_START = "bad-start"
    BAD_END = "bad-end"
    BAD_LENGTH = "bad-length"
    BAD_DATE_OF_BIRTH = "bad-date-of-birth"
    NO_OFFSET = "no-offset"
    SKIPPED_HOUR = "skipped-hour"
    ZONE_UNCLEAR = "zone-unclear"
    STATUS_UNKNOWN = "status-unknown"
    STATUS_AHEAD = "status-ahead"
    UNKNOWN_ID = "unknown-id"
    AMBIGUOUS_NAME = "ambiguous-name"
    PROVIDER_BUSY = "provider-busy"
    PATIENT_BUSY = "patient-busy"
    EXTERNAL_ID_TAKEN = "external-id-taken"
    CONTESTED = "contested"


class ImportStopped(Exception):
    """The file, the mapping or an option cannot be used at all. The message is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """`line` is the physical line at which the record starts, from 1. `detail` tells fields and times, no person."""

    line: int
    code: Code
    detail: str


class Unfit(Exception):
    """A value makes its whole record unfit; becomes a Refusal where the line is known."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail
