"""A clinic with something of everything, and the ids of it all: fuzzing that only ever hears 404 proves nothing."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import httpx

from frontdesk import clock, ids, links
from frontdesk.auth.passwords import hash_password
from frontdesk.notifications import unsubscribing
from frontdesk.secrets import Keys
from tests.make import STAMP, Make
from tests.service import SECRET, Service

PASSWORD = "correct horse"
EACH = 12
"""Things of a kind that a request uses up: appointments in one status, refresh tokens, spare providers."""

FEW = 3
"""Places on the waitlist: nobody has more than twenty."""

Known = dict[str, list[Any]]
"""Good values by the name of the field that takes them."""

Request = tuple[dict[str, str], dict[str, Any]]
"""The ids in the path, and the body."""


END_ONE = "DELETE /api/v1/auth/sessions/{session_id}"
SWITCH = "POST /api/v1/family/{patient_id}/session"
ENDS_SESSIONS = (
    SWITCH,
    "POST /api/v1/auth/logout",
    "POST /api/v1/auth/logout-everywhere",
    "POST /api/v1/auth/password",
    END_ONE,  # which is given ids that GET /auth/sessions has answered
)


@dataclass(frozen=True, slots=True)
class World:
    """`known` serves every operation; `known_of` is for the one operation that can use nothing else."""

    token: str | None  # of the one who asks, for as long as the test lasts; None: anonymous
    token_of: dict[str, str]  # of somebody else of that role, for the operations that end sessions
    known: Known
    known_of: dict[str, Known]
    good: dict[str, list[Request]]  # whole requests, each good for one success, where several fields must agree


def build(service: Service, make: Make, role: str) -> World:
    """Fill the empty database of `service`, and log in as `role`."""
    return _Builder(service, make).build(role)


class _Builder:
    def __init__(self, service: Service, make: Make) -> None:
        self.service, self.make = service, make
        self.tomorrow = datetime.combine(clock.now().date() + timedelta(days=2), time(0), UTC)
        self.clinic, self.spare_clinic = make.clinic(country="DE"), make.clinic("America/New_York")
        self.rooms = [make.room(self.clinic) for _ in range(4)]
        self.visit_types = [make.visit_type(), make.visit_type(room_kind="consultation")]
        self.specialty = make.row("specialty", name="Family medicine")
        self.providers = [make.provider(), make.provider()]
        for provider in self.providers:
            make.every_day(provider, self.clinic)
            make.conn.execute(
                "INSERT INTO provider_specialty (provider_id, specialty_id, changed_by, request_id)"
                " VALUES (%s, %s, %s, %s)",
                (provider, self.specialty, *STAMP.values()),
            )
        self.patient = make.patient()
        self.spare_patients = [make.patient() for _ in range(EACH)]
        self.spare_providers = [make.provider() for _ in range(EACH)]
        self.taken = 0
        self.free = self.tomorrow + timedelta(days=30, hours=10)
        self.quiet = self.tomorrow + timedelta(days=600)  # nobody books there, so nothing there strands anybody

    def build(self, role: str) -> World:
        users = {
            "admin": self.user("admin"),
            "patient": self.user("patient", patient_id=self.patient),
            "provider": self.user("provider", provider_id=self.providers[0]),
            "spare": self.user("staff"),
        }
        asks = users.get(role)
        sessions = [self.log_in(asks or users["spare"]) for _ in range(EACH + 1)]
        links = {"patient": {"patient_id": self.patient}, "provider": {"provider_id": self.providers[0]}}
        link = links.get(role, {})
        others = {name: self.user(role, **link) for name in ENDS_SESSIONS if asks}
        ending = {name: self.log_in(other) for name, other in others.items()}
        return World(
            token=sessions[0]["access_token"] if asks else None,
            token_of={name: session["access_token"] for name, session in ending.items()},
            known=self.known(asks or users["spare"]),
            known_of=self.known_of([session["refresh_token"] for session in sessions[1:]], list(users.values()))
            | {END_ONE: {"session_id": [self.session(others.get(END_ONE, users["spare"])[0]) for _ in range(EACH)]}}
            | {
                SWITCH: {
                    "patient_id": [self.ward()],
                    "refresh_token": [ending.get(SWITCH, sessions[0])["refresh_token"]],
                }
            },
            good=self.good(self.holds((asks or users["spare"])[0])),
        )

    def known(self, asks: tuple[UUID, str]) -> Known:
        """What most operations can use. Starts lie on the grid, after everything that is booked already."""
        return {
            "provider_id": [*self.providers, self.spare_providers[0]],
            "clinic_id": [self.clinic],
            "clinic_ids[*]": [self.clinic, self.spare_clinic],
            "visit_type_id": self.visit_types,
            "visit_type_ids[*]": self.visit_types,
            "specialty_id": [self.specialty],
            "specialty_ids[*]": [self.specialty],
            "patient_id": [self.patient, self.patient, self.spare_patients[0]],
            "room_id": self.rooms,
            "user_id": [self.user("staff")[0] for _ in range(EACH)],
            "appointment_id": self.appointments("scheduled"),
            "hold_id": self.holds(asks[0]),
            "exception_id": [self.exception(day) for day in range(EACH)],
            "closure_id": [self.closure(day) for day in range(EACH)],
            "start": [(self.free + timedelta(hours=hour)).isoformat() for hour in range(4 * EACH)],
            "if-match": ['"1"', "*"],
            "version": [1],
            "time_zone": ["Europe/Berlin", "Australia/Lord_Howe"],
            "email": [f"new{number}@fuzz.test" for number in range(4 * EACH)],
            "notification_id": self.messages(),
            "entry_id": [self.entry() for _ in range(FEW)],
            "device_id": [self.device(number) for number in range(EACH)],
        }

    def known_of(self, refresh_tokens: list[str], users: list[tuple[UUID, str]]) -> dict[str, Known]:
        """What only one operation can use."""
        steps = {
            "PATCH /api/v1/appointments/{appointment_id}": "scheduled",
            "DELETE /api/v1/appointments/{appointment_id}": "scheduled",
            "POST /api/v1/appointments/{appointment_id}/cancel": "scheduled",
            "POST /api/v1/appointments/{appointment_id}/confirm": "scheduled",
            "POST /api/v1/appointments/{appointment_id}/no-show": "confirmed",
            "POST /api/v1/appointments/{appointment_id}/check-in": "no_show",
            "POST /api/v1/appointments/{appointment_id}/start": "checked_in",
            "POST /api/v1/appointments/{appointment_id}/complete": "in_progress",
        }
        steps[f"GET {_VISIT}"] = "in_progress"
        ready: dict[str, Known] = {name: {"appointment_id": self.appointments(at)} for name, at in steps.items()}
        by_link = [
            *(f"GET /m/{{token}}{part}" for part in ("", "/slots", "/calendar.ics")),
            *(f"POST /m/{{token}}/{part}" for part in ("confirm", "cancel")),
        ]
        ready |= {name: {"token": self.links()} for name in by_link}
        for answer in ("accept", "decline"):
            ready[f"POST /api/v1/offers/{{offer_id}}/{answer}"] = {"offer_id": [self.offer() for _ in range(FEW)]}
            ready[f"POST /m/{{token}}/{answer}"] = {"token": [self.offer_link() for _ in range(FEW)]}
        stop: Known = {"token": [unsubscribing.token_of(Keys(SECRET), self.make.patient(), "sms") for _ in range(EACH)]}
        ready |= {f"{method} /api/v1/unsubscribe/{{token}}": stop for method in ("GET", "POST")}
        ready |= {"DELETE /api/v1/patients/{patient_id}/devices/{device_id}": {"patient_id": [self.patient]}}
        ready |= {
            "DELETE /api/v1/family/{patient_id}": {"patient_id": [self.ward() for _ in range(FEW)]},
            "DELETE /api/v1/patients/{patient_id}/guardians/{guardian_id}": {
                "patient_id": [self.patient],
                "guardian_id": [self.guardian() for _ in range(EACH)],
            },
        }
        password: Known = {"password": [PASSWORD, "staple battery"]}  # most that are made up are too easy to guess
        span: Known = {"start": [self.quiet.isoformat()], "end": [(self.quiet + timedelta(hours=9)).isoformat()]}
        for visit in ready[f"GET {_VISIT}"]["appointment_id"]:
            self.make.conn.execute(
                "INSERT INTO visit (appointment_id, changed_by, request_id) VALUES (%s, %s, %s)",
                (visit, *STAMP.values()),
            )
        return ready | {
            "POST /api/v1/clinics/{clinic_id}/closures": span,
            "POST /api/v1/providers/{provider_id}/exceptions": span,
            "POST /api/v1/auth/register": password,
            "POST /api/v1/users": password,
            "POST /api/v1/auth/password-reset/confirm": password | {"token": [self.reset() for _ in users]},
            "POST /api/v1/auth/refresh": {"refresh_token": refresh_tokens},
            "POST /api/v1/auth/token": {"username": [email for _, email in users], "password": [PASSWORD]},
            # What most bookings need is not for these to change or to take out of use.
            "PATCH /api/v1/clinics/{clinic_id}": {"clinic_id": [self.spare_clinic]},
            "PATCH /api/v1/visit-types/{visit_type_id}": {"visit_type_id": [self.make.visit_type()]},
            "PATCH /api/v1/specialties/{specialty_id}": {"specialty_id": [self.make.row("specialty", name="Spare")]},
            f"GET {_OFF}/displaced": {"provider_id": self.providers[:1]},
            f"PATCH {_OFF}": {"provider_id": self.providers[:1]},
            f"DELETE {_OFF}": {"provider_id": self.providers[:1]},
            "PATCH /api/v1/providers/{provider_id}": {"provider_id": self.spare_providers},
            "PUT /api/v1/providers/{provider_id}/schedules": {"provider_id": self.spare_providers},
            "DELETE /api/v1/providers/{provider_id}": {"provider_id": self.spare_providers},
            "DELETE /api/v1/patients/{patient_id}": {"patient_id": self.spare_patients[1:]},
        }

    def good(self, holds: list[UUID]) -> dict[str, list[Request]]:
        """Bookings and moves to times that nobody else wants, and a few things that may exist only once."""
        clinic = {"clinic_id": str(self.clinic)}
        patient = {"patient_id": str(self.patient)}
        times = [
            {**clinic, "visit_type_id": str(self.visit_types[0]), "start": (self.free + timedelta(days=n)).isoformat()}
            for n in range(1, 3 * EACH)
        ]
        provider = {"provider_id": str(self.providers[1])}
        days = [(self.quiet + timedelta(days=n)).date().isoformat() for n in range(EACH)]
        names = {"first_name": "Ada", "last_name": "Vale"}
        return {
            "POST /api/v1/appointments": [
                *[({}, {**time, **provider, **patient, "reason": "a cough"}) for time in times[:EACH]],
                *[({}, {**time, **patient, "specialty_id": str(self.specialty)}) for time in times[:4]],
                *[({}, {**patient, "hold_id": str(hold)}) for hold in holds],
            ],
            "POST /api/v1/holds": [({}, {**time, **provider}) for time in times[EACH : 2 * EACH]],
            "PATCH /api/v1/appointments/{appointment_id}": [
                ({"appointment_id": str(visit)}, {"start": time["start"]})
                for visit, time in zip(self.appointments("scheduled"), times[2 * EACH :], strict=False)
            ],
            "POST /m/{token}/move": [
                ({"token": token}, {"start": (self.free + timedelta(days=n, hours=3)).isoformat()})
                for n, token in enumerate(self.links(), 1)
            ],
            "POST /api/v1/clinics/{clinic_id}/closures": [(clinic, {"on": day, "until_on": day}) for day in days],
            "POST /api/v1/clinics/{clinic_id}/closures/public-holidays": [
                ({"clinic_id": str(self.make.clinic(country="DE"))}, {"year": self.quiet.year + n}) for n in range(EACH)
            ],
            f"PATCH {_VISIT}": [
                ({"appointment_id": str(visit)}, {"notes": "seen"}) for visit in self.appointments("in_progress")
            ],
            "POST /api/v1/patients/{patient_id}/erasures": [
                ({"patient_id": str(patient)}, {"reason": "they asked for it"}) for patient in self.spare_patients[1:]
            ],
            "PATCH /api/v1/patients/{patient_id}/notification-preferences": [
                (patient, {"channels": ["email"], "quiet_from": "21:00", "quiet_until": f"07:{n:02}"})
                for n in range(EACH)
            ],
            "POST /api/v1/patients/{patient_id}/devices": [
                (
                    patient,
                    {"endpoint": f"https://fcm.googleapis.com/fcm/{n}", "keys": {"p256dh": "B" * 87, "auth": "a" * 22}},
                )
                for n in range(EACH)
            ],
            "POST /api/v1/waitlist": [
                ({}, {**patient, "visit_type_id": str(self.visit_types[0]), "provider_id": str(self.make.provider())})
                for _ in range(FEW)
            ],
            "POST /api/v1/family": [({}, {**names, "date_of_birth": "2020-02-03"}) for _ in range(FEW)],
            "POST /api/v1/patients/{patient_id}/guardians": [
                (patient, {"guardian_id": str(self.make.patient()), "relation": "niece"}) for _ in range(EACH)
            ],
            "POST /api/v1/users": [
                ({}, {"email": f"good{n}@fuzz.test", "password": "staple battery", "role": "admin"})
                for n in range(EACH)
            ],
            "POST /api/v1/providers": [({}, {**names, "license_number": f"fuzz {n}"}) for n in range(EACH)],
        }

    def user(self, role: str, **link: UUID) -> tuple[UUID, str]:
        """The id and the address of a new account."""
        email = f"{role}-{ids.new_id()}@fuzz.test"
        return self.make.row("user_account", email=email, password_hash=_PASSWORD_HASH, role=role, **link), email

    def ward(self) -> UUID:
        """Somebody for whom the patient may act."""
        made = self.make.patient()
        self.make.row("guardianship", guardian_id=self.patient, patient_id=made)
        return made

    def guardian(self) -> UUID:
        """Somebody who may act for the patient."""
        made = self.make.patient()
        self.make.row("guardianship", guardian_id=made, patient_id=self.patient)
        return made

    def session(self, user_id: UUID) -> UUID:
        """One more session of this user, with a refresh token that nobody has."""
        until = clock.now() + timedelta(days=1)
        return self.make.row("login_session", user_id=user_id, refresh_hash=b"none", expires_at=until)

    def reset(self) -> str:
        """The token of a link that sets a new password for somebody else."""
        token, until = ids.new_id().hex, clock.now() + timedelta(days=1)
        spare, _ = self.user("staff")
        digest = hashlib.sha256(token.encode()).digest()
        self.make.row("password_reset", user_id=spare, token_hash=digest, expires_at=until)
        return token

    def log_in(self, user: tuple[UUID, str]) -> dict[str, str]:
        """The tokens of a new session."""
        answer = httpx.post(f"{self.service.api}/auth/token", data={"username": user[1], "password": PASSWORD})
        tokens: dict[str, str] = answer.raise_for_status().json()
        return tokens

    def appointments(self, status: str) -> list[UUID]:
        """Visits of the patient in this status, in the days from tomorrow on."""
        return [self.appointment(status, patient_id=self.patient) for _ in range(EACH)]

    def links(self) -> list[str]:
        """The tokens of links to as many visits of somebody who is not changed by the way."""
        facts = {"patient_id": self.make.patient(), "generation": 0}
        visits = [self.appointment("scheduled", patient_id=facts["patient_id"]) for _ in range(EACH)]
        return [links.token_of(Keys(SECRET), appointment_id=visit, **facts) for visit in visits]

    def messages(self) -> list[UUID]:
        """Messages that failed, each about a visit of its own."""
        of = {"clinic_id": self.clinic, "patient_id": self.patient, "version": 1}
        kind = {"kind": "confirmation", "channel": "email", "status": "failed"}
        visits = self.appointments("scheduled")
        return [self.make.row("notification", appointment_id=visit, **of, **kind) for visit in visits]

    def device(self, number: int) -> UUID:
        """A browser of the patient."""
        return self.make.row("push_subscription", patient_id=self.patient, endpoint=bytes([number]), sealed=b"none")

    def holds(self, by: UUID) -> list[UUID]:
        """Times that `by` holds for hours to come."""
        over = clock.now() + timedelta(hours=6)
        return [self.appointment("held", hold_expires_at=over, hold_client=str(by)) for _ in range(EACH)]

    def appointment(self, status: str, **columns: Any) -> UUID:
        start = self.tomorrow + timedelta(minutes=30 * self.taken)
        self.taken += 1
        # Imported rows may begin in any status.
        columns = {"status": status, "origin": "imported", **columns}
        return self.make.appointment(self.providers[0], self.clinic, self.visit_types[0], start, **columns)

    def exception(self, day: int) -> UUID:
        start = self.tomorrow + timedelta(days=400 + day)
        return self.make.exception(self.providers[0], start, start + timedelta(hours=1), status="requested")

    def entry(self, patient: UUID | None = None) -> UUID:
        """A place of the patient, or of somebody else, on the waitlist of a provider who has no time."""
        wish = {"visit_type_id": self.visit_types[0], "provider_id": self.make.provider(), "urgency": "normal"}
        return self.make.row("waitlist_entry", patient_id=patient or self.patient, **wish)

    def offer(self) -> UUID:
        """A time that is kept for the patient for hours to come."""
        return self._offer(self.patient)[0]

    def offer_link(self) -> str:
        """The token of the link to such a time of somebody who is not changed by the way."""
        patient = self.make.patient()
        return links.token_of(Keys(SECRET), appointment_id=self._offer(patient)[1], patient_id=patient, generation=0)

    def _offer(self, patient: UUID) -> tuple[UUID, UUID]:
        over = clock.now() + timedelta(hours=6)
        hold = self.appointment("held", patient_id=patient, hold_expires_at=over, hold_client="waitlist")
        of = {"entry_id": self.entry(patient), "appointment_id": hold, "freed_at": clock.now(), "expires_at": over}
        return self.make.row("waitlist_offer", **of), hold

    def closure(self, day: int) -> UUID:
        start = self.tomorrow + timedelta(days=500 + day)
        return self.make.closure(self.clinic, start, start + timedelta(hours=1))


_VISIT = "/api/v1/appointments/{appointment_id}/visit"
_OFF = "/api/v1/providers/{provider_id}/exceptions/{exception_id}"
_PASSWORD_HASH = hash_password(PASSWORD)
