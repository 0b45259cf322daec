"""Messages about log-ins (codes, links, news of a password), by the same ways as those about visits."""

from collections.abc import Mapping

from frontdesk.notifications.render import Rendered
from frontdesk.ports.letters import Letter, Way
from frontdesk.ports.notifications import Message, notifications_of
from frontdesk.settings import Settings


class AccountMessages:
    """Sends by mail server and text gateway where there are any, else to where the settings say."""

    def __init__(self, config: Settings, ways: Mapping[str, Way]) -> None:
        self._stand_in = notifications_of(config)
        self._ways = {
            "email": ways["email"] if config.smtp_url is not None else None,
            "phone": ways["sms"] if config.sms_url is not None else None,
        }

    async def send(self, message: Message) -> None:
        """Raises NotSent, or OSError when it goes to a file."""
        way = self._ways[message.channel]
        if way is None:
            await self._stand_in.send(message)
            return
        said = words(message)
        await way.send(
            Letter(
                id=message.id,
                kind=message.kind,
                channel="email" if message.channel == "email" else "sms",
                to=message.to,
                subject=said.subject,
                text=said.text,
                html=said.html,
            )
        )


def words(message: Message) -> Rendered:
    """What it says. Raises KeyError for a kind that has no words."""
    subject, text = _WORDS[message.kind]
    return Rendered(subject, text.format_map(message.parameters))


_WORDS = {
    "verification-code": ("Your code", "Your code is {code}. Nobody of the clinic will ever ask you for it.\n"),
    "password-reset": (
        "A new password",
        "Somebody, most likely you, has asked for a new password. With this token you may set one, once:\n\n{token}\n\n"
        "If it was not you, there is nothing to do.\n",
    ),
    "password-changed": (
        "Your password was changed",
        "Your password was changed. If it was not you, call the clinic.\n",
    ),
}
