"""Test data, written by plain SQL so that it does not depend on the service under test."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.range import TimestamptzRange

from frontdesk import demo, ids
from frontdesk.auth import tokens
from frontdesk.auth.passwords import hash_password
from frontdesk.auth.permissions import Role
from frontdesk.secrets import Keys
from tests.canaries import BORN_ON, WORD
from tests.service import SECRET

_numbers = count(1)
STAMP = {"changed_by": ids.SYSTEM, "request_id": ids.SYSTEM}
LONG_AGO = date(2000, 1, 3)


@cache
def _insert(table: str, *columns: str) -> bytes:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(map(sql.Placeholder, columns)),
    )
    return statement.as_bytes()


class Make:
    """One row a call; every argument has a sensible default, `columns` override it."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self.conn = conn

    def row(self, table: str, **columns: Any) -> UUID:
        values = {"id": ids.new_id(), **STAMP, **columns}
        self.conn.execute(_insert(table, *values), values)
        made: UUID = values["id"]
        return made

    def clinic(self, time_zone: str = "UTC", **columns: Any) -> UUID:
        return self.row("clinic", name=f"Clinic {next(_numbers)}", time_zone=time_zone, **columns)

    def room(self, clinic_id: UUID, kind: str = "consultation", **columns: Any) -> UUID:
        return self.row("room", clinic_id=clinic_id, name=f"Room {next(_numbers)}", kind=kind, **columns)

    def visit_type(self, duration_min: int = 30, **columns: Any) -> UUID:
        """Without notice and with a long horizon unless said otherwise."""
        defaults = {"slot_step_min": duration_min, "min_notice_min": 0, "horizon_days": 730}
        name = f"Visit {next(_numbers)}"
        return self.row("visit_type", name=name, duration_min=duration_min, **{**defaults, **columns})

    def provider(self, **columns: Any) -> UUID:
        defaults = {"first_name": "Ana", "last_name": "Lima", "license_number": f"L-{ids.new_id()}"}
        return self.row("provider", **{**defaults, **columns})

    def patient(self, **columns: Any) -> UUID:
        defaults = {"first_name": "Pat", "last_name": f"{WORD} {next(_numbers)}", "date_of_birth": BORN_ON}
        return self.row("patient", **{**defaults, **columns})

    def schedule(
        self, provider_id: UUID, clinic_id: UUID, weekday: int, start: str = "09:00", end: str = "17:00", **columns: Any
    ) -> UUID:
        defaults = {"effective_from": LONG_AGO}
        return self.row(
            "schedule",
            provider_id=provider_id,
            clinic_id=clinic_id,
            weekday=weekday,
            start_time=time.fromisoformat(start),
            end_time=time.fromisoformat(end),
            **{**defaults, **columns},
        )

    def every_day(self, provider_id: UUID, clinic_id: UUID, start: str = "00:00", end: str = "00:00") -> None:
        """Working hours on all seven days; without times, around the clock."""
        for weekday in range(1, 8):
            self.schedule(provider_id, clinic_id, weekday, start, end)

    def exception(self, provider_id: UUID, start: datetime, end: datetime, **columns: Any) -> UUID:
        defaults = {"kind": "time_off", "status": "approved"}
        during = TimestamptzRange(start, end)
        return self.row("schedule_exception", provider_id=provider_id, during=during, **{**defaults, **columns})

    def closure(self, clinic_id: UUID, start: datetime, end: datetime) -> UUID:
        return self.row("closure", clinic_id=clinic_id, during=TimestamptzRange(start, end))

    def appointment(
        self,
        provider_id: UUID,
        clinic_id: UUID,
        visit_type_id: UUID,
        start: datetime,
        minutes: int = 30,
        **columns: Any,
    ) -> UUID:
        during = TimestamptzRange(start, start + timedelta(minutes=minutes))
        defaults = {"status": "scheduled", "claims": during}
        return self.row(
            "appointment",
            provider_id=provider_id,
            clinic_id=clinic_id,
            visit_type_id=visit_type_id,
            during=during,
            **{**defaults, **columns},
        )

    def demo_log_ins(
        self, patient_id: UUID | None = None, provider_id: UUID | None = None, clinic_id: UUID | None = None
    ) -> None:
        """The accounts that the demo makes, in a database of the test's own. Their password is the demo's."""
        links = {
            "patient": {"patient_id": patient_id or self.patient()},
            "provider": {"provider_id": provider_id or self.provider()},
        }
        secret_hash = hash_password(demo.PASSWORD)
        for email, role in demo.LOGINS.items():
            user = self.row("user_account", email=email, password_hash=secret_hash, role=role, **links.get(role, {}))
            if role == "staff" and clinic_id:
                self.conn.execute(
                    "INSERT INTO user_clinic (user_id, clinic_id, changed_by, request_id) VALUES (%s, %s, %s, %s)",
                    (user, clinic_id, *STAMP.values()),
                )

    def token(
        self,
        role: str,
        *,
        patient_id: UUID | None = None,
        provider_id: UUID | None = None,
        clinic_ids: tuple[UUID, ...] = (),
    ) -> str:
        """An access token of a user who exists and is logged in."""
        link = {"patient_id": patient_id, "provider_id": provider_id}
        user_id = self.row(
            "user_account",
            email=f"user{next(_numbers)}-{ids.new_id()}@example.test",
            password_hash="none",
            role=role,
            **link,
        )
        for clinic_id in clinic_ids:
            self.conn.execute(
                "INSERT INTO user_clinic (user_id, clinic_id, changed_by, request_id) VALUES (%s, %s, %s, %s)",
                (user_id, clinic_id, ids.SYSTEM, ids.SYSTEM),
            )
        session = {"user_id": user_id, "refresh_hash": b"none", "expires_at": datetime.now(UTC) + timedelta(hours=2)}
        session_id = self.row("login_session", **session)
        login = tokens.Login(user_id=user_id, role=Role(role), session_id=session_id, clinic_ids=clinic_ids, **link)
        return tokens.write(login, Keys(SECRET).tokens, timedelta(hours=1))
