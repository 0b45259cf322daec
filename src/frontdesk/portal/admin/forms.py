"""Forms that say what a body of the API says: read, shown again with what is wrong, and carried out or refused."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pydantic import BaseModel
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.db import Connection, borrow
from frontdesk.errors import Problem
from frontdesk.notifications.language import LANGUAGES
from frontdesk.portal import forms
from frontdesk.portal.attempt import attempt, go
from frontdesk.settings import split_list
from frontdesk.web.tx import viewer_of

Body = TypeVar("Body", bound=BaseModel)

SAVED = "?saved=yes"
"""After an address: the page says that it is saved."""

_LONGEST_NUMBER = 12
"""Digits: no number of ours has so many, and int() of a megabyte takes its time."""


Kind = Literal[
    "text",
    "lines",
    "by_language",
    "email",
    "tel",
    "date",
    "time",
    "password",
    "number",
    "flag",
    "word",
    "choice",
    "many",
    "codes",
]


@dataclass(frozen=True, slots=True)
class Field:
    """One field, by the name that the API gives it. One that is not `needed` and left empty is null.

    `word`: one of `words`, which the page translates; `choice` and `many`: ids out of the book; `codes`: separated by
    commas; `by_language`: a text in each language, as `name.es`; a `password` left empty is not sent, and never shown
    again.
    """

    name: str
    kind: Kind = "text"
    needed: bool = False
    words: tuple[str, ...] = ()

    def sent(self, form: FormData) -> Any:
        """What the form says, as the body takes it; "" for what it does not say."""
        if self.kind == "flag":
            return self.name in form
        if self.kind == "many":
            return [one for one in form.getlist(self.name) if isinstance(one, str)]
        if self.kind == "by_language":
            names = dict.fromkeys(name for name in form if name.startswith(f"{self.name}."))
            texts = {name.partition(".")[2]: _text(form, name).strip().replace("\r\n", "\n") for name in names}
            return {language: text for language, text in texts.items() if text} or None
        text = _text(form, self.name)
        if self.kind == "password":
            return text
        text = text.strip().replace("\r\n", "\n")
        if self.kind == "codes":
            return split_list(text)
        if self.kind == "number" and len(text) <= _LONGEST_NUMBER:
            return _number(text) if text else None
        return text if text or self.needed else None

    def shown(self, value: Any) -> Any:
        """A value of the API as the page shows it."""
        if self.kind == "flag":
            return bool(value)
        if self.kind == "many":
            return [str(one) for one in value or ()]
        if self.kind == "codes":
            return ", ".join(value or ())
        if self.kind == "by_language":
            return dict.fromkeys(LANGUAGES, "") | (value or {})
        return "" if value is None else str(value)


Fields = Sequence[Field]


@dataclass(frozen=True, slots=True)
class Told:
    """A form as it is shown: what stands in it, what is wrong by the name of the field, and why it was refused."""

    typed: dict[str, Any]
    faults: dict[str, str] = field(default_factory=dict)
    refused: Problem | None = None

    @property
    def status(self) -> int:
        """Of the answer with the page."""
        return self.refused.status if self.refused else 422 if self.faults else 200


def told(fields: Fields, values: dict[str, Any]) -> Told:
    """The form with these values: those of a row, or the ones to begin with."""
    return Told({one.name: one.shown(values.get(one.name)) for one in fields} | {"version": values.get("version", "")})


async def read(request: Request, model: type[Body], fields: Fields) -> tuple[Body | None, Told]:
    """What was sent, as the API's body, or None; and the form as it was typed, with what is wrong in it."""
    form = await forms.whole(request)
    sent = {one.name: one.sent(form) for one in fields}
    version = _text(form, "version")
    body, faults = forms.read(model, sent | {"version": _number(version) if version else ""}, {"Unlinked": "missing"})
    empty = {one.name: "missing" for one in fields if one.needed and sent[one.name] in ("", None)}
    typed = {one.name: one.shown(sent[one.name]) for one in fields if one.kind != "password"}
    shown = Told(typed | {"version": version}, faults | empty)
    return (None if empty else body), shown


async def save(
    request: Request,
    body: Body | None,
    shown: Told,
    change: Callable[[Connection, Body], Awaitable[Any]],
    again: Callable[[Connection, Told], Awaitable[Response]],
    onward: Callable[[Any], str],
) -> Response:
    """Carry out the change and go on; the form once more, with what was typed, where that is wrong or refused."""
    if body is not None:
        made: list[Any] = []

        async def work(conn: Connection) -> None:
            made.append(await change(conn, body))

        refused = await attempt(request, work)
        if refused is None:
            return go(onward(made[-1]))
        if isinstance(refused, forms.Fault):
            shown = Told(shown.typed, refused.faults)
        else:
            shown = Told(shown.typed, shown.faults, refused)
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        return await again(conn, shown)


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _number(text: str) -> int | float | str:
    """The number; what is none stays a text, which the body refuses."""
    if not text.isascii() or len(text) > _LONGEST_NUMBER:
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
