"""Messages about log-ins (codes, links, news of a password), by the same ways as those about visits."""

from collections.abc import Mapping

from frontdesk import db
from frontdesk.db import Connection
from frontdesk.notifications.render import render_account
from frontdesk.ports.letters import Channel, Letter, Way
from frontdesk.ports.notifications import Message, notifications_of
from frontdesk.settings import Settings
from frontdesk.sql import load

q = load(__package__, "accounts.sql")


class AccountMessages:
    """Sends by mail server and text gateway where there are any, else to where the settings say."""

    def __init__(self, config: Settings, ways: Mapping[str, Way], conn: Connection) -> None:
        self._conn = conn  # the owner's: which language somebody speaks is asked when the message leaves
        self._origin = config.origin
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
        channel: Channel = "email" if message.channel == "email" else "sms"
        parameters = {**message.parameters, "link": f"{self._origin}/password/{message.parameters.get('token')}"}
        # Whoever has no account said on the page which language they read.
        language = message.parameters.get("language") or await self._language(message)
        said = render_account(message.kind, channel, language, parameters)
        await way.send(
            Letter(
                id=message.id,
                kind=message.kind,
                channel=channel,
                to=message.to,
                subject=said.subject,
                text=said.text,
                html=said.html,
            )
        )

    async def _language(self, message: Message) -> str | None:
        asked = q.language_of_email if message.channel == "email" else q.language_of_phone
        row = await db.one(self._conn, asked, to=message.to)
        return row["language"] if row else None
