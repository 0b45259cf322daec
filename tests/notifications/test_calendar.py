"""Calendar entries, as two readers that know nothing of each other understand them: icalendar and vobject."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.guests import calendar as guests
from frontdesk.notifications.facts import Facts
from frontdesk.notifications.language import one_line
from frontdesk.notifications.preview import EXAMPLE
from frontdesk.notifications.render import render


@dataclass(frozen=True, slots=True)
class Entry:
    """What a reader found in a file."""

    method: str
    uid: str
    sequence: int
    stamp: datetime
    start: datetime
    end: datetime
    status: str
    summary: str
    location: str
    description: str
    guest: str


def by_icalendar(ics: str) -> Entry:
    file = icalendar.Calendar.from_ical(ics)
    (one,) = file.subcomponents
    assert isinstance(one, icalendar.Event)
    times = [one.decoded(name) for name in ("dtstamp", "dtstart", "dtend")]
    texts = [str(one[name]) for name in ("status", "summary", "location", "description", "attendee")]
    return Entry(str(file["method"]), str(one["uid"]), int(one["sequence"]), *times, *texts)


def by_vobject(ics: str) -> Entry:
    file = vobject.readOne(ics)
    one = file.vevent
    assert [child.name for child in file.components()] == ["VEVENT"]
    times = [one.dtstamp.value, one.dtstart.value, one.dtend.value]
    texts = [one.status.value, one.summary.value, one.location.value, one.description.value, one.attendee.value]
    return Entry(file.method.value, one.uid.value, int(one.sequence.value), *times, *texts)


READERS = {"icalendar": by_icalendar, "vobject": by_vobject}


def sent(kind: str, facts: Facts) -> str:
    ics = render(kind, "email", facts).ics
    assert ics is not None
    return ics


class Program:
    """A patient's calendar, as RFC 5546 asks of one: what is older than the entry it has changes nothing."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def take(self, entry: Entry) -> None:
        has = self.entries.get(entry.uid)
        if has is None or (entry.sequence, entry.stamp) > (has.sequence, has.stamp):
            self.entries[entry.uid] = entry

    def shown(self) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.method != "CANCEL"]


# Three starts of one visit, in the clinic's time, on different sides of changes of its clocks; the third is one of two.
LIVES = [
    ("Europe/Berlin", ["2026-03-27T09:00", "2026-03-30T09:00", "2026-10-25T02:30"]),
    ("Australia/Lord_Howe", ["2026-04-03T10:15", "2026-04-06T10:15", "2026-04-05T01:45"]),
    ("America/Santiago", ["2026-04-03T16:00", "2026-04-06T16:00", "2026-04-04T23:30"]),
    ("Asia/Kathmandu", ["2026-03-27T11:45", "2026-03-30T11:45", "2026-10-25T07:30"]),
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("fold", [0, 1])
@pytest.mark.parametrize(("zone", "starts"), LIVES, ids=[zone for zone, _ in LIVES])
def test_moved_twice_and_cancelled_over_a_change_of_clocks(
    zone: str, starts: list[str], fold: int, reader: str
) -> None:
    read, program, known = READERS[reader], Program(), EXAMPLE.changed_at
    local = [datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone), fold=fold) for start in starts]
    for number, at in enumerate(local):
        start = at.astimezone(UTC)
        times = {"start": start, "end": start + timedelta(minutes=45), "changed_at": known + timedelta(number)}
        facts = replace(EXAMPLE, time_zone=zone, version=1 + number, **times)
        program.take(read(sent("change" if number else "confirmation", facts)))
        (shown,) = program.shown()
        assert shown.start == start
        assert shown.end - shown.start == timedelta(minutes=45)
        assert (shown.method, shown.status) == ("REQUEST", "CONFIRMED")
        assert shown.start.astimezone(ZoneInfo(zone)).isoformat()[:16] == starts[number]
    early = read(sent("change", facts))
    cancelled = replace(facts, status="cancelled", version=4, changed_at=known + timedelta(5))
    program.take(read(sent("cancellation", cancelled)))
    assert program.shown() == []
    (gone,) = program.entries.values()
    assert (gone.method, gone.status, gone.sequence) == ("CANCEL", "CANCELLED", 4)
    program.take(early)
    assert program.shown() == [], "a message that comes late brings nothing back"


