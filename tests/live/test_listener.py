"""What waits for one connection: never more than so much, and the end is told to whoever still listens."""

import asyncio
from typing import Any
from uuid import uuid4

from frontdesk import ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.live import news
from frontdesk.live.listener import MOST_WAITING, EventStream, Listener, Standing

SCOPE: dict[str, Any] = {"type": "http"}


def listener() -> Listener:
    actor = Actor(user_id=ids.ANONYMOUS, role=Role.ANONYMOUS, request_id=uuid4())
    made = Listener(frozenset(), Standing(actor, frozenset(), None))
    made.begin(0, [news.ready(0)])
    return made


class Connection:
    """The server's side of a connection, which may stand still."""

    def __init__(self) -> None:
        self.body, self.finished = b"", False
        self.flows, self.left = asyncio.Event(), asyncio.Event()
        self.flows.set()

    async def send(self, message: Any) -> None:
        await self.flows.wait()
        self.body += message.get("body", b"")
        self.finished = message["type"] == "http.response.body" and not message["more_body"]

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}


async def _stopped(made: Listener, connection: Connection) -> None:
    """The connection stands still, with event 1 on its way."""
    while not connection.body.startswith(news.ready(0)):
        await asyncio.sleep(0)
    connection.flows.clear()
    made.tell(1, b"1")
    while made.sending_since is None:
        await asyncio.sleep(0)


def test_who_is_too_slow_hears_reset_and_nothing_after_it() -> None:
    async def run() -> tuple[bytes, bool]:
        made, connection = listener(), Connection()
        answer = asyncio.create_task(EventStream(made, lambda _: None)(SCOPE, connection.receive, connection.send))
        await _stopped(made, connection)
        for position in range(2, MOST_WAITING * 2):
            made.tell(position, b"more")
        assert made.over
        connection.flows.set()
        await answer
        return connection.body, connection.finished

    body, finished = asyncio.run(run())
    assert finished
    assert body == news.ready(0) + b"1" + news.reset(MOST_WAITING + 2)


def test_an_event_is_told_once_and_in_order() -> None:
    async def run() -> bytes:
        made, connection = listener(), Connection()
        for position in (1, 2, 2, 1, 3):
            made.tell(position, b"%d " % position)
        made.end(news.ENDED)
        made.tell(4, b"4 ")
        await EventStream(made, lambda _: None)(SCOPE, connection.receive, connection.send)
        return connection.body

    assert asyncio.run(run()) == news.ready(0) + b"1 2 3 " + news.ENDED


def test_who_takes_nothing_at_all_is_cut_off() -> None:
    async def run() -> list[Listener]:
        made, connection, gone = listener(), Connection(), list[Listener]()
        answer = asyncio.create_task(EventStream(made, gone.append)(SCOPE, connection.receive, connection.send))
        await _stopped(made, connection)
        made.cut()
        await answer
        assert not connection.finished
        return gone

    assert len(asyncio.run(run())) == 1


def test_who_leaves_is_forgotten() -> None:
    async def run() -> list[Listener]:
        made, connection, gone = listener(), Connection(), list[Listener]()
        answer = asyncio.create_task(EventStream(made, gone.append)(SCOPE, connection.receive, connection.send))
        connection.left.set()
        await answer
        return gone

    assert len(asyncio.run(run())) == 1


def test_a_sign_of_life_only_for_whom_nothing_waits() -> None:
    made = listener()
    made.beat(news.beat(7))
    made.end()

    async def run() -> bytes:
        connection = Connection()
        await EventStream(made, lambda _: None)(SCOPE, connection.receive, connection.send)
        return connection.body

    assert asyncio.run(run()) == news.ready(0)
