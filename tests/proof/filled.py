"""A world written into the database, and the questions that the API is asked about it."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange

from frontdesk import ids
from tests.make import STAMP, Make
from tests.proof.oracle import Start
from tests.proof.wire import Answer, Ask, Wire
from tests.proof.world import Away, Booking, Closure, Question, World


class Filled:
    """Rows of a world's own, written by plain SQL; `world` follows what is booked through the API."""

    def __init__(
        self,
        make: Make,
        wire: Wire,
        world: World,
        question: Question,
        desk: str,
        seen: Counter[str] | None = None,
    ) -> None:
        self.make, self.wire, self.world, self.q = make, wire, world, question
        self.seen = Counter() if seen is None else seen  # which reasons and answers there were
        with make.conn.pipeline():
            self._directory(world)
            self._hours(world)
            for booking in world.book:
                self._booked(booking)
        self.desk = desk
        assert question.patient is not None
        self.me = make.token("patient", patient_id=self.patients[question.patient])
        self.caller = self.me if question.self_booking else desk

    def _directory(self, world: World) -> None:
        make = self.make
        self.clinics = [make.clinic(clinic.zone, active=clinic.active) for clinic in world.clinics]
        self.rooms = [
            [make.room(id_, room.kind, active=room.active) for room in clinic.rooms]
            for id_, clinic in zip(self.clinics, world.clinics, strict=True)
        ]
        self.visit_types = [
            make.visit_type(
                visit.duration_min,
                slot_step_min=visit.step_min,
                buffer_before_min=visit.before_min,
                buffer_after_min=visit.after_min,
                min_notice_min=visit.notice_min,
                horizon_days=visit.horizon_days,
                room_kind=visit.room_kind,
                max_per_day=visit.max_per_day,
                one_future_per_provider=visit.one_future,
                self_bookable=visit.self_bookable,
                active=visit.active,
                capacity=visit.seats,
            )
            for visit in world.visit_types
        ]
        self.providers = [
            make.provider(active=provider.active, accepting_new_patients=provider.accepting)
            for provider in world.providers
        ]
        self.patients = [make.patient(active=patient.active) for patient in world.patients]
        self.specialty = make.row("specialty", name=f"Specialty {ids.new_id()}")
        for provider, id_ in zip(world.providers, self.providers, strict=True):
            self._link("provider_specialty", provider_id=id_, specialty_id=self.specialty)
            for visit_type in provider.offers:
                self._link("provider_visit_type", provider_id=id_, visit_type_id=self.visit_types[visit_type])

    def _link(self, table: str, **columns: UUID) -> None:
        row = columns | STAMP
        names, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        self.make.conn.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", row)

    def _hours(self, world: World) -> None:
        for session in world.weekly:
            self.make.row(
                "schedule",
                provider_id=self.providers[session.provider],
                clinic_id=self.clinics[session.clinic],
                weekday=session.weekday,
                start_time=session.opens,
                end_time=session.closes,
                effective_from=session.since,
                effective_until=session.until,
                interval_weeks=session.every_weeks,
                visit_type_ids=self._types(session.only),
                release_hours=session.release_hours,
            )
        for extra in world.extra:
            where = {"clinic_id": self.clinics[extra.clinic], "visit_type_ids": self._types(extra.only)}
            what = {"kind": "extra_session", "status": extra.status}
            self.make.exception(self.providers[extra.provider], extra.start, extra.end, **where, **what)
        for change in (*world.away, *world.closures):
            self._changed(change)

    def change(self, change: Away | Closure) -> None:
        """Somebody goes away, or a clinic is closed: committed at once, whatever stands there."""
        self._changed(change)
        kept = {"closures": (*self.world.closures, change)}
        if isinstance(change, Away):
            kept = {"away": (*self.world.away, change)}
        self.world = replace(self.world, **kept)

    def _changed(self, change: Away | Closure) -> None:
        if isinstance(change, Closure):
            self.make.closure(self.clinics[change.clinic], change.start, change.end)
        else:
            where = None if change.clinic is None else self.clinics[change.clinic]
            columns = {"clinic_id": where, "status": change.status}
            self.make.exception(self.providers[change.provider], change.start, change.end, **columns)

    def _booked(self, booking: Booking) -> None:
        """As something imported, which may arrive in any status and beyond all limits."""
        self.make.row(
            "appointment",
            provider_id=self.providers[booking.provider],
            patient_id=None if booking.patient is None else self.patients[booking.patient],
            clinic_id=self.clinics[booking.clinic],
            room_id=None if booking.room is None else self.rooms[booking.clinic][booking.room],
            visit_type_id=self.visit_types[booking.visit_type],
            during=TimestamptzRange(booking.start, booking.end),
            claims=TimestamptzRange(booking.taken_from, booking.taken_until),
            status=booking.status,
            hold_expires_at=booking.hold_until,
            origin="imported",
        )

    def _types(self, only: tuple[int, ...]) -> list[UUID] | None:
        return [self.visit_types[n] for n in only] or None

    def availability(self, token: str | None = None) -> Ask:
        """What the provider has on the days in question."""
        return Ask(path=f"/providers/{self.providers[self.q.provider]}/availability", params=self._days(), token=token)

    def across(self, token: str | None, **more: str) -> Ask:
        """What all providers of the world have on these days, as many as a page may hold."""
        params = self._days() | {"specialty": str(self.specialty), "limit": "1000"}
        return Ask(path="/availability", params=params | more, token=token)

    def free_days(self, token: str | None) -> Ask:
        """On which of these days the world's providers have anything."""
        params = self._days() | {"specialty": str(self.specialty)}
        return Ask(path="/availability/days", params=params, token=token)

    def _days(self) -> dict[str, str]:
        span = {"from": self.q.first.isoformat(), "to": self.q.last.isoformat()}
        return span | {"visit_type_id": str(self.visit_types[self.q.visit_type])}

    def slots(self, answer: Answer) -> list[Start]:
        """The slots of an answer, in its order; each is as long as the visit."""
        assert answer.status == 200, answer
        for slot in answer.body["slots"]:
            length = datetime.fromisoformat(slot["end"]) - datetime.fromisoformat(slot["start"])
            assert length == self.world.visit_types[self.q.visit_type].duration
            assert "provider_id" not in slot or UUID(slot["provider_id"]) in self.providers
            assert slot["time_zone"] == self.world.clinics[self.clinics.index(UUID(slot["clinic_id"]))].zone
        return [self.start_of(slot) for slot in answer.body["slots"]]

    def start_of(self, slot: dict[str, str]) -> Start:
        return datetime.fromisoformat(slot["start"]).astimezone(UTC), self.clinics.index(UUID(slot["clinic_id"]))

    def booking(self, clinic: int, start: datetime, **more: Any) -> Ask:
        """Book the time in question for the patient in question, as the caller."""
        body = self._time(clinic, start) | {"patient_id": str(self.patients[self.q.patient or 0])} | more
        return Ask(method="POST", path="/appointments", body=body, token=self.caller)

    def explain(self, clinic: int, start: datetime) -> Ask:
        """Why not? As the patient, because only then the patient's side is explained too."""
        time = self._time(clinic, start)
        provider = time.pop("provider_id")
        return Ask(path=f"/providers/{provider}/availability/explain", params=time, token=self.me)

    def _time(self, clinic: int, start: datetime) -> dict[str, str]:
        return {
            "provider_id": str(self.providers[self.q.provider]),
            "visit_type_id": str(self.visit_types[self.q.visit_type]),
            "clinic_id": str(self.clinics[clinic]),
            "start": start.isoformat(),
        }

    def keep(self, clinic: int, booked: Answer) -> None:
        """Take what the API has booked into the world."""
        visit, room = self.world.visit_types[self.q.visit_type], booked.body["room_id"]
        self.world = self.world.with_booking(
            Booking(
                provider=self.q.provider,
                clinic=clinic,
                visit_type=self.q.visit_type,
                patient=self.q.patient,
                start=datetime.fromisoformat(booked.body["start"]).astimezone(UTC),
                end=datetime.fromisoformat(booked.body["end"]).astimezone(UTC),
                before=timedelta(minutes=visit.before_min),
                after=timedelta(minutes=visit.after_min),
                room=self.rooms[clinic].index(UUID(room)) if room else None,
            )
        )
