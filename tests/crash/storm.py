"""A storm of bookings and changes over real HTTP, and what has to be true of events and messages when it is over."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import httpx
import psycopg

from tests.make import Make
from tests.notifications.sink import Sink
from tests.service import Service

PROVIDERS, PATIENTS, SLOTS_A_DAY = 10, 40, 20
PATIENCE_S = 300.0
DELIVERY_S = 2
"""For so long a message may be on its way, while the visit it speaks of is moved: nobody can call it back."""


class Clinic:
    """Ten providers, forty patients with an address; each start of the grid is booked by one writer at most."""

    def __init__(self, service: Service, conn: psycopg.Connection[Any]) -> None:
        self.service, self.make = service, Make(conn)
        self.clinic, self.visit_type = self.make.clinic(), self.make.visit_type()
        self.providers = [self.make.provider() for _ in range(PROVIDERS)]
        for provider in self.providers:
            self.make.every_day(provider, self.clinic)
        self.patients = [self.make.patient(email=f"storm{n}@post.test") for n in range(PATIENTS)]
        self.first_day = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=5)
        self.admin = self.make.token("admin")
        self.answers: Counter[tuple[str, int]] = Counter()

    async def change_much(self, changes: int, *, writers: int = 8) -> Counter[tuple[str, int]]:
        """Book, move, change and cancel so often, each writer its share; how often which request was answered how."""
        self.answers = Counter()
        share = changes // writers
        async with self.service.rivals(self.admin, connections=writers) as client:
            await asyncio.gather(*(self._write(client, n, writers, share) for n in range(writers)))
        self.first_day += timedelta(days=(share // SLOTS_A_DAY + 1) * writers)  # another storm has days of its own
        return self.answers

    async def rush(self, rivals: int) -> Counter[tuple[str, int]]:
        """So many want the first time of one provider on the first day."""
        self.answers = Counter()
        wish = self._wish(self.first_day, self.providers[0])
        async with self.service.rivals(self.admin, connections=rivals) as client:
            bodies = [wish | {"patient_id": str(self.patients[n])} for n in range(rivals)]
            await asyncio.gather(*(self._ask(client, "POST", "appointments", body) for body in bodies))
        self.first_day += timedelta(days=1)
        return self.answers

    async def _write(self, client: httpx.AsyncClient, number: int, writers: int, share: int) -> None:
        draw = random.Random(number)
        mine: list[str] = []
        # A writer has days of its own, so that nobody is in anybody's way.
        starts = iter(
            self.first_day + timedelta(days=number + writers * day, minutes=30 * slot)
            for day in range(share // SLOTS_A_DAY + 1)
            for slot in range(SLOTS_A_DAY)
        )
        for _ in range(share):
            what = draw.random()
            provider = draw.choice(self.providers)
            if what < 0.5 or not mine:
                wish = self._wish(next(starts), provider) | {"patient_id": str(draw.choice(self.patients))}
                answer = await self._ask(client, "POST", "appointments", wish)
                mine.append(answer.json()["id"])
            elif what < 0.8:
                body = {"start": next(starts).isoformat(), "provider_id": str(provider)}
                answer = await self._ask(client, "PATCH", f"appointments/{draw.choice(mine)}", body)
            elif what < 0.9:
                body = {"reason": f"word {what}"}
                answer = await self._ask(client, "PATCH", f"appointments/{draw.choice(mine)}", body)
            else:
                gone = mine.pop(draw.randrange(len(mine)))
                answer = await self._ask(client, "POST", f"appointments/{gone}/cancel", {"reason": "away"})
            assert answer.is_success, answer.text

    def _wish(self, start: datetime, provider: UUID) -> dict[str, str]:
        return {
            "provider_id": str(provider),
            "clinic_id": str(self.clinic),
            "visit_type_id": str(self.visit_type),
            "start": start.isoformat(),
        }

    async def _ask(self, client: httpx.AsyncClient, method: str, path: str, body: dict[str, str]) -> httpx.Response:
        answer = await client.request(method, path, json=body)
        self.answers[method, answer.status_code] += 1
        return answer


class Mailboxes(Sink):
    """A mail server that knows when each message first came."""

    def __init__(self) -> None:
        super().__init__()
        self.came_at: dict[UUID, datetime] = {}
        self.kept = lambda message: self.came_at.setdefault(id_of(message), datetime.now(UTC)) and None


def id_of(message: EmailMessage) -> UUID:
    """The notification whose message it is."""
    return UUID(str(message["Message-ID"])[1:].partition("@")[0])


def wait_until_all_is_told(conn: psycopg.Connection[Any]) -> None:
    """Nothing is on its way any more: no event without a number, none unread, no message that may still leave."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        row = conn.execute(
            "SELECT (SELECT count(*) FROM outbox WHERE position IS NULL),"
            " (SELECT count(*) FROM outbox) - (SELECT count(*) FROM handled_event WHERE handler = 'notifications'),"
            " (SELECT count(*) FROM notification WHERE status IN ('pending', 'sending'))"
        ).fetchone()
        if row == (0, 0, 0):
            return
        time.sleep(0.1)
    raise AssertionError(f"unnumbered, unread and unsent events after {PATIENCE_S} s: {row}")


