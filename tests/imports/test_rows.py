"""Texts become instants, lengths and statuses, or are refused with a code."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from frontdesk.imports.columns import Columns, Mapping, read_mapping
from frontdesk.imports.directory import split_name
from frontdesk.imports.records import Record
from frontdesk.imports.refusals import ImportStopped, Refusal, Unfit
from frontdesk.imports.rows import Row, read_row, status_at
from frontdesk.imports.zones import zone_of_offset

GOOD = {"provider": "Ana Lima", "patient_ref": "P1", "start": "2016-01-01T08:31:40+08:00", "duration_s": "691"}


def row(mapping: Mapping | None = None, **fields: str) -> Row | Refusal:
    values = GOOD | fields
    return read_row(Record(7, list(values.values())), Columns(list(values), mapping or Mapping()))


def good(mapping: Mapping | None = None, **fields: str) -> Row:
    found = row(mapping, **fields)
    assert isinstance(found, Row), found
    return found


def test_a_row_as_it_stands_in_a_file() -> None:
    found = good()
    assert found.start == datetime(2016, 1, 1, 0, 31, 40, tzinfo=UTC)
    assert (found.length, found.end, found.status) == (timedelta(seconds=691), None, None)
    assert (found.patient.first_name, found.patient.last_name) == ("Patient", "P1")
    assert found.patient.date_of_birth == date(1900, 1, 1)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2016-01-01 08:31+08", datetime(2016, 1, 1, 0, 31, tzinfo=UTC)),
        ("2016-01-01T08:31:40.5Z", datetime(2016, 1, 1, 8, 31, 40, 500_000, tzinfo=UTC)),
        ("2016-01-01T08:31:40 -0330", datetime(2016, 1, 1, 12, 1, 40, tzinfo=UTC)),
    ],
)
def test_ways_to_write_an_instant(text: str, instant: datetime) -> None:
    assert good(start=text).start == instant


def test_a_start_without_offset_stays_local() -> None:
    assert good(start="2016-02-29 08:31").start == "2016-02-29T08:31:00.000000"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"start": ""}, "missing"),
        ({"start": "2016-02-30T08:00:00Z"}, "bad-start"),
        ({"start": "2016-02-30T08:00:00"}, "bad-start"),
        ({"start": "2016-01-01"}, "bad-start"),
        ({"start": "01/02/2016 08:00"}, "bad-start"),
        ({"start": "20160101T080000Z"}, "bad-start"),
        ({"start": "2016-01-01T24:00:00Z"}, "bad-start"),
        ({"start": "2016-01-01T08:00:00+24:00"}, "bad-start"),
        ({"start": "1899-12-31T08:00:00Z"}, "bad-start"),
        ({"start": "2016-01-01T08:00:00Z'; DROP TABLE appointment"}, "bad-start"),
        ({"end": "soon"}, "bad-end"),
        ({"duration_s": ""}, "missing"),
        ({"duration_s": "0"}, "bad-length"),
        ({"duration_s": "-5"}, "bad-length"),
        ({"duration_s": "1e3"}, "bad-length"),
        ({"duration_s": "٣"}, "bad-length"),
        ({"duration_s": "86401"}, "bad-length"),
        ({"duration_s": "", "duration_min": "1440.1"}, "bad-length"),
        ({"patient_ref": " "}, "missing"),
        ({"patient_ref": "x" * 121}, "too-long"),
        ({"reason": "x" * 501}, "too-long"),
        ({"date_of_birth": "17.05.1980"}, "bad-date-of-birth"),
        ({"date_of_birth": "1879-12-31"}, "bad-date-of-birth"),
        ({"status": "fulfilled"}, "status-unknown"),
        ({"status": "held"}, "status-unknown"),
    ],
)
def test_what_is_refused(fields: dict[str, str], code: str) -> None:
    found = row(**fields)
    assert isinstance(found, Refusal)
    assert (found.line, found.code.value) == (7, code)


def test_no_refusal_quotes_what_the_file_says() -> None:
    for field in (*GOOD, "end", "status", "date_of_birth", "gender", "clinic"):
        found = row(**{field: "Miller-Smith " * 12})
        assert isinstance(found, Refusal), field
        assert "Miller" not in found.detail


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ({"duration_s": "86400"}, timedelta(hours=24)),
        ({"duration_s": "", "duration_min": "12.5"}, timedelta(minutes=12, seconds=30)),
        ({"duration_min": "99"}, timedelta(seconds=691)),
    ],
)
def test_lengths(fields: dict[str, str], length: timedelta) -> None:
    assert good(**fields).length == length


@pytest.mark.parametrize(
    ("word", "status"), [("No-Show", "no_show"), ("CANCELED", "cancelled"), ("checked in", "checked_in")]
)
def test_spellings_of_a_status(word: str, status: str) -> None:
    assert good(status=word).status == status


def test_the_status_follows_the_clock_unless_the_file_names_one() -> None:
    start, end = datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert status_at(None, start, end, end) == "completed"
    assert status_at(None, start, end, end - timedelta(seconds=1)) == "scheduled"
    assert status_at("no_show", start, end, end) == "no_show"
    assert status_at("cancelled", start, end, start - timedelta(days=1)) == "cancelled"
    with pytest.raises(Unfit):
        status_at("completed", start, end, start - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("offset", "zone"),
    [
        ("+08:00", "Etc/GMT-8"),
        ("-05:00", "Etc/GMT+5"),
        ("Z", "Etc/UTC"),
        ("+05:30", "Asia/Kolkata"),
        ("+14:00", "Etc/GMT-14"),
    ],
)
def test_the_zone_of_an_offset_has_it(offset: str, zone: str) -> None:
    assert zone_of_offset(datetime.fromisoformat(f"2016-01-01T08:00:00{offset}")) == zone


@pytest.mark.parametrize("offset", ["+15:00", "-12:30", "+00:20", "-13:00"])
def test_no_zone_is_guessed(offset: str) -> None:
    with pytest.raises(Unfit):
        zone_of_offset(datetime.fromisoformat(f"2016-01-01T08:00:00{offset}"))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Ana Lima", (None, "Ana", "Lima")),
        ("Dr. med. Ana Maria Lima", ("Dr. med.", "Ana Maria", "Lima")),
        ("Lima, Ana", (None, "Ana", "Lima")),
        ("Lima", (None, "Provider", "Lima")),
        ("Dr.", (None, "Provider", "Dr.")),
        ("Hangu clinic, specialist 1", (None, "specialist 1", "Hangu clinic")),
        (", ", (None, "Provider", ",")),
    ],
)
def test_a_whole_name_is_split(name: str, parts: tuple[str | None, str, str]) -> None:
    found = split_name(name)
    assert (found["title"], found["first_name"], found["last_name"]) == parts


# -- columns ---------------------------------------------------------------------------------------------------------


def test_headings_are_known_by_our_names_in_any_case() -> None:
    columns = Columns(["Patient Ref", "START", "duration-s", "Provider_ID", "ward", ""], Mapping())
    read = columns.reader(["P1", " now ", "5", "p", "9", "?"])
    assert (read("patient_ref"), read("start"), read("duration_s"), read("provider")) == ("P1", "now", "5", "p")
    assert read("reason") == ""
    assert columns.unused == ["ward"]


def test_a_mapping_joins_columns_reads_formats_and_translates_statuses(tmp_path: Path) -> None:
    file = tmp_path / "columns.yaml"
    file.write_text(
        'start: [Datum, Uhrzeit]\nstatus: Stand\nformats: {start: "%d.%m.%Y %H:%M"}\nstatuses: {erledigt: completed}\n'
    )
    found = good(read_mapping(file), Datum="29.02.2016", Uhrzeit="08:31", Stand="erledigt")
    assert (found.start, found.status) == ("2016-02-29T08:31:00.000000", "completed")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- start", "no mapping"),
        ("start: [", "cannot be read"),
        ("begin: Datum", "begin"),
        ("start: 5", "start"),
        ("start: []", "start"),
        ("formats: {reason: x}", "formats"),
    ],
)
def test_a_mapping_that_cannot_be_used_stops(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "columns.yaml"
    file.write_text(text)
    with pytest.raises(ImportStopped, match=reason):
        read_mapping(file)


@pytest.mark.parametrize("heading", [["start", "x"], ["Datum", "Datum"]])
def test_a_mapped_column_is_there_once(heading: list[str]) -> None:
    with pytest.raises(ImportStopped, match="Datum"):
        Columns(heading, Mapping.model_validate({"columns": {"start": "Datum"}}))
