"""What messages say: every kind, in each language, by each channel; names are shown and never obeyed."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import TemplateNotFound, UndefinedError
from typer.testing import CliRunner

from frontdesk.notifications import calendar, preview
from frontdesk.notifications.language import LANGUAGES, locale_of, when
from frontdesk.notifications.preview import EXAMPLE, SECRETS, example
from frontdesk.notifications.render import ACCOUNT_KINDS, KINDS, LONGEST_SHORT, render, render_account

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
        for body in (told, str(mail.html)):
            early = {"en": "arrive 15 minutes early", "es": "llegue 15 minutos antes"}[language] in body
            assert early == (kind != "running_late"), "who is told to wait is not told to hurry"
            offered = {"en": "take it or leave it", "es": "aceptarla o rechazarla"}[language] in body
            assert offered == (kind == "waitlist_offer"), "an offer is no appointment yet"
        assert {"en": "Friday, 27 March 2026", "es": "viernes, 27 de marzo de 2026"}[language] in told
        assert {"en": "Central European Standard Time", "es": "hora estándar de Europa central"}[language] in told
    for channel in ("sms", "push"):
        short = render(kind, channel, facts)
        assert 20 < len(short.text) <= LONGEST_SHORT
        assert "\n" not in short.text
    assert (mail.ics is not None) == (kind in calendar.KINDS)


def test_what_to_bring_is_what_the_clinic_says_in_the_readers_language_or_else_the_usual() -> None:
    own = {"en": "Bring your <old> glasses.", "fr": "Apportez vos lunettes."}
    for channel_body in ("text", "html"):
        english = str(getattr(render("confirmation", "email", replace(EXAMPLE, what_to_bring=own)), channel_body))
        assert ("Bring your &lt;old&gt; glasses." if channel_body == "html" else own["en"]) in english
        assert "insurance card" not in english
        spanish = str(
            getattr(render("change", "email", replace(EXAMPLE, what_to_bring=own, language="es")), channel_body)
        )
        assert "tarjeta del seguro" in spanish
        assert "glasses" not in spanish


def test_a_visit_by_video_names_no_place_and_asks_nobody_to_come_early() -> None:
    facts = replace(EXAMPLE, telehealth=True, join_url="https://meet.example.test/abc")
    mail = render("confirmation", "email", facts)
    assert "https://meet.example.test/abc" in mail.text
    assert "arrive" not in mail.text
    assert "Lindenstraße" not in mail.text + str(mail.html) + str(mail.ics)


def test_a_reminder_says_how_to_end_reminders_and_other_mail_does_not() -> None:
    assert "unsubscribe/made-up" in render("reminder_day", "email", example("reminder_day", "en")).text
    assert "unsubscribe" not in render("confirmation", "email", EXAMPLE).text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ACCOUNT_KINDS)
def test_every_kind_about_a_log_in_in_every_language(kind: str, language: str) -> None:
    mail, text = (render_account(kind, channel, language, SECRETS) for channel in ("email", "sms"))
    secret = {"verification-code": SECRETS["code"], "password-reset": SECRETS["link"]}.get(kind, "")
    shown = " ".join(read(mail.html).text.split())
    assert mail.subject in shown
    for part in mail.text.split("\n\n"):
        assert part.strip() in shown
    assert secret in mail.text
    assert not set(SECRETS.values()) & set(mail.subject.split()), "a subject is shown on locked screens"
    assert SECRETS["link"] not in text.text
    assert (SECRETS["code"] in text.text) == (kind == "verification-code")
    assert len(text.text) <= 160
    assert mail.ics is None


def test_a_log_in_of_an_unknown_language_is_told_of_in_english_and_nothing_is_left_blank() -> None:
    for language in (None, "", "tlh", "not a language"):
        assert render_account("password-changed", "email", language, {}).subject == "Your password was changed"
    assert render_account("password-changed", "email", "es-MX", {}).subject == "Su contraseña ha cambiado"
    with pytest.raises(UndefinedError):
        render_account("verification-code", "sms", "en", {})
    with pytest.raises(TemplateNotFound):
        render_account("poem", "email", "en", {})


@given(token=ANY)
def test_a_token_is_shown_and_never_obeyed(token: str) -> None:
    mail = render_account(
        "password-reset", "email", "en", SECRETS | {"link": f"https://clinic.example.test/password/{token}"}
    )
    assert read(mail.html).seen == read(render_account("password-reset", "email", "en", SECRETS).html).seen


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_short_message_cuts_names_and_never_the_link(kind: str, language: str) -> None:
    facts = replace(example(kind, language), clinic="Klinik " * 28, provider="Prof. " * 100, clinic_phone="0" * 50)
    usual, short = render(kind, "sms", example(kind, language)).text, render(kind, "sms", facts).text
    assert len(short) <= LONGEST_SHORT
    assert (facts.manage_url in short) == (facts.manage_url in usual)
    assert ("0" * 50 in short) == ("30 5550100" in usual)


def test_a_name_that_is_written_from_right_to_left_keeps_its_order_to_itself() -> None:
    html = str(render("confirmation", "email", replace(EXAMPLE, clinic="מרפאה", first_name="דנה")).html)
    assert "<bdi>דנה</bdi>," in html
    assert "<bdi>מרפאה</bdi>, <bdi>Lindenstraße" in html


@cache
def usual(kind: str) -> set[str]:
    """The elements of the mail with ordinary names in it."""
    return read(render(kind, "email", example(kind, "en")).html).seen


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)  # of each kind; they share their layout
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
    assert read(mail.html).seen == usual(kind)
    assert "49" not in mail.text.replace(facts.manage_url, "") or "49" in name + clinic + provider + address + str(
        facts.clinic_phone
    )
    if mail.ics is not None:
        (entry,) = icalendar.Calendar.from_ical(mail.ics).walk("VEVENT")
        assert entry["uid"] == f"{facts.appointment_id}@localhost"
        assert "attendee" in entry
        assert len(icalendar.Calendar.from_ical(mail.ics).subcomponents) == 1


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
    assert shown.output.count("== ") == (len(KINDS) + len(ACCOUNT_KINDS)) * len(LANGUAGES)
    written = runner.invoke(preview.app, ["preview", "--out", str(tmp_path / "out"), "--language", "es"])
    assert written.exit_code == 0, written.output
    assert len(list((tmp_path / "out").glob("*.es.html"))) == len(KINDS) + len(ACCOUNT_KINDS)
    assert len(list((tmp_path / "out").glob("*.ics"))) == len(calendar.KINDS)
    assert runner.invoke(preview.app, ["preview", "--kind", "poem"]).exit_code == 2
