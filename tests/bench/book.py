"""The book that is measured: 8 clinics, ordinary weekday hours, 64 providers who are booked in the course of the
measurement and 64 whose next fourteen days are half full and only read.
"""

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg

from frontdesk import clock
from tests.make import Make

CLINICS, PROVIDERS, PATIENTS = 8, 64, 2048
READ_DAYS = 14
PGBENCH = UUID(int=1)
"""Who wrote the rows of pgbench."""

_ZONE = ZoneInfo("America/New_York")
_HOURS = (("09:00", "12:00"), ("13:00", "17:00"))
_STARTS = [time(hour, minute) for hour in (9, 10, 11, 13, 14, 15, 16) for minute in (0, 30)]
_BOOKED_DAYS = 700  # of the 730 of the horizon


@dataclass(frozen=True, slots=True)
class Book:
    """Ids of what was made; those of clinics, providers and patients are numbers from 1, which pgbench can compute."""

    dsn: str
    clinics: tuple[UUID, ...]
    providers: tuple[UUID, ...]
    readers: tuple[UUID, ...]
    patients: tuple[UUID, ...]
    visit_type: UUID
    token: str
    user_id: UUID
    first_day: date
    free: int  # slots of each reader
    visitors: tuple[tuple[UUID, str], ...]  # who is booked with the readers, and the token of each

    def bookings(self) -> "Bookings":
        """Requests that each book a free time."""
        days = (self.first_day + timedelta(days=day) for day in range(_BOOKED_DAYS))
        starts = [datetime.combine(day, start, _ZONE) for day in days if day.isoweekday() <= 5 for start in _STARTS]
        return Bookings(self, tuple(start.isoformat() for start in starts))

    def reads(self) -> "Reads":
        """Requests for the free slots of one reader after the other."""
        return Reads(tuple(map(get, self.read_paths())))

    def own_visits(self) -> "Reads":
        """Requests of one patient after the other for what lies ahead of them."""
        path = "/api/v1/patients/{}/appointments?when=upcoming"
        return Reads(tuple(get(path.format(patient), token) for patient, token in self.visitors))

    def read_paths(self) -> list[str]:
        """Where the free slots of each reader are, on the days that are half full."""
        span = f"from={self.first_day}&to={self.first_day + timedelta(days=READ_DAYS)}"
        return [f"/api/v1/providers/{one}/availability?visit_type_id={self.visit_type}&{span}" for one in self.readers]


def get(path: str, token: str | None = None) -> bytes:
    """A GET without a body."""
    login = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{login}\r\n".encode()


@dataclass(frozen=True, slots=True)
class Reads:
    """The same requests in turn, for ever."""

    requests: tuple[bytes, ...]

    def __call__(self, n: int) -> bytes:
        return self.requests[n % len(self.requests)]


@dataclass(frozen=True, slots=True)
class Bookings:
    """Every provider at the first start, then every provider at the next: no two want the same time or patient."""

    book: Book
    starts: tuple[str, ...]

    def __call__(self, n: int) -> bytes:
        slot, provider = divmod(n, PROVIDERS)
        if slot >= len(self.starts):
            raise RuntimeError("all free times are booked: measure for a shorter time, or fewer rounds")
        patient = self.book.patients[(provider + PROVIDERS * slot) % PATIENTS]
        content = (
            f'{{"provider_id":"{self.book.providers[provider]}","patient_id":"{patient}",'
            f'"visit_type_id":"{self.book.visit_type}","clinic_id":"{self.book.clinics[provider % CLINICS]}",'
            f'"start":"{self.starts[slot]}"}}'
        ).encode()
        head = (
            f"POST /api/v1/appointments HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self.book.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


def make_book(dsn: str) -> Book:
    """Write the book by SQL into an empty, migrated database."""
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as conn:
        make = Make(conn)
        with conn.pipeline(), conn.transaction():
            clinics = tuple(make.clinic(_ZONE.key, id=UUID(int=n)) for n in range(1, CLINICS + 1))
            patients = tuple(make.patient(id=UUID(int=n)) for n in range(1, PATIENTS + 1))
            providers = tuple(make.provider(id=UUID(int=n)) for n in range(1, PROVIDERS + 1))
            readers = tuple(make.provider() for _ in range(PROVIDERS))
            for n, provider in enumerate(providers + readers):
                for weekday in range(1, 6):
                    for start, end in _HOURS:
                        make.schedule(provider, clinics[n % CLINICS], weekday, start, end)
            visit_type = make.visit_type(30)
            token = make.token("admin")
            first_day = clock.now().astimezone(_ZONE).date() + timedelta(days=2)
            visitors = tuple(make.patient() for _ in readers)
            free = _fill(make, readers, visitors, clinics, visit_type, first_day)
            logged_in = tuple((patient, make.token("patient", patient_id=patient)) for patient in visitors)
        conn.execute("VACUUM (ANALYZE)")
        found = conn.execute("SELECT id FROM user_account WHERE role = 'admin'").fetchone()
        assert found is not None
    return Book(dsn, clinics, providers, readers, patients, visit_type, token, found[0], first_day, free, logged_in)


def _fill(
    make: Make,
    readers: tuple[UUID, ...],
    visitors: tuple[UUID, ...],
    clinics: tuple[UUID, ...],
    visit_type: UUID,
    first_day: date,
) -> int:
    """Book a random half of each reader's slots, always the same, for one patient each; how many are left."""
    draw = random.Random(20_260)
    days = [first_day + timedelta(days=day) for day in range(READ_DAYS)]
    slots = [datetime.combine(day, start, _ZONE) for day in days if day.isoweekday() <= 5 for start in _STARTS]
    for n, (reader, patient) in enumerate(zip(readers, visitors, strict=True)):
        for start in draw.sample(slots, len(slots) // 2):
            make.appointment(reader, clinics[n % CLINICS], visit_type, start, patient_id=patient)
    return len(slots) - len(slots) // 2
