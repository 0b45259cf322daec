"""The book: three months of appointments that fit together by construction.

Times are whole minutes since the epoch (UTC). Each provider's openings are walked from first to last, so no claim of a
provider overlaps an earlier one; rooms and patients keep lists of what they already have. The database's exclusion
constraints check all of it once more when the rows arrive, and a mistake here fails the whole fill.
"""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from frontdesk.demo.draw import Draw
from frontdesk.demo.people import Patient, Provider
from frontdesk.demo.places import VISIT_KINDS, VisitKind
from frontdesk.demo.texts import CANCELLED, REASONS

DAY_MIN = 1440
REST_MIN = 2 * DAY_MIN
"""Nobody comes twice within two days: more than any visit lasts, so no two visits of a patient overlap."""

GAP_MIN = 15  # how far to look on after a time left free
CHOICES = 16  # patients considered for a time before it stays free

CANCELLED_SHARE, MISSED_SHARE = 0.08, 0.05
REFILLED_SHARE = 0.5  # of cancelled times find somebody else
CONFIRMED_SOON, CONFIRMED_LATER = 0.7, 0.2  # of what is to come within three days, and after


@dataclass(frozen=True, slots=True)
class Opening:
    """A stretch of working time of `provider` that nothing closes. The grid counts from `session_start`."""

    provider: Provider
    clinic: str
    day: date  # local day on which the session starts
    session_start: int
    start: int
    end: int
    only: tuple[str, ...]  # visit kinds of a carve-out; () for all


@dataclass(frozen=True, slots=True)
class Booked:
    """One appointment. `busy_start` to `busy_end` is the visit with its buffers."""

    id: UUID
    provider: Provider
    patient: Patient
    clinic: str
    room_id: UUID | None
    kind: VisitKind
    start: int
    end: int
    status: str
    reason: str
    status_reason: str | None
    created_at: int
    changed_at: int

    @property
    def busy_start(self) -> int:
        return self.start - self.kind.buffer_before_min

    @property
    def busy_end(self) -> int:
        return self.end + self.kind.buffer_after_min


def instant(minute: int) -> datetime:
    """The instant of a minute of the book."""
    return datetime.fromtimestamp(minute * 60, UTC)


def minute(at: datetime) -> int:
    """The minute of the book that `at` lies in."""
    return int(at.timestamp()) // 60


class Rooms:
    """What each room of each clinic is already used for, one kind of room at a time."""

    def __init__(self, rooms: Mapping[tuple[str, str], list[UUID]]) -> None:
        self._rooms = rooms
        self._busy: dict[UUID, list[tuple[int, int]]] = defaultdict(list)

    def take(self, clinic: str, kind: str, start: int, end: int, favourite: int) -> UUID | None:
        """Claim a free room of this kind, the provider's `favourite` first, or None when all are in use."""
        rooms = self._rooms.get((clinic, kind), [])
        for turn in range(len(rooms)):
            room = rooms[(favourite + turn) % len(rooms)]
            busy = self._busy[room]
            at = bisect_left(busy, (start, end))
            if (at == 0 or busy[at - 1][1] <= start) and (at == len(busy) or busy[at][0] >= end):
                busy.insert(at, (start, end))
                return room
        return None


