"""One who listens: what waits for them, and the answer without an end that takes it to them."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from frontdesk.auth.permissions import Actor, Role
from frontdesk.auth.tokens import Login
from frontdesk.live.news import Key, reset

MOST_WAITING = 1000
"""Frames that wait for a slow reader, some 350 bytes each and shared by all who wait for them; then it is cut off."""


@dataclass(frozen=True, slots=True)
class Standing:
    """As whom somebody listens, and which boards of clinics only a member of their staff may see."""

    actor: Actor
    boards: frozenset[UUID]
    expires_at: datetime | None  # of the access token

    def holds(self, login: Login | None) -> bool:
        """Whether the log-in, as the database knows it now, still allows what was allowed."""
        if login is None:
            return False
        same = (self.actor.role, self.actor.patient_id, self.actor.provider_id)
        at_desk = self.actor.role is not Role.STAFF or self.boards <= set(login.clinic_ids)
        return at_desk and same == (login.role, login.patient_id, login.provider_id)


class Listener:
    """Frames that wait to be sent to one connection, in order."""

    def __init__(self, keys: frozenset[Key], standing: Standing) -> None:
        self.keys, self.standing = keys, standing
        self.after = 0  # the newest position that was told, or was none of theirs
        self.sending_since: float | None = None  # loop time
        self._waiting: list[bytes] = []
        self._woken = asyncio.Event()
        self._over = self._left = False
        self._cut: Callable[[], object] | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more is added."""
        return self._over

    def begin(self, after: int, frames: Iterable[bytes]) -> None:
        """What a connection hears first; however much it is, it does not count as too slow yet."""
        self.after = after
        self._add(b"".join(frames))

    def tell(self, position: int, frame: bytes) -> None:
        """Add an event, unless it was told before. Who is too slow is sent away, to come back and read anew."""
        if position <= self.after or self._over:
            return
        self.after = position
        if len(self._waiting) < MOST_WAITING:
            self._add(frame)
        else:
            self._waiting.clear()
            self.end(reset(position))

    def beat(self, frame: bytes) -> None:
        """A sign of life, for those who hear nothing else."""
        if not self._waiting and self.sending_since is None and not self._over:
            self._add(frame)

    def end(self, *last: bytes) -> None:
        """Nothing comes after this. Idempotent."""
        if not self._over:
            self._add(*last)
            self._over = True
            self._woken.set()

    def left(self) -> None:
        """The client has gone."""
        self._left = self._over = True
        self._waiting.clear()
        self._woken.set()

    def cut(self) -> None:
        """Leave a reader who takes nothing: not even the end can be told."""
        self.end()
        if self._cut is not None:
            self._cut()

    def _add(self, *frames: bytes) -> None:
        self._waiting += frames
        self._woken.set()

    async def send_all(self, send: Send) -> None:
        """Send until the end. A client that left ends it too."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._cut = task.cancel
        while not (self._over and not self._waiting):
            await self._woken.wait()
            self._woken.clear()
            if self._waiting:
                body, self._waiting = b"".join(self._waiting), []
                self.sending_since = loop.time()
                await send({"type": "http.response.body", "body": body, "more_body": True})
                self.sending_since = None
        self._cut = None
        if not self._left:  # to send to nobody is no error, but a line in the log
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class EventStream(Response):
    """The answer that never ends, unless somebody leaves, loses the right to it, or the service stops."""

    media_type = "text/event-stream"

    def __init__(self, listener: Listener, leave: Callable[[Listener], None]) -> None:
        # nginx would collect what is to be told at once. Without a charset: the form has but one, UTF-8.
        headers = {
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
            "Content-Type": "text/event-stream",
        }
        super().__init__(None, 200, headers)
        self.raw_headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
        self._listener, self._leave = listener, leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = asyncio.create_task(self._until_left(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._listener.send_all(send)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._listener.over or task is None:
                raise
            task.uncancel()  # it was us who cut it off
        finally:
            self._leave(self._listener)
            left.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await left

    async def _until_left(self, receive: Receive) -> None:
        """Granian says when a client has left; sending to one who has is no error to it."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._listener.left()
