"""Messages about log-ins: the promise, and the file that stands in where there is no mail server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID

from frontdesk import clock, ids
from frontdesk.ports.letters import append
from frontdesk.settings import Settings

Channel = Literal["email", "phone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one person. `parameters` may hold a code or a token: it is for `to` alone, never for a log."""

    kind: str  # what it is about: "password-reset"
    channel: Channel
    to: str = field(repr=False)  # an e-mail address, or a phone number
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    id: UUID = field(default_factory=ids.new_id, repr=False)  # the same on every attempt


class Notifications(Protocol):
    """Takes a message on its way, or raises; a message may come twice, when we died before we noted the first."""

    async def send(self, message: Message) -> None: ...


class NotificationFile:
    """Appends each message as a line of JSON to a file that only its owner reads (mode 600)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, message: Message) -> None:
        """Raises OSError when the file cannot be written."""
        line = {
            "at": clock.now().isoformat(),
            "kind": message.kind,
            "channel": message.channel,
            "to": message.to,
            "parameters": dict(message.parameters),
        }
        append(self._path, line)


class Nowhere:
    """Sends nothing."""

    async def send(self, message: Message) -> None:
        """Forget the message."""


def notifications_of(settings: Settings) -> Notifications:
    """What the settings name."""
    if settings.notifications == "off":
        return Nowhere()
    return NotificationFile(settings.data_dir / "outgoing.jsonl")