def everything_was_handled_in_order(conn: psycopg.Connection[Any], changes: int) -> None:
    """Each event has one number and one handling; those of one provider were handled as they happened."""
    events = conn.execute(
        "SELECT position, key, payload ->> 'appointment_id', (payload ->> 'version')::int FROM outbox ORDER BY position"
    ).fetchall()
    assert [position for position, *_ in events] == list(range(1, len(events) + 1))
    assert len(events) >= changes * 0.8  # a new reason is no event
    versions: dict[str, list[int]] = defaultdict(list)
    for _, _, appointment, version in events:
        versions[appointment].append(version)
    assert all(each == sorted(set(each)) for each in versions.values()), "a later change was told before an earlier one"
    row = conn.execute(
        "SELECT count(*), count(DISTINCT event_id) FROM handled_event WHERE handler = 'notifications'"
    ).fetchone()
    assert row == (len(events), len(events))
    overtaken = conn.execute(
        "SELECT count(*) FROM (SELECT handled_at < lag(handled_at) OVER (PARTITION BY key ORDER BY position) AS sooner"
        " FROM outbox JOIN handled_event USING (event_id) WHERE handler = 'notifications') AS each WHERE sooner"
    ).fetchone()
    assert overtaken == (0,)
    assert conn.execute("SELECT count(*) FROM dead_event").fetchone() == (0,)


def everybody_was_told(conn: psycopg.Connection[Any], sink: Mailboxes, changes: int, kills: int) -> None:
    """What the mailboxes hold is what the book says: each message once, none of something that was over."""
    rows = conn.execute(
        "SELECT n.id, n.appointment_id, n.version, n.kind, n.status, n.reason"
        " FROM notification n WHERE n.channel = 'email'"
    ).fetchall()
    sent = {id_: (visit, version, kind) for id_, visit, version, kind, status, _ in rows if status == "sent"}
    come = Counter(map(id_of, sink.messages))
    perhaps = {id_ for id_, *_, error in rows if error == "perhaps-sent"}
    assert set(sent) <= set(come) <= set(sent) | perhaps, "messages are missing, or came and were not noted"
    assert {status for *_, status, _ in rows} <= {"sent", "skipped"}
    assert {error for *_, status, error in rows if status == "skipped"} <= {"superseded", "perhaps-sent"}
    # Who dies between the server's 250 and our COMMIT sends the same Message-ID again: mailboxes show it once.
    again = sum(come.values()) - len(come)
    assert again <= kills * 10, f"{again} came again after {kills} kills"

    arrived: dict[UUID, list[tuple[int, str]]] = defaultdict(list)
    for id_ in filter(sent.__contains__, come):  # in the order in which they first came
        appointment, version, kind = sent[id_]
        arrived[appointment].append((version, kind))
    assert all(each == sorted(each) for each in arrived.values()), "somebody was told of a change before the one before"
    over = _over_since(conn)
    stale = [id_ for id_, about in sent.items() if sink.came_at[id_] > over.get(about, sink.came_at[id_])]
    assert not stale, "somebody was told what was over"

    final = conn.execute("SELECT a.id, a.status, (visit_version(a.id)).version FROM appointment a").fetchall()
    assert len(final) > changes / 3
    for appointment, status, version in final:
        last = arrived[appointment][-1]
        if status == "cancelled":
            assert last[1] == "cancellation", (appointment, arrived[appointment])
        else:
            assert last[0] == version, (appointment, version, arrived[appointment])
            assert last[1] == ("confirmation" if version == 1 else "change")


def _over_since(conn: psycopg.Connection[Any]) -> dict[tuple[UUID, int, str], datetime]:
    """From when on it is wrong to hear of a version of a visit: it was moved on or cancelled, and time went by."""
    rows = conn.execute(
        "SELECT n.appointment_id, n.version, n.kind, min(h.at) FROM notification n"
        " JOIN LATERAL (SELECT l.version, l.at, l.to_status,"
        "        l.provider_id = lag(l.provider_id) OVER w AND l.during = lag(l.during) OVER w AS stayed"
        "    FROM appointment_history l WHERE l.appointment_id = n.appointment_id WINDOW w AS (ORDER BY l.version)"
        " ) AS h ON h.version > n.version AND (h.to_status = 'cancelled' OR h.stayed IS NOT TRUE)"
        " WHERE n.kind <> 'cancellation' GROUP BY 1, 2, 3"
    ).fetchall()
    return {(visit, version, kind): at + timedelta(seconds=DELIVERY_S) for visit, version, kind, at in rows}