class Book:
    """Draws the appointments of all openings, as the world stands at the minute `now`.

    Who comes when hangs on the day (UTC), never on the hour: `now` decides only how far each visit has got.
    """

    def __init__(self, draw: Draw, patients: Iterable[Patient], rooms: Rooms, now: int) -> None:
        self._draw, self._rooms, self._now = draw, rooms, now
        self._today = now - now % DAY_MIN
        self._near: dict[str, list[Patient]] = defaultdict(list)
        for patient in patients:
            self._near[patient.place.key].append(patient)
        self._starts: dict[UUID, list[int]] = defaultdict(list)  # of each patient, sorted
        self._seen: set[tuple[UUID, UUID]] = set()  # (provider, patient) with any appointment
        self._coming: set[tuple[UUID, UUID]] = set()  # … with one that is still to come
        self._only: set[tuple[UUID, UUID]] = set()  # … with one that allows no other
        self._panels: dict[tuple[UUID, str], list[Patient]] = {}
        self._made: Counter[tuple[UUID, date, str]] = Counter()  # kinds with a daily limit

    def fill(self, openings: Iterable[Opening]) -> Iterator[Booked]:
        """Appointments for `openings`, which come ordered by provider, then by start."""
        busy_until: dict[UUID, int] = defaultdict(int)
        for opening in openings:
            for booked in self._fill(opening, busy_until[opening.provider.id]):
                if booked.status != "cancelled":
                    busy_until[opening.provider.id] = booked.busy_end
                yield booked

    def _fill(self, opening: Opening, busy_until: int) -> Iterator[Booked]:
        at = max(opening.start, busy_until)
        demand = self._demand(opening)
        while kinds := self._fitting(opening, at, busy_until):
            key, start = self._draw.weighted(kinds)
            kind = VISIT_KINDS[key]
            booked = self._book(opening, kind, start) if self._draw.chance(demand) else None
            if booked is None:
                at = start + GAP_MIN
                continue
            yield booked
            if booked.status == "cancelled":
                at = start if self._draw.chance(REFILLED_SHARE) else booked.end
            else:
                at = busy_until = booked.busy_end

    def _demand(self, opening: Opening) -> float:
        """How likely a time is taken: a full past, a full today, and a future that fills from the front."""
        ahead = (opening.start - self._today) / DAY_MIN
        if opening.provider.number == 0 and -0.5 < ahead < 1.5:
            return 0.95
        return 0.46 if ahead < 1 else max(0.1, 0.42 - 0.008 * ahead)

    def _fitting(self, opening: Opening, at: int, busy_until: int) -> dict[tuple[str, int], float]:
        """Visit kinds that may start at or after `at`, each with its next start on the grid, and their weights."""
        found = {}
        for key, weight in opening.provider.field.mix.items():
            kind = VISIT_KINDS[key]
            if opening.only and key not in opening.only:
                continue
            earliest = max(at, busy_until + kind.buffer_before_min) - opening.session_start
            start = opening.session_start - (-earliest // kind.slot_step_min) * kind.slot_step_min
            if start + kind.duration_min > opening.end or start - self._today > (kind.horizon_days - 1) * DAY_MIN:
                continue
            if kind.max_per_day and self._made[opening.provider.id, opening.day, key] >= kind.max_per_day:
                continue
            found[key, start] = weight
        return found

    def _book(self, opening: Opening, kind: VisitKind, start: int) -> Booked | None:
        """One appointment at `start`, or None when no fitting patient or room is free."""
        provider, end = opening.provider, start + kind.duration_min
        patient = self._someone(opening, kind, start)
        if patient is None:
            return None
        fate, eager = self._draw.random.random(), self._draw.random.random()
        status = self._status(start, end, fate, eager)
        room_id = None
        if kind.room_kind and status != "cancelled":
            busy = (start - kind.buffer_before_min, end + kind.buffer_after_min)
            room_id = self._rooms.take(opening.clinic, kind.room_kind, *busy, favourite=provider.number)
            if room_id is None:
                return None
        insort(self._starts[patient.id], start)
        self._seen.add((provider.id, patient.id))
        if start >= self._today and status != "cancelled":
            self._coming.add((provider.id, patient.id))
            if kind.one_future_per_provider:
                self._only.add((provider.id, patient.id))
        if kind.max_per_day and status != "cancelled":
            self._made[provider.id, opening.day, kind.key] += 1
        lead = self._draw.whole(10, 90) if kind.key == "urgent" else self._draw.whole(300, 30 * DAY_MIN)
        created_at = max(min(start - lead, self._today - lead % 600), minute(patient.created_at) + 1)
        return Booked(
            self._draw.id(instant(created_at)), provider, patient, opening.clinic, room_id, kind, start, end, status,
            self._draw.one(REASONS[kind.key]), self._draw.one(CANCELLED) if status == "cancelled" else None,
            created_at, self._changed_at(status, created_at, start, end),
        )  # fmt: skip

    def _someone(self, opening: Opening, kind: VisitKind, start: int) -> Patient | None:
        """A patient of the provider's panel who is free then; the first of the panel come most often."""
        provider = opening.provider
        panel = self._panel(provider, opening.clinic, instant(start).date())
        for _ in range(CHOICES if panel else 0):
            patient = panel[int(len(panel) * self._draw.random.random() ** 1.6)]
            pair = (provider.id, patient.id)
            if kind.key == "new" and (not provider.accepting or pair in self._seen):
                continue
            if start >= self._today and pair in (self._coming if kind.one_future_per_provider else self._only):
                continue
            starts = self._starts[patient.id]
            at = bisect_left(starts, start - REST_MIN + 1)
            rested = at == len(starts) or starts[at] >= start + REST_MIN
            if rested and start > minute(patient.created_at) + DAY_MIN:
                return patient
        return None

    def _panel(self, provider: Provider, clinic: str, on: date) -> list[Patient]:
        """Patients near the clinic whom the specialty sees, in an order of the provider's own."""
        if (provider.id, clinic) not in self._panels:
            low, high = provider.field.ages
            fitting = [
                patient
                for patient in self._near[clinic]
                if low <= patient.age(on) <= high and provider.field.gender in (None, patient.gender)
            ]
            self._draw.random.shuffle(fitting)
            self._panels[provider.id, clinic] = fitting
        return self._panels[provider.id, clinic]

    def _status(self, start: int, end: int, fate: float, eager: float) -> str:
        """What has become of it by now. `fate` and `eager` lie between 0 and 1: how it ends, and how early they say so.

        Nobody is a no-show before the time is over, and whoever is going to be one never checks in.
        """
        missed = fate < CANCELLED_SHARE + MISSED_SHARE
        if fate < CANCELLED_SHARE:
            return "cancelled"
        if end <= self._now:
            return "no_show" if missed else "completed"
        if start <= self._now and not missed:
            return "in_progress"
        if start - self._now <= 30 and eager < 0.6 and not missed:
            return "checked_in"
        near = start - self._now < 3 * DAY_MIN
        return "confirmed" if eager < (CONFIRMED_SOON if near else CONFIRMED_LATER) else "scheduled"

    def _changed_at(self, status: str, created_at: int, start: int, end: int) -> int:
        """When the last step was taken: never before it was booked, never in the future."""
        if status == "scheduled":
            return created_at
        step = {"completed": end, "no_show": start + 20, "in_progress": start, "checked_in": start - 12}.get(
            status, start - DAY_MIN
        )
        return max(created_at, min(step, self._now))
