"""The words of a message: a Jinja2 template for each kind and language, of which a layout makes mail, text and HTML.

A template has three blocks: `subject`, `short` (a text message or a push message) and `lead` (what a mail begins with).
"""

from dataclasses import asdict, dataclass
from typing import Any, get_args

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from frontdesk.notifications import calendar
from frontdesk.notifications.facts import Facts
from frontdesk.notifications.kinds import Kind
from frontdesk.notifications.language import briefly, locale_of, one_line, when

KINDS: tuple[Kind, ...] = get_args(Kind)

LONGEST_SHORT = 320
"""Characters of a text message: two or three of the network's."""

_MOST_OF_A_NAME = 60

_templates = Environment(
    loader=PackageLoader("frontdesk.notifications"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as it is read."""

    subject: str
    text: str
    html: str | None = None
    ics: str | None = None


def render(kind: str, channel: str, facts: Facts) -> Rendered:
    """The message of this kind about this visit. Raises jinja2.TemplateNotFound for a kind that has no words."""
    locale = locale_of(facts.language, facts.country)
    template = _templates.get_template(f"{locale.language}/{kind}.j2")
    said = {name: one_line(value) if isinstance(value, str) else value for name, value in asdict(facts).items()}
    said |= {
        "when": when(facts.start, facts.end, facts.time_zone, locale),
        "briefly": briefly(facts.start, facts.time_zone, locale),
        "old_when": when(facts.old_start, None, facts.time_zone, locale) if facts.old_start else None,
        "expires": briefly(facts.offer_expires_at, facts.time_zone, locale) if facts.offer_expires_at else None,
        "language": locale.language,
        "kind": kind,
    }
    subject = _block(template, "subject", said)
    if channel != "email":
        room = _MOST_OF_A_NAME
        while len(short := _block(template, "short", said | _shortened(said, room))) > LONGEST_SHORT and room > 1:
            room //= 2
        return Rendered(subject, short)
    said |= {"subject": subject, "lead": _block(template, "lead", said)}
    return Rendered(
        subject,
        _templates.get_template("mail.txt").render(said),
        _templates.get_template("mail.html").render(said),
        calendar.invitation(facts, locale.language) if kind in calendar.KINDS else None,
    )


def _block(template: Template, name: str, said: dict[str, Any]) -> str:
    return " ".join("".join(template.blocks[name](template.new_context(said))).split())


def _shortened(said: dict[str, Any], room: int) -> dict[str, str]:
    names = {"clinic": said["clinic"], "provider": said["provider"]}
    return {name: value if len(value) <= room else f"{value[: room - 1]}." for name, value in names.items()}
