"""One of everything, and `count` of whatever a list or a search runs over."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from frontdesk import clock
from frontdesk.auth.passwords import hash_password
from tests.make import STAMP, Make

PASSWORD = "correct horse"


@dataclass
class World:
    """`ids` fill the paths; `at(n)` is the n-th of a series of half hours that nobody has booked."""

    ids: dict[str, UUID]
    patient: str  # token
    email: str  # of an admin, with PASSWORD
    free: datetime
    spare: dict[str, list[UUID]] = field(default_factory=dict)  # appointments by status, six in each

    def at(self, number: int) -> str:
        return (self.free + timedelta(minutes=30 * number)).isoformat()


class Builder:
    """Everything hangs together: the providers work at the one clinic, the appointments are all of the one patient."""

    def __init__(self, make: Make, count: int) -> None:
        self.make, self.count = make, count
        # A Wednesday, so that the free times begin on a Saturday, whatever today is: working time is read by the week,
        # and what lies at the turn of one takes a statement more.
        soon = clock.now().date() + timedelta(days=3)
        self.first = datetime.combine(soon + timedelta(days=(2 - soon.weekday()) % 7), time(0), UTC)

    def build(self) -> World:
        make, count = self.make, self.count
        clinic, *_ = [make.clinic() for _ in range(count)]
        rooms = [make.room(clinic) for _ in range(count)]
        visit_type, *_ = [make.visit_type(room_kind="consultation") for _ in range(count)]
        specialty, *_ = [make.row("specialty", name=f"Specialty {n}") for n in range(count)]
        providers = [self.provider(clinic, specialty) for _ in range(count)]
        patient, *_ = [self.patient(clinic) for _ in range(count)]
        email = f"admin{count}@queries.test"
        user = make.row("user_account", email=email, password_hash=hash_password(PASSWORD), role="admin")
        for _ in range(count):
            make.token("staff")
            key = self.key(user)
        place = (providers[0], clinic, visit_type)
        visits = [self.visit(place, n, patient_id=patient, room_id=room) for n, room in enumerate(rooms)]
        self.sheet(visits[0])
        for n in range(count):
            of = {"appointment_id": visits[0], "patient_id": patient, "clinic_id": clinic, "version": n + 1}
            make.row("notification", **of, kind="change", channel="email", status="failed")
        for n in range(count):
            make.row(
                "medical_record", patient_id=patient, kind="note", title=f"Note {n}", recorded_on=self.first.date()
            )
        for _ in range(count):
            make.row("guardianship", guardian_id=patient, patient_id=make.patient())
            make.row("guardianship", guardian_id=make.patient(), patient_id=patient)
        # For providers who have no working time: what is given back is not theirs.
        entries = [
            make.row(
                "waitlist_entry",
                patient_id=patient,
                visit_type_id=visit_type,
                provider_id=make.provider(),
                urgency="normal",
            )
            for _ in range(count)
        ]
        days = [self.first + timedelta(days=400 + n) for n in range(count)]
        exceptions = [make.exception(providers[0], day, day + timedelta(hours=1)) for day in days]
        closures = [make.closure(clinic, day, day + timedelta(hours=1)) for day in days]
        world = World(
            ids={
                "appointment_id": visits[0],
                "clinic_id": clinic,
                "room_id": rooms[0],
                "visit_type_id": visit_type,
                "roomless_type_id": make.visit_type(),
                "specialty_id": specialty,
                "provider_id": providers[0],
                "patient_id": patient,
                "user_id": user,
                "key_id": key,
                "exception_id": exceptions[0],
                "closure_id": closures[0],
                "entry_id": entries[0],
            },
            patient=make.token("patient", patient_id=patient),
            email=email,
            free=self.first + timedelta(days=10),
        )
        for row, status in enumerate(("scheduled", "confirmed", "no_show", "checked_in", "in_progress")):
            numbers = (200 + 6 * row + n for n in range(6))
            world.spare[status] = [self.visit(place, n, status=status, patient_id=patient) for n in numbers]
        return world

    def sheet(self, appointment: UUID) -> None:
        self.make.conn.execute(
            "INSERT INTO visit (appointment_id, changed_by, request_id) VALUES (%s, %s, %s)",
            (appointment, *STAMP.values()),
        )

    def provider(self, clinic: UUID, specialty: UUID) -> UUID:
        provider = self.make.provider()
        self.make.every_day(provider, clinic)
        for table, column, other in (
            ("provider_specialty", "specialty_id", specialty),
            ("provider_clinic", "clinic_id", clinic),
        ):
            self.make.conn.execute(
                f"INSERT INTO {table} (provider_id, {column}, changed_by, request_id) VALUES (%s, %s, %s, %s)",
                (provider, other, *STAMP.values()),
            )
        return provider

    def patient(self, clinic: UUID) -> UUID:
        """All of one name and birth date: whoever registers is like each of them."""
        patient = self.make.patient(first_name="Ada", last_name="Vale")
        self.make.conn.execute(
            "INSERT INTO patient_clinic (patient_id, clinic_id, changed_by, request_id) VALUES (%s, %s, %s, %s)",
            (patient, clinic, *STAMP.values()),
        )
        return patient

    def key(self, user: UUID) -> UUID:
        later = datetime.now(UTC) + timedelta(days=30)
        session = self.make.row("login_session", user_id=user, refresh_hash=b"none", expires_at=later)
        columns = {"prefix": "fd_abcdefgh", "key_hash": session.bytes, "scopes": ["directory:read"]}
        return self.make.row("api_key", id=session, name="Lab", **columns)

    def visit(self, place: tuple[UUID, UUID, UUID], number: int, **columns: Any) -> UUID:
        start = self.first + timedelta(minutes=30 * number)
        return self.make.appointment(*place, start, **{"origin": "imported", **columns})