TEXT = st.text(max_size=90) | st.sampled_from(
    [
        "END:VEVENT\r\nBEGIN:VEVENT",
        'a\\n\\,;:"b^n',
        "one\u2028two\u2029three\x85four\x0bfive\x1csix",
        "\u202egnp.exe\u061c",
        "משרד מרפאה",
        "👩🏽‍⚕️" * 30,
    ]
)


@pytest.mark.parametrize("reader", READERS)
@given(
    clinic=TEXT, provider=TEXT, address=st.none() | TEXT, phone=st.none() | TEXT, language=st.sampled_from(["en", "es"])
)
def test_what_is_written_is_what_is_read(
    reader: str, clinic: str, provider: str, address: str | None, phone: str | None, language: str
) -> None:
    facts = replace(EXAMPLE, clinic=clinic, provider=provider, address=address, clinic_phone=phone, language=language)
    ics = sent("confirmation", facts)
    entry = READERS[reader](ics)
    assert entry.summary.split() == one_line(f"{'Cita en' if language == 'es' else 'Appointment at'} {clinic}").split()
    assert entry.location == one_line(", ".join(filter(None, [clinic, address])) or clinic)
    lines = [one_line(line) for line in (provider, phone) if line]
    assert entry.description.split("\n") == [*filter(None, lines), EXAMPLE.manage_url]
    assert (entry.start, entry.end, entry.guest) == (EXAMPLE.start, EXAMPLE.end, "mailto:sam@example.test")
    assert all(len(line.encode()) <= 75 for line in ics.split("\r\n"))
    assert ics.count("\n") == ics.count("\r\n") == ics.count("\r")
    assert ics.splitlines() == ics.split("\r\n")[:-1], "whatever a reader takes for the end of a line"


@pytest.mark.parametrize("reader", READERS)
def test_what_cannot_be_seen_is_left_out(reader: str) -> None:
    turning = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    facts = replace(EXAMPLE, clinic=f"Linden{turning}hof\u2028Clinic\x00", provider=f"{turning}Ana\x85Lima")
    entry = READERS[reader](sent("confirmation", facts))
    assert entry.summary == "Appointment at Linden hof, Clinic"
    assert entry.description.splitlines()[0] == "Ana, Lima"


@pytest.mark.parametrize("reader", READERS)
def test_a_strange_address_stays_an_address(reader: str) -> None:
    facts = replace(EXAMPLE, email='"a;b\r\nX-BAD: 1"@example.test')
    assert READERS[reader](sent("confirmation", facts)).guest == "mailto:%22a%3Bb%0D%0AX-BAD%3A%201%22@example.test"
    facts = replace(EXAMPLE, email="o'neil+visits@example.test")
    assert READERS[reader](sent("confirmation", facts)).guest == "mailto:o'neil+visits@example.test"


@pytest.mark.parametrize("reader", READERS)
def test_a_visit_by_video_takes_place_at_its_link(reader: str) -> None:
    facts = replace(EXAMPLE, telehealth=True, join_url="https://meet.example.test/abc")
    assert READERS[reader](sent("confirmation", facts)).location == "https://meet.example.test/abc"


def test_nothing_clinical_and_no_name_of_the_patient() -> None:
    ics = sent("confirmation", replace(EXAMPLE, first_name="Rumpelstilz"))
    assert "Rumpelstilz" not in ics
    assert "CLASS:PRIVATE" in ics


def _row() -> Iterator[tuple[str, object]]:
    yield from {
        "id": EXAMPLE.appointment_id,
        "version": 7,
        "provider": EXAMPLE.provider,
        "country": EXAMPLE.country,
    }.items()
    yield from {name: getattr(EXAMPLE, name) for name in ("changed_at", "start", "end", "status")}.items()
    yield "clinic", {"name": EXAMPLE.clinic, "address": EXAMPLE.address, "phone": EXAMPLE.clinic_phone}


def test_the_file_of_the_link_is_the_same_entry_as_the_mail_s() -> None:
    ours = icalendar.Calendar.from_ical(sent("confirmation", replace(EXAMPLE, version=7)))
    theirs = icalendar.Calendar.from_ical(guests.of(dict(_row()), "en"))
    for name in ("uid", "sequence", "dtstart", "dtend", "summary", "location", "status"):
        assert ours.walk("VEVENT")[0][name] == theirs.walk("VEVENT")[0][name], name
