"""Many who wait for the times of some providers, and what must be true of them whatever happens at once."""

import random
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg

from frontdesk import clock, ids
from tests.concurrency.book import Ask
from tests.concurrency.proof import OVERLAPS
from tests.make import Make
from tests.service import Service

Slot = tuple[UUID, datetime]
"""A provider and a start."""

RANKS = {"urgent": 0, "normal": 1, "flexible": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who waits for what: a visit on the day of the crowd, before `before` if they have a later one."""

    patient: UUID
    provider: UUID | None  # None: any of the specialty
    part: str | None
    rank: int
    before: datetime | None
    token: str

    def suits(self, slot: Slot, of_specialty: set[UUID]) -> bool:
        """Whether they asked for such a time."""
        provider, start = slot
        return (
            (provider == self.provider if self.provider else provider in of_specialty)
            and (self.part is None or (start.hour < 12) == (self.part == "morning"))
            and (self.before is None or start < self.before)
        )


@dataclass
class Crowd:
    """`providers`, all but the last of one specialty, each with visits of 30 minutes from 09:00 UTC without a gap, in
    three days. `waiting` people wait for any of the specialty or for one of them, an eighth for the last provider;
    some have a visit on the day after.
    """

    service: Service
    make: Make
    providers: int
    slots: int
    waiting: int
    seed: int = 1
    wishes: dict[UUID, Wish] = field(default_factory=dict)
    visits: dict[str, Slot] = field(default_factory=dict)
    fault: str | None = None

    def __post_init__(self) -> None:
        make, draw = self.make, random.Random(self.seed)
        self.day = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3)
        self.first = self.day + timedelta(hours=9)
        ends = (self.first + timedelta(minutes=30 * self.slots)).strftime("%H:%M")
        with make.conn.transaction():
            self.desk = make.token("admin")
            self.clinic, self.visit = make.clinic(), make.visit_type(30)
            self.specialty = make.row("specialty", name=f"Specialty {ids.new_id()}")
            self.who = [make.provider() for _ in range(self.providers)]
            self.of_specialty = set(self.who[:-1])
            for provider in self.who:
                make.every_day(provider, self.clinic, "09:00", ends)
                for n in range(self.slots):
                    self._visit(provider, self.first + timedelta(minutes=30 * n))
            for provider in self.of_specialty:
                make.conn.execute(
                    "INSERT INTO provider_specialty (provider_id, specialty_id, changed_by, request_id)"
                    " VALUES (%s, %s, %s, %s)",
                    (provider, self.specialty, ids.SYSTEM, ids.SYSTEM),
                )
            for n in range(self.waiting):
                self._waits(draw, alone=n >= self.waiting * 7 // 8, later=n % 5 == 4)

    def _visit(self, provider: UUID, start: datetime) -> None:
        row = self.make.appointment(provider, self.clinic, self.visit, start, patient_id=self.make.patient())
        self.visits[str(row)] = (provider, start)

    def _waits(self, draw: random.Random, *, alone: bool, later: bool) -> None:
        make = self.make
        patient, urgency = make.patient(), draw.choice(list(RANKS))
        provider = self.who[-1] if alone else draw.choice([None, None, *self.of_specialty])
        part = draw.choice([None, None, None, "morning", "afternoon"])
        visit = None
        if later:
            after = self.first + timedelta(days=1, minutes=30 * (len(self.wishes) // 5 % self.slots))
            of = self.who[(len(self.wishes) // 5 // self.slots) % len(self.who)]
            taken = make.conn.execute(
                "SELECT 1 FROM appointment WHERE provider_id = %s AND start_at = %s", (of, after)
            ).fetchone()
            if taken is None:
                visit = make.appointment(of, self.clinic, self.visit, after, patient_id=patient)
        entry = make.row(
            "waitlist_entry",
            patient_id=patient,
            visit_type_id=self.visit,
            provider_id=provider,
            specialty_id=None if provider else self.specialty,
            earliest=self.day.date(),
            latest=self.day.date(),
            times_of_day=part and [part],
            urgency=urgency,
            appointment_id=visit,
        )
        self.wishes[entry] = Wish(
            patient=patient,
            provider=provider,
            part=part,
            rank=RANKS[urgency],
            before=after if visit else None,
            token=make.token("patient", patient_id=patient),
        )

    def cancellations(self) -> list[Ask]:
        """All visits of the day, cancelled by the desk."""
        return [Ask(path=f"/appointments/{id_}/cancel", body={"reason": "ill"}) for id_ in self.visits]

    def offers(self) -> list[tuple[Any, ...]]:
        """Every offer of the crowd, the oldest first: id, entry, provider, start, status."""
        return self.make.conn.execute(
            "SELECT o.id, o.entry_id, a.provider_id, a.start_at, o.status FROM waitlist_offer o"
            " JOIN appointment a ON a.id = o.appointment_id WHERE o.entry_id = ANY (%s) ORDER BY o.id",
            (list(self.wishes),),
        ).fetchall()

    def standing(self) -> list[tuple[UUID, UUID, Slot]]:
        """The offers that nobody has answered: id, entry, time."""
        return [(id_, entry, (of, start)) for id_, entry, of, start, status in self.offers() if status == "standing"]

    def overslept(self, offer_ids: list[UUID]) -> None:
        """Nobody answered these: their time to answer ended a moment ago. Locks as the service does: the hold first."""
        with self.make.conn.transaction():
            holds = self.make.conn.execute(
                "UPDATE appointment SET hold_expires_at = now() + interval '59 seconds' WHERE status = 'held' AND id IN"
                " (SELECT appointment_id FROM waitlist_offer WHERE id = ANY (%s) AND status = 'standing') RETURNING id",
                (offer_ids,),
            ).fetchall()
            self.make.conn.execute(
                "UPDATE waitlist_offer SET expires_at = now() - interval '1 second'"
                " WHERE appointment_id = ANY (%s) AND status = 'standing'",
                ([hold for (hold,) in holds],),
            )

    def public(self, client: httpx.Client) -> set[Slot]:
        """What anybody is offered on the day."""
        asked = {"visit_type_id": str(self.visit), "from": self.day.date().isoformat()}
        asked["to"] = (self.day + timedelta(days=1)).date().isoformat()
        found = set()
        for provider in self.who:
            answer = client.get(f"/providers/{provider}/availability", params=asked)
            assert answer.status_code == 200, answer.text
            found |= {(provider, datetime.fromisoformat(slot["start"])) for slot in answer.json()["slots"]}
        return found

    def wait_in_vain(self, conn: psycopg.Connection[Any], client: httpx.Client) -> list[str]:
        """Times that are public although somebody waits for them who was never offered them; looked at from outside.

        An entry counts when it is waiting, in the same version, before and after the look.
        """
        before = self._waiting(conn)
        public = self.public(client)
        after = self._waiting(conn)
        return [
            f"{slot} is public, {entry} waits"
            for entry in before.keys() & after.keys()
            if before[entry][0] == after[entry][0]
            for slot in public
            if self.wishes[entry].suits(slot, self.of_specialty) and slot not in before[entry][1]
        ]

    def _waiting(self, conn: psycopg.Connection[Any]) -> dict[UUID, tuple[int, set[Slot]]]:
        rows = conn.execute(
            "SELECT e.id, e.version, array_agg(a.provider_id), array_agg(a.start_at) FROM waitlist_entry e"
            " LEFT JOIN waitlist_offer o ON o.entry_id = e.id LEFT JOIN appointment a ON a.id = o.appointment_id"
            " WHERE e.status = 'waiting' AND e.id = ANY (%s) GROUP BY e.id",
            (list(self.wishes),),
        ).fetchall()
        return {id_: (version, set(zip(of, at, strict=True))) for id_, version, of, at in rows}

    def consistent(self) -> None:
        """Entries, offers, holds and the book tell the same; nothing overlaps."""
        for what, query in {**OVERLAPS, **CONSISTENT}.items():
            found = self.make.conn.execute(query).fetchall()
            assert not found, f"{what}: {found[:3]}"

    def fair(self) -> None:
        """Nobody who waits, and never was offered anything, comes before somebody who was offered what suits them."""
        rows = self.make.conn.execute(
            "SELECT e.id, e.since, e.status, (SELECT count(*) FROM waitlist_offer o WHERE o.entry_id = e.id)"
            " FROM waitlist_entry e WHERE e.id = ANY (%s)",
            (list(self.wishes),),
        ).fetchall()
        order = {id_: (self.wishes[id_].rank, since, id_) for id_, since, _, _ in rows}
        passed_over = [id_ for id_, _, status, asked in rows if status == "waiting" and not asked]
        for _, entry, of, start, _ in self.offers():
            for other in passed_over:
                suits = self.wishes[other].suits((of, start), self.of_specialty)
                assert not suits or order[other] > order[entry], f"{other} was passed over for {entry}"


class Watch:
    """Looks again and again, while it is entered, whether a time is public that somebody waits for."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd, self._over, self.looks = crowd, threading.Event(), 0
        self.seen: list[str] = []
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        try:
            with psycopg.connect(self._crowd.service.dsn, autocommit=True, options="-c timezone=UTC") as conn:
                client = self._crowd.service.client()
                while not self._over.is_set() and not self.seen:
                    try:
                        self.seen += self._crowd.wait_in_vain(conn, client)
                        self.looks += 1
                    except httpx.TransportError:  # killed just now
                        self._over.wait(0.05)
        except BaseException as error:
            self.seen.append(repr(error))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


# What tests write down by hand, as the past, has the id of no request.
CONSISTENT = {
    "an entry that is not what its offers say": """
        SELECT e.id, e.status, s.standing, s.accepted FROM waitlist_entry e
        CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE o.status = 'standing') AS standing,
                                   count(*) FILTER (WHERE o.status = 'accepted') AS accepted, count(*) AS made
                            FROM waitlist_offer o WHERE o.entry_id = e.id) AS s
        -- Not those whom a sick day displaced, who have a choice, and not what other tests wrote down as the past.
        WHERE e.request_id <> '00000000-0000-7000-8000-000000000001'
          AND e.exception_id IS NULL AND (s.made > 0 OR e.status = 'offered')
          AND ((e.status = 'offered', e.status = 'booked') IS DISTINCT FROM (s.standing = 1, s.accepted = 1)
               OR s.standing > 1 OR s.accepted > 1)""",
    "an offer that is not what its hold says": """
        SELECT o.id, o.status, a.status FROM waitlist_offer o JOIN appointment a ON a.id = o.appointment_id
        WHERE o.request_id <> '00000000-0000-7000-8000-000000000001'
          AND (o.status, a.status) NOT IN (('declined', 'cancelled'), ('expired', 'expired'))
          AND NOT (o.status = 'standing' AND a.status = 'held' AND a.hold_expires_at > o.expires_at)
          AND NOT (o.status = 'accepted' AND a.status <> 'held' AND a.status <> 'expired')""",
    "a hold of the waitlist without its offer": """
        SELECT a.id FROM appointment a WHERE a.request_id <> '00000000-0000-7000-8000-000000000001'
   AND a.hold_client = 'waitlist' AND a.status = 'held'
          AND NOT EXISTS (SELECT FROM waitlist_offer o WHERE o.appointment_id = a.id AND o.status = 'standing')""",
    "a hold that is not the patient's who waits": """
        SELECT o.id FROM waitlist_offer o JOIN appointment a ON a.id = o.appointment_id
        JOIN waitlist_entry e ON e.id = o.entry_id WHERE o.request_id <> '00000000-0000-7000-8000-000000000001'
   AND a.patient_id <> e.patient_id""",
}
