"""What messages say: every kind, in each language, by each channel; names are shown and never obeyed."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, nodes
from typer.testing import CliRunner

from frontdesk.notifications import calendar, preview
from frontdesk.notifications.language import LANGUAGES, locale_of, when
from frontdesk.notifications.preview import EXAMPLE, example
from frontdesk.notifications.render import KINDS, LONGEST_SHORT, render

TEMPLATES = Path(calendar.__file__).parent / "templates"
ANY = st.text(max_size=60) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "a\r\nBcc: all@example.test",
        "END:VEVENT\nBEGIN:VEVENT",
        '"; x="',
        "\u202egnp.exe",
        "{{ 7*7 }}",
    ]
)


class _Tags(HTMLParser):
    """Fails on a tag that is not closed, and keeps the text and which tags there are."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str | None) -> _Tags:
    assert html is not None
    tags = _Tags()
    tags.feed(html)
    assert tags.open == []
    return tags


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_in_every_language(kind: str, language: str) -> None:
    facts = example(kind, language)
    mail = render(kind, "email", facts)
    assert facts.first_name in mail.text
    assert facts.clinic in mail.text
    assert mail.subject in read(mail.html).text
    told = mail.text + mail.subject
    if kind != "cancellation":
        assert facts.manage_url in told
        assert facts.manage_url in str(mail.html)
        assert "Lindenstraße 4, 10969 Berlin" in told
        assert {"en": "arrive 15 minutes early", "es": "llegue 15 minutos antes"}[language] in told
        assert {"en": "Friday, 27 March 2026", "es": "viernes, 27 de marzo de 2026"}[language] in told
        assert {"en": "Central European Standard Time", "es": "hora estándar de Europa central"}[language] in told
    for channel in ("sms", "push"):
        short = render(kind, channel, facts)
        assert 20 < len(short.text) <= LONGEST_SHORT
        assert "\n" not in short.text
    assert (mail.ics is not None) == (kind in calendar.KINDS)


def test_a_visit_by_video_names_no_place_and_asks_nobody_to_come_early() -> None:
    facts = replace(EXAMPLE, telehealth=True, join_url="https://meet.example.test/abc")
    mail = render("confirmation", "email", facts)
    assert "https://meet.example.test/abc" in mail.text
    assert "arrive" not in mail.text
    assert "Lindenstraße" not in mail.text + str(mail.html) + str(mail.ics)


def test_a_reminder_says_how_to_end_reminders_and_other_mail_does_not() -> None:
    assert "unsubscribe/made-up" in render("reminder_day", "email", example("reminder_day", "en")).text
    assert "unsubscribe" not in render("confirmation", "email", EXAMPLE).text


@pytest.mark.parametrize("kind", KINDS)
@given(name=ANY, clinic=ANY.filter(str.strip), provider=ANY, address=ANY, language=ANY)
def test_names_are_shown_and_never_obeyed(
    kind: str, name: str, clinic: str, provider: str, address: str, language: str
) -> None:
    facts = replace(
        example(kind, "en"), first_name=name, clinic=clinic, provider=provider, address=address, language=language
    )
    mail, short = render(kind, "email", facts), render(kind, "sms", facts)
    assert len(short.text) <= LONGEST_SHORT
    for line in (mail.subject, short.text):
        assert not re.search(r"[\x00-\x1f\x7f\u202a-\u202e]", line)
    usual = read(render(kind, "email", example(kind, "en")).html).seen
    assert read(mail.html).seen == usual
    assert "49" not in mail.text.replace(facts.manage_url, "") or "49" in name + clinic + provider + address + str(
        facts.clinic_phone
    )
    if mail.ics is not None:
        (entry,) = icalendar.Calendar.from_ical(mail.ics).walk("VEVENT")
        assert entry["uid"] == f"{facts.appointment_id}@localhost"
        assert "attendee" in entry
        assert len(icalendar.Calendar.from_ical(mail.ics).subcomponents) == 1


def test_every_template_has_the_three_blocks_and_both_languages_the_same_words() -> None:
    names = {language: {path.name for path in (TEMPLATES / language).iterdir()} for language in LANGUAGES}
    assert names["en"] == names["es"] == {f"{kind}.j2" for kind in KINDS} | {"words.j2"}
    environment = Environment(autoescape=True)
    said: dict[str, dict[str, set[str]]] = {}
    for language in LANGUAGES:
        for path in (TEMPLATES / language).iterdir():
            tree = environment.parse(path.read_text())
            blocks = {block.name for block in tree.find_all(nodes.Block)}
            words = {assigned.target.name for assigned in tree.find_all(nodes.Assign)}  # type: ignore[attr-defined]
            used = {name.name for name in tree.find_all(nodes.Name)} - words
            said.setdefault(path.name, {})[language] = blocks | words | used
            assert path.name == "words.j2" or blocks == {"subject", "short", "lead"}
    for name, languages in said.items():
        assert languages["en"] == languages["es"], name
    for kind in KINDS:
        assert render(kind, "email", example(kind, "en")).text != render(kind, "email", example(kind, "es")).text


@pytest.mark.parametrize(
    ("language", "country", "tag"),
    [
        ("es", "US", "es_US"),
        ("es-MX", None, "es_MX"),
        ("es_MX", "US", "es_MX"),
        ("en", "DE", "en_DE"),
        ("de", "DE", "en_DE"),
        (None, "US", "en_US"),
        (None, None, "en"),
        ("not a language", "GB", "en_GB"),
        ("", "", "en"),
    ],
)
def test_whose_language_and_whose_habits(language: str | None, country: str | None, tag: str) -> None:
    assert str(locale_of(language, country)) == tag


def test_a_time_is_told_in_the_zone_of_the_clinic_on_both_sides_of_a_change() -> None:
    english = locale_of("en", "GB")
    before, after = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert "02:30" in when(before, None, "Europe/Berlin", english)
    assert "Summer Time" in when(before, None, "Europe/Berlin", english)
    assert "02:30" in when(after, None, "Europe/Berlin", english)
    assert "Standard Time" in when(after, None, "Europe/Berlin", english)
    assert "Saturday, 24 October 2026" in when(
        datetime(2026, 10, 25, 3, 0, tzinfo=UTC), None, "America/New_York", english
    )


def test_preview_shows_all_kinds_and_writes_files(tmp_path: Path) -> None:
    runner = CliRunner()
    shown = runner.invoke(preview.app, ["preview"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.count("== ") == len(KINDS) * len(LANGUAGES)
    written = runner.invoke(preview.app, ["preview", "--out", str(tmp_path / "out"), "--language", "es"])
    assert written.exit_code == 0, written.output
    assert len(list((tmp_path / "out").glob("*.es.html"))) == len(KINDS)
    assert len(list((tmp_path / "out").glob("*.ics"))) == len(calendar.KINDS)
    assert runner.invoke(preview.app, ["preview", "--kind", "poem"]).exit_code == 2
