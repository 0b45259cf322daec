"""The hub of a server process: reads each event once, and gives it to all who listen here."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator

import psycopg
import structlog

from frontdesk import clock, db, metrics
from frontdesk.auth import sessions
from frontdesk.auth.permissions import Role
from frontdesk.db import Connection
from frontdesk.errors import Busy, Problem
from frontdesk.events.log import NUMBERED, woken
from frontdesk.live import news
from frontdesk.live.listener import EventStream, Listener
from frontdesk.live.news import Key, News
from frontdesk.settings import Settings
from frontdesk.sql import load

q = load(__package__)
log = structlog.get_logger(__name__)

BEAT_S = 15.0  # proxies close a connection on which nothing comes, the first of them after 30 s
CHECK_S = 2.0  # how long a stream outlives the session it was opened with, at most
STALLED_S = 30.0  # a client that takes nothing for so long is gone, or wants to be a burden
PATIENCE_S = 5.0  # for a statement, and for this process to have read what another has told already

MOST = 500  # events of one statement
KEPT = 5000
"""Events that are kept for those who come back, some 3 kB each: hours of a large group. Older ones mean: read anew.

In memory, so that a thousand clients who come back at once ask the database nothing.
"""
MOST_RESUMED = 1000  # for more than this, reading anew is less work

_FIRST_PAUSE_S = 0.2  # before another attempt to reach the database
_PLACES_FOR_STRANGERS = 0.75  # of all: whoever is logged in finds a place when anonymous watchers fill theirs


class StreamsFull(Problem):
    """This server process keeps as many streams open as it may (`FRONTDESK_STREAM_LISTENERS`)."""

    status, slug, title = 503, "streams-full", "Too many streams are open"


class TooManyStreams(Problem):
    """One user, or one anonymous address, has as many streams open as it may (`FRONTDESK_STREAMS_PER_CLIENT`)."""

    status, slug, title = 429, "too-many-streams", "You have too many streams open"


class Hub:
    """Follows the outbox on one connection of its own, as the service's role, from `start` to `stop`."""

    def __init__(self, config: Settings) -> None:
        self._config = config
        self._position: int | None = None  # the newest event that was read; None: none was yet
        self._kept: list[News] = []  # up to `_position`, without a gap
        self._advanced = asyncio.Event()
        self._listeners: set[Listener] = set()
        self._by_key: dict[Key, set[Listener]] = {}
        self._clients: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self._pause_s = _FIRST_PAUSE_S
        self._ending = False

    def start(self) -> None:
        """Begin to follow. A database that is away is waited for."""
        metrics.forget_the_dead()
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """End all streams and let go of the connection."""
        self.end_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def position(self) -> int | None:
        """What was read up to; None when nothing was yet. Whoever reads the book after asking sees all of it."""
        return self._position

    def end_all(self) -> None:
        """The service stops: clients come back to another worker, or to this one's successor."""
        self._ending = True
        for listener in self._listeners:
            listener.end()

    async def listen(self, listener: Listener, after: int | None) -> EventStream:
        """The stream of what happens after the position `after`; without one, from now on.

        A reader who cannot be told all since then hears `reset` first. Raises StreamsFull, TooManyStreams; Busy while
        nothing has been read yet.
        """
        await self._reach(after or 0)
        if self._position is None or self._ending:
            raise Busy("Live updates begin in a moment.")
        self._admit(listener)  # without an await from here on: no event falls between what is kept and what is told
        start = self._position if after is None else after
        frames = self._since(start, listener.keys)
        if frames is None:
            listener.begin(self._position, [news.ready(self._position), news.reset(self._position)])
        else:
            listener.begin(self._position, [news.ready(start), *frames])
        return EventStream(listener, self._leave)

    async def _reach(self, position: int) -> None:
        """Wait until this process has read so far, but not for ever: somebody may have made the number up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while self._position is None or self._position < position:
                    await self._advanced.wait()

    def _since(self, after: int, keys: frozenset[Key]) -> list[bytes] | None:
        """What was told since; None when not all of it is kept, or it is too much."""
        assert self._position is not None
        first = self._position - len(self._kept)
        if not first <= after <= self._position:
            return None
        frames = [item.frame(told) for item in self._kept[after - first :] if (told := _told(item, keys))]
        return frames if len(frames) <= MOST_RESUMED else None

    def _admit(self, listener: Listener) -> None:
        actor = listener.standing.actor
        places = self._config.stream_listeners
        if actor.role is Role.ANONYMOUS:
            places = max(1, int(places * _PLACES_FOR_STRANGERS))
        if self._clients[actor.client] >= self._config.streams_per_client:
            raise TooManyStreams("Close one of them; one stream can be about several things.", headers=_LATER)
        if len(self._listeners) >= places:
            raise StreamsFull("Try again in a while, or read the lists without a stream.", headers=_LATER)
        self._clients[actor.client] += 1
        self._listeners.add(listener)
        for key in listener.keys:
            self._by_key.setdefault(key, set()).add(listener)
        metrics.LISTENERS.set(len(self._listeners))

    def _leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        client = listener.standing.actor.client
        self._clients[client] -= 1
        if not self._clients[client]:
            del self._clients[client]
        for key in listener.keys:
            self._by_key[key].discard(listener)
            if not self._by_key[key]:
                del self._by_key[key]
        metrics.LISTENERS.set(len(self._listeners))

    async def _follow(self) -> None:
        """Read what is numbered, for ever; a lost database is tried again and again."""
        while True:
            try:
                async with await db.connect(self._config, self._dsn) as conn:
                    # Another name than that of the pool: an operator sees which connection is for what.
                    await conn.execute("SET application_name = 'frontdesk live'")
                    await conn.execute(f"SET ROLE {db.SERVICE_ROLE}")
                    await conn.execute(f"LISTEN {NUMBERED}")
                    await self._follow_on(conn)
            except (psycopg.Error, OSError) as error:  # TimeoutError is one too
                log.warning("live_without_database", error=type(error).__name__, again_in_s=self._pause_s)
            except Exception as error:
                # Of the error only its type: its text may quote a value.
                log.error("live_failed", error=type(error).__name__, again_in_s=self._pause_s)
            await asyncio.sleep(self._pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - spreads workers, guards nothing
            self._pause_s = min(self._pause_s * 2, 10.0)

    @property
    def _dsn(self) -> str:
        url = self._config.database_url
        return url.get_secret_value() if url else ""

    async def _follow_on(self, conn: Connection) -> None:
        checked = 0.0
        loop = asyncio.get_running_loop()
        while True:
            async with asyncio.timeout(PATIENCE_S):
                read = await (self._read(conn) if self._position is not None else self._begin(conn))
                self._pause_s = _FIRST_PAUSE_S
                if loop.time() - checked > CHECK_S:
                    await self._check(conn)
                    checked = loop.time()
            if not read:
                await woken(conn)

    async def _begin(self, conn: Connection) -> int:
        """Take in what is kept of the past; how many events that were."""
        head = await db.one(conn, q.head)
        assert head is not None, "an aggregate"
        begin = max(0, head["position"] - KEPT)
        rows = await db.many(conn, q.after, position=begin, most=KEPT)
        self._position = rows[0]["position"] - 1 if rows else begin
        for row in rows:
            self._take(News(**row))
        self._tell_advance()
        return len(rows)

    async def _read(self, conn: Connection) -> int:
        """Take in what is new; how many events that were."""
        rows = await db.many(conn, q.after, position=self._position, most=MOST)
        for number, row in enumerate(rows):
            self._take(News(**row))
            if number % 20 == 19:
                await asyncio.sleep(0)  # let those who listen send what they were told
        self._tell_advance()
        return len(rows)

    def _tell_advance(self) -> None:
        self._advanced.set()
        self._advanced = asyncio.Event()

    def _take(self, item: News) -> None:
        assert self._position is not None
        if item.position != self._position + 1:  # we were away for longer than events are kept
            self._kept.clear()
            self._position = item.position
            for listener in self._listeners:
                listener.tell(item.position, news.reset(item.position))
            return
        self._position = item.position
        self._kept.append(item)
        if len(self._kept) >= KEPT + MOST:  # not one by one: each time moves all of them
            del self._kept[:MOST]
        concerned = {listener for key in item.told for listener in self._by_key.get(key, ())}
        for listener in concerned:
            listener.tell(item.position, item.frame(_told(item, listener.keys)))

    async def _check(self, conn: Connection) -> None:
        """Send away whose session or permission is over: one statement for all who are logged in."""
        asked = {login for one in self._listeners if (login := one.standing.actor.login)}
        logins = await sessions.logins_for(conn, asked) if asked else {}
        for listener in self._listeners:
            login = listener.standing.actor.login
            if login in asked and not listener.standing.holds(logins.get(login)):
                listener.end(news.ENDED)

    async def _watch(self) -> None:
        """Each second: end what has expired, cut off who takes nothing; from time to time a sign of life for all."""
        loop = asyncio.get_running_loop()
        beaten = loop.time()
        while True:
            await asyncio.sleep(1)
            now, at = clock.now(), loop.time()
            for listener in list(self._listeners):
                if listener.standing.expires_at is not None and listener.standing.expires_at <= now:
                    listener.end(news.EXPIRED)
                if listener.sending_since is not None and at - listener.sending_since > STALLED_S:
                    listener.cut()
            if at - beaten >= BEAT_S and self._position is not None:
                beaten, frame = at, news.beat(self._position)
                for listener in self._listeners:
                    listener.beat(frame)


_LATER = {"Retry-After": "5"}


def _told(item: News, keys: frozenset[Key]) -> int:
    """All that somebody who watches these is told of it; 0 for nothing."""
    told = 0
    for key in _common(item, keys):
        told |= item.told[key]
    return told


def _common(item: News, keys: frozenset[Key]) -> Iterator[Key]:
    return (key for key in item.told if key in keys)
