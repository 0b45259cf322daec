"""Texts and push messages by whatever gateway Apprise knows: an address with `{to}` in it for each service."""

import asyncio
import logging
from urllib.parse import quote

from frontdesk.ports.letters import Away, Deferred, Inside, Letter, Refused

# Both write addresses and whole requests into their messages.
for chatty in ("apprise", "urllib3", "requests"):
    logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)


class Gateway(Inside):
    """One service. Apprise speaks to it in a thread of its own, and says of the outcome only whether it went well."""

    at_once = 4

    def __init__(self, url: str, *, patience_s: float) -> None:
        self._url, self._patience_s = url, patience_s

    async def send(self, letter: Letter) -> None:
        """Raises Refused for a number that the service cannot take, Away when it does not accept the message."""
        import apprise  # noqa: PLC0415  # 0.2 s that only who has a gateway shall pay at each start

        service = apprise.Apprise()
        if not service.add(self._url.replace("{to}", quote(letter.to, safe=""))):
            raise Refused("BadAddress")
        title = letter.subject if letter.channel == "push" else ""
        done = await asyncio.to_thread(service.notify, body=letter.text, title=title, timeout=self._patience_s)
        if done.status == apprise.AppriseResultStatus.TIMEOUT:
            raise Away("Timeout")
        if not done:
            raise Deferred("GatewayFailed")


def known(url: str) -> bool:
    """Whether Apprise can read this address of a service; nothing is sent."""
    import apprise  # noqa: PLC0415  # as above

    return bool(apprise.Apprise().add(url.replace("{to}", "15551234567")))
