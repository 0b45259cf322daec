"""A CSV file as records with line numbers; a broken line is refused and the next one begins anew.

RFC 4180 with any of four delimiters, LF or CRLF, with or without a byte order mark. The standard library's reader would
take everything behind a forgotten quote for one field, up to the end of the file; here it costs one line.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from frontdesk.imports.refusals import Code, ImportStopped, Refusal

DELIMITERS = ",;\t|"

_MOST_BYTES = 65_536  # of one line: no visit needs more, and memory stays bounded whatever the file is
_MOST_LINES = 50  # of one record: a quoted field with more line breaks than that is a forgotten quote
_UTF_8_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Record:
    """`line` is the physical line at which it starts, from 1; `cells` are as many as the heading has."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    fault: Code | None = None


class Reader:
    """Reads the heading at once and then iterates over what follows. Holds one record at a time.

    `delimiter` None: the one that the heading has most of. Raises ImportStopped when there is no usable heading.
    """

    def __init__(self, file: BinaryIO, delimiter: str | None = None) -> None:
        self._file, self._number = file, 0
        self._again: deque[_Line] = deque()
        self.bytes_read = 0
        self._delimiter = delimiter or ""
        first = self._first_line()
        self._delimiter = delimiter or _most_frequent(first.text)
        self._cell = _cell(self._delimiter)
        self._again.appendleft(first)
        heading = self._take(width=None)
        if not isinstance(heading, Record):
            raise ImportStopped("the heading cannot be read: a quote in its first line is never closed")
        self.heading = [name.strip() for name in heading.cells]

    def __iter__(self) -> Iterator[Record | Refusal]:
        while (item := self._take(len(self.heading))) is not None:
            yield item

    def _take(self, width: int | None) -> Record | Refusal | None:
        """The next record, a refusal of the line where it would have started, or None at the end."""
        first = self._next()
        while first is not None and self._blank(first):
            first = self._next()
        if first is None:
            return None
        if first.fault is not None:
            return Refusal(first.number, first.fault, _FAULTS[first.fault])
        text, more = first.text, []
        while (cells := _split(self._cell, text)) is None:
            complete = _misplaced(self._cell, text)
            # The quoted field goes on in the next lines, or was never meant to: only a line with a quote can tell.
            while not complete:
                line = self._next()
                if line is not None:
                    more.append(line)
                    text += "\n" + line.text
                complete = line is None or line.fault is not None or len(more) == _MOST_LINES
                if line is not None and '"' in line.text:
                    break
            if complete:
                self._again.extendleft(reversed(more))
                return Refusal(first.number, Code.QUOTING, "a quote is not closed, or text follows a closing quote")
        if width is None:
            return Record(first.number, cells)
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        if len(cells) != width:
            self._again.extendleft(reversed(more))
            code = Code.TOO_FEW_FIELDS if len(cells) < width else Code.TOO_MANY_FIELDS
            return Refusal(first.number, code, f"{len(cells)} fields where the heading has {width}")
        return Record(first.number, cells)

    def _blank(self, line: _Line) -> bool:
        """Nothing in it, or nothing but delimiters, as spreadsheets write below the last row."""
        return line.fault is None and not line.text.strip(f" \t{self._delimiter}")

    def _first_line(self) -> _Line:
        """The first line that is not blank, without a byte order mark."""
        line = self._next()
        while line is not None and self._blank(line):
            line = self._next()
        if line is None:
            raise ImportStopped("the file is empty")
        if line.fault is not None:
            raise ImportStopped(f"the heading cannot be read: {_FAULTS[line.fault]}")
        return line

    def _next(self) -> _Line | None:
        """The next physical line: one that was given back, else one of the file."""
        if self._again:
            return self._again.popleft()
        raw = self._file.readline(_MOST_BYTES)
        if not raw:
            return None
        self._number += 1
        self.bytes_read += len(raw)
        if self._number == 1:
            if raw.startswith(_UTF_16_MARKS):
                raise ImportStopped("the file is UTF-16; save it as UTF-8")
            raw = raw.removeprefix(_UTF_8_MARK)
        if not raw.endswith(b"\n") and self._skip_rest():
            return _Line(self._number, "", Code.LINE_TOO_LONG)
        if b"\0" in raw:
            return _Line(self._number, "", Code.NUL_BYTE)
        try:
            return _Line(self._number, raw.decode().rstrip("\r\n"))
        except UnicodeDecodeError:
            return _Line(self._number, "", Code.ENCODING)

    def _skip_rest(self) -> bool:
        """Skip to the end of an overlong line; whether there was anything to skip."""
        skipped = False
        while rest := self._file.readline(_MOST_BYTES):
            skipped = True
            self.bytes_read += len(rest)
            if rest.endswith(b"\n"):
                break
        return skipped


_FAULTS = {
    Code.LINE_TOO_LONG: f"more than {_MOST_BYTES} bytes in one line",
    Code.NUL_BYTE: "a NUL byte",
    Code.ENCODING: "not UTF-8",
}


def _most_frequent(heading: str) -> str:
    outside = re.sub(r'"[^"]*"', "", heading)
    return max(DELIMITERS, key=outside.count)


def _cell(delimiter: str) -> re.Pattern[str]:
    """One cell and what ends it. A quote inside an unquoted cell is a character like any other."""
    ends = re.escape(delimiter)
    return re.compile(rf'(?:"([^"]*(?:""[^"]*)*)"|((?!")[^{ends}]*))({ends}|\Z)')


def _split(cell: re.Pattern[str], text: str) -> list[str] | None:
    """The cells of `text`; None when a quote is open or misplaced."""
    cells, position = [], 0
    while True:
        found = cell.match(text, position)
        if found is None:
            return None
        quoted, plain, end = found.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        if not end:
            return cells
        position = found.end()


def _misplaced(cell: re.Pattern[str], text: str) -> bool:
    """Whether no further line can mend `text`: the quoted cell at which reading it ends is closed."""
    position = 0
    while (found := cell.match(text, position)) is not None:
        position = found.end()
    return _CLOSED.match(text, position) is not None


_CLOSED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
