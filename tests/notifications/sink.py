"""A real SMTP server that keeps what it was sent, and may be told to refuse, or to be away for a while."""

import socket
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller

from tests.service import port_of


class Sink:
    """Listens on a port of its own while it is open. `answer` may answer a recipient with a code of its own."""

    def __init__(self) -> None:
        self.port = port_of(self)
        self.messages: list[EmailMessage] = []
        self.connections = 0
        self.answer: Callable[[str], str] = lambda to: "250 OK"
        self.kept: Callable[[EmailMessage], None] = lambda message: None
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def ids(self) -> Counter[str]:
        """How often each Message-ID has come."""
        return Counter(str(message["Message-ID"]) for message in self.messages)

    def open(self, *, host: str = "127.0.0.1") -> None:
        self._controller = Controller(self, hostname=host, port=self.port)
        self._controller.start()

    def close(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", self.port)) != 0

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, to: str, options: Any) -> str:
        answer = self.answer(to)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(to)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.kept(message)
        return "250 OK"
