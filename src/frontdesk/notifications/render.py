"""The words of a message: a Jinja2 template for each kind and language, of which a layout makes mail, text and HTML.

A template has three blocks: `subject`, `short` (a text message or a push message) and `lead` (what a mail begins with).
One about a log-in has two more: `secret`, a code or token that stands alone, and `note`, what a mail ends with.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from babel import Locale
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from frontdesk import phones
from frontdesk.notifications import calendar
from frontdesk.notifications.alphabet import in_gsm
from frontdesk.notifications.facts import Facts
from frontdesk.notifications.kinds import AccountKind, Kind
from frontdesk.notifications.language import briefly, locale_of, one_line, when

KINDS: tuple[Kind, ...] = get_args(Kind)
ACCOUNT_KINDS: tuple[AccountKind, ...] = get_args(AccountKind)

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
    more_ics: tuple[str, ...] = ()


def render(kind: str, channel: str, facts: Facts) -> Rendered:
    """The message of this kind about this visit. Raises jinja2.TemplateNotFound for a kind that has no words."""
    away = facts.displaced and facts.moves_clinic is not None
    locale = locale_of(facts.language, facts.moves_country if away else facts.country)
    template = _templates.get_template(f"{locale.language}/{kind}.j2")
    parts = [_said_of(part, locale) for part in facts.parts or (facts,)]
    said = _said_of(facts, locale) | {"parts": parts, "language": locale.language, "kind": kind}
    if away:
        said |= _from_own_clinic(facts, locale)
    said["bring"] = list(dict.fromkeys(part["what_to_bring"] for part in parts))
    subject = _block(template, "subject", said)
    if channel != "email":
        room = _MOST_OF_A_NAME
        while len(short := _short(template, channel, said | _shortened(said, room))) > LONGEST_SHORT and room > 1:
            room //= 2
        return Rendered(subject, short)
    said |= {"subject": subject, "lead": _block(template, "lead", said)}
    return Rendered(
        subject,
        _templates.get_template("mail.txt").render(said),
        _templates.get_template("mail.html").render(said),
        *_entries(kind, facts, locale),
    )


def _said_of(facts: Facts, locale: Locale) -> dict[str, Any]:
    """One visit, as templates speak of it."""
    said = {name: one_line(value) if isinstance(value, str) else value for name, value in asdict(facts).items()}
    phone = facts.clinic_phone
    return said | {
        "when": when(facts.start, facts.end, facts.time_zone, locale),
        "briefly": briefly(facts.start, facts.time_zone, locale),
        "old_when": when(facts.old_start, None, facts.time_zone, locale) if facts.old_start else None,
        "expires": briefly(facts.offer_expires_at, facts.time_zone, locale) if facts.offer_expires_at else None,
        "moves_when": when(facts.moves_start, None, facts.moves_zone or facts.time_zone, locale)
        if facts.moves_start
        else None,
        "elsewhere": None,
        "clinic_phone": phone and one_line(phones.said(phone, facts.country, locale.territory)),
        "what_to_bring": one_line((facts.what_to_bring or {}).get(locale.language, "")),
    }


def _from_own_clinic(facts: Facts, locale: Locale) -> dict[str, Any]:
    """Who writes to somebody whose visit was displaced: its clinic. `elsewhere`: that of the time, if another."""
    name, at, phone = one_line(facts.moves_clinic or ""), one_line(facts.clinic), facts.moves_phone
    return {
        "clinic": name,
        "clinic_phone": phone and one_line(phones.said(phone, facts.moves_country, locale.territory)),
        "elsewhere": at if at != name else None,
    }


def _entries(kind: str, facts: Facts, locale: Locale) -> tuple[str | None, tuple[str, ...]]:
    """The calendar's entry, and those of further parts."""
    if kind not in calendar.KINDS:
        return None, ()
    first, *more = (calendar.invitation(part, locale.language) for part in facts.parts or (facts,))
    return first, tuple(more)


def render_account(kind: str, channel: str, language: str | None, parameters: Mapping[str, str]) -> Rendered:
    """The message of this kind about a log-in, in its owner's language.

    `parameters` hold its code or token. Raises jinja2.TemplateNotFound for a kind that has no words, and
    jinja2.UndefinedError when a parameter is missing.
    """
    spoken = locale_of(language, None).language
    template = _templates.get_template(f"{spoken}/account/{kind}.j2")
    subject = _block(template, "subject", parameters)
    if channel != "email":
        return Rendered(subject, _short(template, channel, parameters))
    said = {name: _block(template, name, parameters) for name in ("lead", "secret", "note")}
    said |= {"subject": subject, "language": spoken}
    return Rendered(
        subject,
        _templates.get_template("account.txt").render(said),
        _templates.get_template("account.html").render(said),
    )


def _short(template: Template, channel: str, said: Mapping[str, Any]) -> str:
    text = _block(template, "short", said)
    return in_gsm(text) if channel == "sms" else text


def _block(template: Template, name: str, said: Mapping[str, Any]) -> str:
    return " ".join("".join(template.blocks[name](template.new_context(dict(said)))).split())


def _shortened(said: dict[str, Any], room: int) -> dict[str, str]:
    names = {name: said[name] for name in ("clinic", "provider", "elsewhere") if said[name]}
    return {name: value if len(value) <= room else f"{value[: room - 1]}." for name, value in names.items()}
