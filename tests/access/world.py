"""One patient with things to hide, everybody who might look, and as many fresh visits as there are calls to make."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx

from frontdesk import clock, ids
from frontdesk.auth import tokens
from frontdesk.auth.passwords import hash_password
from frontdesk.auth.permissions import Role
from frontdesk.secrets import Keys
from tests.access.callers import Caller, Secret, everybody
from tests.make import STAMP, Make
from tests.service import SECRET, TRUST, Service

PASSWORD = "seven lamps over the harbour"
NEW_PASSWORD = "nine lamps under the orchard"

CANARIES: dict[Secret, dict[str, str]] = {
    Secret.CONTACT: {
        "first_name": "Quillanesca",
        "last_name": "Brontovair",
        "date_of_birth": "1931-02-23",
        "email": "quill.bront@canary.test",
        "phone": "+49 30 5550123987",
        "address": "Wexlumgasse 77",
        "national_id": "NID-8847-ZK",
        "insurance_provider": "Ostravand Mutual",
        "insurance_member_id": "MEM-4471-QX",
        "external_ref": "EXT-9910-VB",
    },
    Secret.BOOKING: {"reason": "a rash named xanthomirel"},
    Secret.CLINICAL: {
        "chief_complaint": "complaint yelvantide",
        "diagnosis": "diagnosis morvaxitis",
        "notes": "notes plenquorin",
        "title": "record drusolvane",
        "body": "body kythermaline",
    },
    Secret.LOG_IN: {"email": "portal.login@canary.test"},
    Secret.COLLEAGUE: {
        "email": "dr.private@canary.test",
        "phone": "+49 30 5559988776",
        "address": "Halvornweg 13",
        "date_of_birth": "1957-11-29",
    },
}
GUARDIAN = {"name": "Ferrindale Ostrix", "phone": "+49 30 5551119999", "relation": "sister"}


@dataclass(frozen=True)
class Account:
    """A log-in of a caller's own making, with PASSWORD."""

    user_id: UUID
    session_id: UUID
    email: str
    token: str
    refresh: str
    login: tokens.Login


