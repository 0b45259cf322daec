"""A thrifty HTTP client: a few connections kept open, and several questions on their way at once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from tests.service import Service

CONNECTIONS = 4
"""So that both workers of the service have some: what one of them wrote the other must know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    method: str = "GET"
    path: str
    params: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any

    @property
    def slug(self) -> str | None:
        """Of a problem."""
        return self.body["type"].removeprefix("/problems/") if self.status >= 400 else None

    @property
    def codes(self) -> set[str]:
        """The reasons of an explanation or a refusal."""
        return {reason["code"] for reason in self.body["reasons"]}


class Wire:
    """Connections to the API of one service. Not for threads: each makes its own."""

    def __init__(self, service: Service, connections: int = CONNECTIONS) -> None:
        self._open = [HTTPConnection("127.0.0.1", service.port, timeout=60) for _ in range(connections)]
        self._next = 0

    def ask(self, ask: Ask) -> Answer:
        """One question, on the next connection in turn; a 5xx is nobody's answer."""
        (answer,) = self.ask_all([ask])
        return answer

    def ask_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """All questions, as many at once as there are connections; the answers in their order."""
        answers = []
        for begin in range(0, len(asks), len(self._open)):
            some = asks[begin : begin + len(self._open)]
            self._next += 1
            lines = [self._open[(self._next + n) % len(self._open)] for n in range(len(some))]
            for line, ask in zip(lines, some, strict=True):
                _send(line, ask)
            answers += [_receive(line) for line in lines]
        broken = [answer for answer in answers if answer.status >= 500]
        assert not broken, broken
        return answers

    def close(self) -> None:
        for line in self._open:
            line.close()


def _send(line: HTTPConnection, ask: Ask) -> None:
    headers = {"Content-Type": "application/json"} | ask.headers
    if ask.token:
        headers["Authorization"] = f"Bearer {ask.token}"
    query = f"?{urlencode(ask.params)}" if ask.params else ""
    line.request(ask.method, f"/api/v1{ask.path}{query}", json.dumps(ask.body) if ask.body else None, headers)


def _receive(line: HTTPConnection) -> Answer:
    response = line.getresponse()
    text = response.read()
    return Answer(response.status, json.loads(text) if text else None)
