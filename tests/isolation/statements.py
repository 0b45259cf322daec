"""The steps of the specs: the service's own statements, from its own query files, in the service's own order."""

from typing import Any
from uuid import UUID

from frontdesk import clock, ids
from frontdesk.sql import load
from tests.concurrency.rows import Rows, span
from tests.isolation.tester import text
from tests.make import STAMP

_booking = load("frontdesk.booking")
_providers = load("frontdesk.providers")


class Statements:
    """The text of each step. All is about the first provider of `rows`; times are minutes after nine, lengths 30."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.place = {"provider_id": rows.providers[0], "clinic_id": rows.clinic}
        self.made: dict[UUID, str] = {}

    def book(self, who: str) -> dict[str, str]:
        """The steps of a booking, with patients and starts as the specs tell them."""
        starts = {"first": 0, "second": 15, "next": 30, "taker": 0, "booker": 60}
        return {f"{who}_claims": self.claim(who, starts[who])}

    def claim(self, who: str, minutes: int) -> str:
        """Book for a patient of their own."""
        appointment_id = ids.new_id()
        self.made[appointment_id] = who
        return text(
            _booking.insert_appointment,
            id=appointment_id,
            patient_id=self.rows.make.patient(),
            visit_type_id=self.rows.visit_type,
            status="scheduled",
            mode="in_person",
            **self._time(minutes),
            **dict.fromkeys(
                ("room_id", "reason", "override_reason", "hold_expires_at", "hold_token_hash", "hold_client")
            ),
            overridden=[],
            **self.place,
            **STAMP,
        )

    def hold_schedule(self) -> str:
        """What a booking does first."""
        return text(_booking.hold_schedule, **self.place)

    def lock_provider(self) -> str:
        """What a change of hours does first."""
        return text(_providers.lock_provider, provider_id=self.rows.providers[0])

    def locks(self, appointment_id: UUID, patient_id: UUID) -> str:
        """What every change of an appointment does first."""
        keys = [self.rows.providers[0], patient_id]
        return "\n".join(
            (
                text(_booking.lock_appointment, id=appointment_id),
                text(_booking.lock_claims, keys=keys),
                text(_booking.lock_row, id=appointment_id),
            )
        )

    def look(self, appointment_id: UUID, patient_id: UUID, minutes: int) -> str:
        """What is in the way of a move."""
        here = {"provider_id": self.rows.providers[0], "patient_id": patient_id, "room_id": None}
        return text(_booking.in_the_way, except_id=appointment_id, now=clock.now(), **here, **self._time(minutes))

    def move(self, appointment_id: UUID, minutes: int) -> str:
        """Give the old time back and take the new one."""
        return text(
            _booking.move,
            id=appointment_id,
            **self._time(minutes),
            **dict.fromkeys(("room_id", "reason", "override_reason")),
            overridden=[],
            **self.place,
            **STAMP,
        )

    def arrive(self, appointment_id: UUID) -> str:
        """No show, and yet here."""
        return text(_booking.step, id=appointment_id, status="checked_in", status_reason=None, **STAMP)

    def _time(self, minutes: int) -> dict[str, Any]:
        during = span(minutes, minutes + 30)
        return {"during": during, "claims": during, "lane": 0, "overbook": False}
