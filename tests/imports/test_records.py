"""Records and the lines they start at, against the standard library where a file is sound and one by one where not."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.imports.records import DELIMITERS, Reader, Record
from frontdesk.imports.refusals import ImportStopped, Refusal


def read(text: str | bytes, delimiter: str | None = None) -> list[tuple[int, object]]:
    raw = text.encode() if isinstance(text, str) else text
    reader = Reader(io.BytesIO(raw), delimiter)
    return [(item.line, item.cells if isinstance(item, Record) else item.code.value) for item in reader]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", list(DELIMITERS))
def test_marks_line_ends_and_delimiters(delimiter: str, mark: str, end: str) -> None:
    lines = [["a", "b"], ["1", '"x\ny"'], ["2", "plain"]]
    text = mark + "".join(delimiter.join(line) + end for line in lines)
    assert read(text) == [(2, ["1", "x\ny"]), (4, ["2", "plain"])]


def test_a_delimiter_inside_a_quoted_heading_does_not_count() -> None:
    assert read('"a,b,c,d";e\n1;2\n') == [(2, ["1", "2"])]


def test_the_last_line_may_lack_its_end_and_blank_lines_are_nobody() -> None:
    assert read("\n\na,b\n1,2\n\n , \n,\n3,4") == [(4, ["1", "2"]), (8, ["3", "4"])]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'"never closed,2', "quoting"),
        (b'"closed"early,2', "quoting"),
        (b'1,"', "quoting"),
        (b"1", "too-few-fields"),
        (b"1,2,3", "too-many-fields"),
        (b"1,\x002", "nul-byte"),
        ("1,ä".encode("latin-1"), "encoding"),
        (b"1," + b"x" * 200_000, "line-too-long"),
    ],
)
@pytest.mark.parametrize("after", [b'8,"9"', b'"8",9', b'8,"9\n10"'])
def test_a_broken_line_costs_that_line_only(line: bytes, code: str, after: bytes) -> None:
    found = read(b"\n".join([b"a,b", b'"5",6', line, after, b"7,7", b""]))
    assert found[:2] == [(2, ["5", "6"]), (3, code)]
    assert found[2:] in (
        [(4, ["8", "9"]), (5, ["7", "7"])],
        [(4, ["8", "9\n10"]), (6, ["7", "7"])],
    )


def test_lines_that_a_stray_quote_joined_are_read_again_one_by_one() -> None:
    assert read('a,b\n1,"open\n2",3\n4,5\n') == [(2, "too-many-fields"), (3, ['2"', "3"]), (4, ["4", "5"])]


def test_a_quote_that_is_never_closed_is_given_up_after_some_lines() -> None:
    found = read("a,b\n" + '"open,1\n' + "x,y\n" * 500)
    assert found == [(2, "quoting"), *((line, ["x", "y"]) for line in range(3, 503))]


def test_a_quote_within_a_cell_is_a_character() -> None:
    assert read('a,b\n5\'3" tall,2\n"say ""no""",2\n') == [(2, ["5'3\" tall", "2"]), (3, ['say "no"', "2"])]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b'"a,b\n1,2\n', "heading"),
        (b"a,\xff\n1,2\n", "UTF-8"),
    ],
)
def test_a_file_without_a_heading_stops(text: bytes, reason: str) -> None:
    with pytest.raises(ImportStopped, match=reason):
        Reader(io.BytesIO(text))


_cells = st.text(st.characters(blacklist_characters="\r\0", blacklist_categories=["Cs"]), max_size=12)


@given(st.lists(st.tuples(_cells, _cells), max_size=12), st.sampled_from(list(DELIMITERS)))
def test_what_the_standard_library_writes_is_read_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(("a", "b"))
    expected = []
    for row in rows:
        expected.append((1 + text.getvalue().count("\n"), list(row)))
        writer.writerow(row)
    assert read(text.getvalue(), delimiter) == expected


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(noise: bytes) -> None:
    for item in Reader(io.BytesIO(b"a,b,c\n" + noise)):
        assert isinstance(item, Record | Refusal)
        assert 2 <= item.line <= 2 + noise.count(b"\n")
