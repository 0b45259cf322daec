"""What leaves for a person's eyes: the promise of every way out, and the file that stands in where there is none."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self
from uuid import UUID

import orjson

from frontdesk import clock
from frontdesk.settings import Settings

Channel = Literal["email", "sms", "push"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message to one person, as they will read it. Nothing but `id`, `kind` and `channel` is for a log."""

    id: UUID  # the same on every attempt: whoever receives it twice can tell
    kind: str
    channel: Channel
    to: str = field(repr=False)  # an e-mail address, a phone number, or a device's address and keys as JSON
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    ics: str | None = field(default=None, repr=False)  # with its METHOD inside
    more_ics: tuple[str, ...] = field(default=(), repr=False)  # of a visit of several parts: those of the others
    unsubscribe_url: str | None = field(default=None, repr=False)  # of a reminder: one POST ends them


class NotSent(Exception):
    """The message did not leave, or nobody knows. Its text is an error's type and code, never what a server said."""


class Refused(NotSent):
    """It will never leave: the address, or what it says, was refused for good."""


class Gone(Refused):
    """The device has taken its permission back, or is no more."""


class Deferred(NotSent):
    """It may leave later."""


class Away(NotSent):
    """Nobody is there to take it, so there is no use in trying others now."""


class Way(Protocol):
    """A way out, open between `async with` and its end; `at_once` messages may be under way together."""

    at_once: int

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def send(self, letter: Letter) -> None:
        """Return once somebody else is answerable for it. Raises NotSent; after Deferred it may have left yet."""
        ...


class Inside:
    """The part of a way that needs no opening."""

    at_once = 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LetterFile(Inside):
    """Appends each message as a line of JSON to a file that only its owner reads (mode 600)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, letter: Letter) -> None:
        """Raises OSError when the file cannot be written."""
        line = {
            "at": clock.now().isoformat(),
            "id": str(letter.id),
            "kind": letter.kind,
            "channel": letter.channel,
            "to": letter.to,
            "subject": letter.subject,
            "text": letter.text,
            "ics": letter.ics,
            "more_ics": letter.more_ics,
        }
        append(self._path, line)


class ToNobody(Inside):
    """Sends nothing."""

    async def send(self, letter: Letter) -> None:
        """Forget the message."""


def append(path: Path, line: Mapping[str, object]) -> None:
    """Add a line of JSON to a file that only its owner reads. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.fchmod(file, 0o600)  # also when somebody made it before us
        os.write(file, orjson.dumps(line) + b"\n")  # one write: lines of two workers do not mix
    finally:
        os.close(file)


def stand_in(settings: Settings) -> Way:
    """What there is without a server to send by: the file of the data folder, or nowhere."""
    return ToNobody() if settings.notifications == "off" else LetterFile(settings.data_dir / "outgoing.jsonl")
