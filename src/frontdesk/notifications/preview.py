"""`frontdesk notifications preview`: every message as people would read it, with made-up facts and no database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from frontdesk.notifications.facts import Facts
from frontdesk.notifications.language import LANGUAGES
from frontdesk.notifications.render import ACCOUNT_KINDS, KINDS, Rendered, render, render_account

app = typer.Typer(no_args_is_help=True, help="Messages to people.")

_START = datetime(2026, 3, 27, 14, 0, tzinfo=UTC)  # the last working day before Berlin's clocks change
EXAMPLE = Facts(
    appointment_id=UUID("01980000-0000-7000-8000-000000000001"),
    version=2,
    status="scheduled",
    start=_START,
    end=_START + timedelta(minutes=30),
    changed_at=_START - timedelta(days=9),
    time_zone="Europe/Berlin",
    clinic="Lindenhof Clinic",
    address="Lindenstraße 4\n10969 Berlin",
    clinic_phone="+49 30 5550100",
    country="DE",
    provider="Dr. Ana Lima",
    telehealth=False,
    first_name="Sam",
    language="en",
    email="sam@example.test",
    manage_url="https://frontdesk.example.org/m/made-up",
)


SECRETS = {"code": "142857", "link": "https://clinic.example.test/password/made-up-of-forty-three-letters"}
"""What a message about a log-in may hold."""

_ALL = (*KINDS, *ACCOUNT_KINDS)


def example(kind: str, language: str) -> Facts:
    """Believable facts for a message of this kind."""
    facts = replace(EXAMPLE, language=language)
    match kind:
        case "change":
            return replace(facts, old_start=_START - timedelta(days=2, hours=3))
        case "cancellation":
            return replace(facts, status="cancelled", version=3)
        case "waitlist_offer":
            until = _START - timedelta(days=1, minutes=-30)
            later = _START + timedelta(days=12)
            return replace(facts, status="held", version=1, offer_expires_at=until, moves_start=later)
        case "running_late":
            return replace(facts, late_min=20)
        case "reminder_day" | "reminder_hours":
            return replace(facts, unsubscribe_url="https://frontdesk.example.org/api/v1/unsubscribe/made-up")
    return facts


@app.callback()
def _notifications() -> None:
    """Messages to people."""  # keeps `preview` a word of its own while it is the only one


@app.command("preview")
def preview(
    kind: Annotated[str | None, typer.Option(help=f"One of {', '.join(_ALL)}. Default: all.")] = None,
    language: Annotated[str | None, typer.Option(help=f"{' or '.join(LANGUAGES)}. Default: all.")] = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Write files here: text, HTML, the calendar's, short messages.")
    ] = None,
) -> None:
    """Render messages with made-up facts, to the terminal or into a folder."""
    if kind not in (None, *_ALL):
        raise typer.BadParameter(f"--kind: one of {', '.join(_ALL)}")
    if language not in (None, *LANGUAGES):
        raise typer.BadParameter(f"--language: one of {', '.join(LANGUAGES)}")
    for one in _ALL if kind is None else (kind,):
        for tongue in LANGUAGES if language is None else (language,):
            mail, short = _rendered(one, "email", tongue), _rendered(one, "sms", tongue)
            if out is not None:
                _write(out / f"{one}.{tongue}", mail, short)
                continue
            typer.echo(f"== {one}, {tongue}\nSubject: {mail.subject}\n\n{mail.text}\nAs a text message: {short.text}\n")


def _rendered(kind: str, channel: str, language: str) -> Rendered:
    if kind in ACCOUNT_KINDS:
        return render_account(kind, channel, language, SECRETS)
    return render(kind, channel, example(kind, language))


def _write(stem: Path, mail: Rendered, short: Rendered) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    files = {"txt": mail.text, "html": mail.html, "ics": mail.ics, "short.txt": short.text}
    for ending, text in files.items():
        if text is not None:
            Path(f"{stem}.{ending}").write_text(text, "utf-8", newline="")
