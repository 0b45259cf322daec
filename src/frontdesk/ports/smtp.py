"""Mail by SMTP (RFC 5321): a few connections, each used for one message after the other."""

import asyncio
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

import aiosmtplib

from frontdesk import clock
from frontdesk.ports.letters import Away, Deferred, Letter, NotSent, Refused

_METHOD = re.compile(r"^METHOD:([A-Z]+)\r?$", re.MULTILINE)

_LOCAL = ("localhost", "127.0.0.1", "::1")


class Smtp:
    """One server. `url` is smtp://user:password@host:port, which demands STARTTLS unless the host is this one, or smtps://."""

    def __init__(self, url: str, sender: str, *, patience_s: float, at_once: int = 4) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "localhost"
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender, self._patience_s, self.at_once = sender, patience_s, at_once
        self._idle: list[aiosmtplib.SMTP] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take leave of the server on all connections."""
        idle, self._idle = self._idle, []
        for server in idle:
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await server.quit(timeout=2)
            server.close()

    async def send(self, letter: Letter) -> None:
        """Hand the message to the server; it is answerable once it said 250. Raises NotSent."""
        message = self._written(letter)
        until = self._until()  # for all of it: then another sender may try, and two must not
        server = self._idle.pop() if self._idle else await self._connected(until)
        usable = False
        try:
            with _told():
                async with asyncio.timeout_at(until):
                    await server.send_message(message)
            usable = True
        except Refused:
            usable = server.is_connected
            raise
        finally:
            if usable:
                self._idle.append(server)
            else:
                server.close()

    async def check(self) -> None:
        """Return if the server lets us in. Raises NotSent."""
        self._idle.append(await self._connected(self._until()))

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._patience_s

    async def _connected(self, until: float) -> aiosmtplib.SMTP:
        server = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._tls,
            start_tls=not (self._tls or self._host in _LOCAL),
            timeout=self._patience_s,
        )
        try:
            async with asyncio.timeout_at(until):
                await server.connect()
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError) as error:
            server.close()
            raise Away(_named(error)) from None
        return server

    def _written(self, letter: Letter) -> EmailMessage:
        """The message with its headers. Raises Refused for an address that no header can hold."""
        message = EmailMessage(policy=SMTP_POLICY)
        name, address = parseaddr(self._sender)
        try:
            message["From"] = Address(name, addr_spec=address)
            message["To"] = Address(addr_spec=letter.to)
            message["Subject"] = " ".join(letter.subject.split())
        except (MessageError, ValueError, IndexError) as error:  # IndexError: how the parser ends on some addresses
            raise Refused(type(error).__name__) from None
        message["Date"] = format_datetime(clock.now())
        message["Message-ID"] = f"<{letter.id}@{address.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
        if letter.unsubscribe_url:
            message["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
        message.set_content(letter.text)
        if letter.html:
            message.add_alternative(letter.html, subtype="html")
        if letter.ics:
            found = _METHOD.search(letter.ics)
            method = found[1] if found else "PUBLISH"
            # Once beside the text, where calendars look for it, once attached, where people do. Of several a calendar
            # would take the first and leave the rest: those are attached alone, for a file holds one entry (RFC 5546).
            if not letter.more_ics:
                message.add_alternative(letter.ics, subtype="calendar", params={"method": method})
            for number, ics in enumerate((letter.ics, *letter.more_ics), 1):
                name = f"visit-{number}.ics" if letter.more_ics else "visit.ics"
                message.add_attachment(ics.encode(), "application", "ics", filename=name)
        return message


@contextmanager
def _told() -> Iterator[None]:
    """What a server answers, as what it means for the message. A code from 500 on is for good (RFC 5321, 4.2.1)."""
    try:
        yield
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _meant(error.recipients[0].code)(_named(error.recipients[0])) from None
    except aiosmtplib.SMTPResponseException as error:
        raise _meant(error.code)(_named(error)) from None
    except (aiosmtplib.SMTPNotSupported, UnicodeError, ValueError) as error:  # an address that this server cannot take
        raise Refused(_named(error)) from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        raise Deferred(_named(error)) from None


def _meant(code: int) -> type[NotSent]:
    return Refused if code >= 500 else Deferred


def _named(error: BaseException) -> str:
    code = getattr(error, "code", None)
    return f"{type(error).__name__} {code}" if isinstance(code, int) else type(error).__name__