class World:
    """`ids` fill the paths. Everything is about `patient`, who sees `provider` at `clinic`."""

    def __init__(self, make: Make, service: Service) -> None:
        self.make, self.service = make, service
        self._numbers = count(1)
        self._hash = hash_password(PASSWORD)
        self.start = datetime.combine(clock.now().date() + timedelta(days=3), time(0), UTC)
        self.clients: dict[str, httpx.Client] = {}
        self._build()

    def _build(self) -> None:
        make, now = self.make, clock.now()
        clinics = [make.clinic(country="DE") for _ in range(3)]
        secretive = {**CANARIES[Secret.COLLEAGUE], "date_of_birth": date(1957, 11, 29)}
        providers = [make.provider(**secretive if number == 0 else {}) for number in range(4)]
        contact = {**CANARIES[Secret.CONTACT], "date_of_birth": date(1931, 2, 23)}
        patient = make.patient(**contact, emergency_contact=json.dumps(GUARDIAN))
        other, self.guardian = make.patient(), make.patient()
        make.row("guardianship", guardian_id=self.guardian, patient_id=patient, relation="brother")
        self.visit_type = make.visit_type()
        self.specialty = make.row("specialty", name="Walking")
        for number, provider in enumerate(providers):
            make.every_day(provider, clinics[0 if number == 0 else 2])
        self.link("provider_clinic", provider_id=providers[0], clinic_id=clinics[0])
        self.link("provider_specialty", provider_id=providers[0], specialty_id=self.specialty)
        self.link("patient_clinic", patient_id=patient, clinic_id=clinics[1])
        self.link("patient_clinic", patient_id=other, clinic_id=clinics[2])
        self.patient, self.other, self.provider, self.clinic = patient, other, providers[0], clinics[0]
        self.other_provider, self.other_clinic = providers[3], clinics[2]
        self.room = make.room(self.clinic)
        done = {"patient_id": patient, "origin": "imported", "status": "completed"}
        # At the third clinic there must be no visit of the patient: its staff stand outside.
        make.appointment(providers[1], clinics[1], self.visit_type, now - timedelta(days=30), **done)
        make.appointment(providers[2], clinics[1], self.visit_type, now - timedelta(days=800), **done)
        ahead = {"patient_id": patient, "origin": "imported"}
        make.appointment(providers[2], clinics[1], self.visit_type, now + timedelta(days=430), **ahead)
        make.appointment(providers[3], clinics[2], self.visit_type, self.start, patient_id=other)
        self.seen = self.visit("completed")
        clinical = CANARIES[Secret.CLINICAL]
        sheet = {name: clinical[name] for name in ("chief_complaint", "diagnosis", "notes")}
        self.link("visit", appointment_id=self.seen, **sheet)
        record = {"patient_id": patient, "kind": "note", "recorded_on": now.date()}
        make.row("medical_record", **record, title=clinical["title"], body=clinical["body"])
        self.patients_user = self._user("patient", CANARIES[Secret.LOG_IN]["email"], patient_id=patient)
        self.callers = everybody(patients=[patient, other, self.guardian], providers=providers, clinics=clinics)
        self.accounts = {caller.name: self.account(caller) for caller in self.callers if not _nobody(caller)}

    def link(self, table: str, **columns: Any) -> None:
        values = {**columns, **STAMP}
        names, marks = ", ".join(values), ", ".join(f"%({name})s" for name in values)
        self.make.conn.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)

    def _user(self, role: str, email: str, **link: Any) -> UUID:
        return self.make.row("user_account", email=email, password_hash=self._hash, role=role, **link)

    def account(self, caller: Caller) -> Account:
        """A new log-in that stands where the caller stands."""
        email = f"user{next(self._numbers)}-{ids.new_id()}@example.test"
        user_id = self._user(caller.role.value, email, **caller.link)
        if caller.has_glass:
            until = clock.now() + timedelta(hours=3)
            glass = {"patient_id": self.patient, "user_id": user_id, "reason": "an emergency"}
            self.make.row("break_glass", **glass, expires_at=until)
        for clinic_id in caller.clinic_ids:
            self.link("user_clinic", user_id=user_id, clinic_id=clinic_id)
        session_id, refresh = ids.new_id(), f"{ids.new_id()}"
        until = datetime.now(UTC) + timedelta(hours=2)
        digest = hashlib.sha256(refresh.encode()).digest()
        self.make.row(
            "login_session",
            id=session_id,
            user_id=user_id,
            refresh_hash=digest,
            expires_at=until,
            acts_for=caller.acts_for,
        )
        link = {"patient_id": None, "provider_id": None, **caller.link}
        if caller.acts_for:
            link |= {"patient_id": caller.acts_for, "guardian_id": caller.link["patient_id"]}
        login = tokens.Login(
            user_id=user_id,
            role=Role(caller.role),
            session_id=session_id,
            clinic_ids=caller.clinic_ids,
            **link,
        )
        token = tokens.write(login, Keys(SECRET).tokens, timedelta(hours=1))
        return Account(user_id, session_id, email, token, refresh, login)

    def next_start(self) -> datetime:
        """A half hour in which nobody is booked."""
        return self.start + timedelta(days=1, minutes=30 * next(self._numbers))

    def visit(self, status: str = "scheduled", **columns: Any) -> UUID:
        """A fresh visit of the patient with the provider at the clinic, with its reason to hide."""
        columns = {"patient_id": self.patient, "reason": CANARIES[Secret.BOOKING]["reason"], **columns}
        place = (self.provider, self.clinic, self.visit_type)
        return self.make.appointment(*place, self.next_start(), status=status, origin="imported", **columns)

    def newcomer(self) -> UUID:
        """A patient without history."""
        return self.make.patient()

    def client(self, caller_or_token: Caller | str | None) -> httpx.Client:
        """A client with that token, kept alive."""
        if isinstance(caller_or_token, Caller):
            caller_or_token = self.accounts[caller_or_token.name].token if not _nobody(caller_or_token) else None
        key = caller_or_token or ""
        if key not in self.clients:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            self.clients[key] = httpx.Client(base_url=self.service.url, headers=headers, timeout=30, verify=TRUST)
        return self.clients[key]

    def close(self) -> None:
        for client in self.clients.values():
            client.close()

    def leaked(self, caller: Caller, response: httpx.Response, asked: str) -> list[str]:
        """The planted values in an answer that this caller may not be told, except those they sent themselves."""
        told = response.text + json.dumps(dict(response.headers))
        secrets = {kind: list(values.values()) for kind, values in CANARIES.items()}
        secrets[Secret.CONTACT] += [GUARDIAN["name"], GUARDIAN["phone"]]
        secrets[Secret.PRESENCE] = [str(self.patient)]
        kept = [value for kind, values in secrets.items() if kind not in caller.reads for value in values]
        return [value for value in kept if value in told and value not in asked]


def _nobody(caller: Caller) -> bool:
    return caller.role is Role.ANONYMOUS
