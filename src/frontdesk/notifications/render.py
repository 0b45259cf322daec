"""The words of a message. (To be replaced by the real one.)"""

from dataclasses import dataclass

from frontdesk.notifications.facts import Facts


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as it is read."""

    subject: str
    text: str
    html: str | None = None
    ics: str | None = None


def render(kind: str, channel: str, facts: Facts) -> Rendered:
    """A line that says what it is about."""
    return Rendered(f"Your visit: {kind}", f"{kind} {facts.appointment_id} {facts.start.isoformat()}\n")
